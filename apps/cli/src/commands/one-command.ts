/** Wishes that the worker carries out in its lane: sent, waited for, and told what came of them. */
import { randomUUID } from 'node:crypto';
import { openBaseReader } from '@lazysync/base';
import type { CommandName, RelPath } from '@lazysync/event-model';
import { systemClock } from '@lazysync/ops';
import { createPublisher, openRedis } from '@lazysync/queue';
import { timeoutOf } from '../durations.ts';
import { notAtRest, refused } from '../exit.ts';
import { baseFile, findPairOnly, type KnownPair, type PairChoice } from '../find-pairs.ts';
import { readReports, refuseHalted } from '../pair-reports.ts';
import { withSignals } from '../signals.ts';

const EVERY_MS = 100;
const PUBLISH_MS = 10_000;

export interface Wish {
  readonly command: CommandName;
  readonly at: RelPath;
  readonly arg?: string;
}

async function requireRunning(pair: KnownPair): Promise<void> {
  const [report] = await readReports([pair]);
  if (report !== undefined) refuseHalted(report);
  if (report === undefined || report.status.worker.length === 0 || pair.redis === null)
    throw refused(`Nothing runs for the pair ${pair.id}: start it with "lazysync up".`);
}

async function send(pair: KnownPair, wish: Wish, id: string): Promise<void> {
  if (pair.redis === null) return;
  const link = openRedis(pair.redis, { name: 'lazysync-cli' });
  const publisher = createPublisher({ pair: pair.id, producer: 'cli', redis: link, epoch: id, closeMs: PUBLISH_MS });
  try {
    const event = { kind: 'command', side: 'local', path: wish.at, id, command: wish.command } as const;
    await publisher.publish([wish.arg === undefined ? event : { ...event, arg: wish.arg }]);
  } finally {
    await publisher.close();
    await link.close();
  }
}

/** Answers with the worker's sentence. Exit 1: nothing runs; 3: not within the time. */
export async function carryOut(pair: KnownPair, wish: Wish, timeoutMs: number): Promise<string> {
  await requireRunning(pair);
  const id = randomUUID();
  return withSignals(async (signal) => {
    await send(pair, wish, id);
    const base = openBaseReader(baseFile(pair));
    try {
      for (const end = performance.now() + timeoutMs; ; ) {
        const result = base.commandResult(id);
        if (result !== null) return result;
        if (performance.now() > end)
          throw notAtRest('Not done in time; it stays in the queue and is carried out in its turn.');
        await systemClock.sleep(EVERY_MS, signal);
        signal.throwIfAborted();
      }
    } finally {
      base.close();
    }
  });
}

export interface CommandOptions extends PairChoice {
  readonly timeout: string;
}

export async function pathCommand(
  command: 'free' | 'rescan',
  paths: readonly (string | undefined)[],
  options: CommandOptions,
): Promise<void> {
  for (const path of paths) {
    const pair = await findPairOnly(path === undefined ? options : { ...options, path });
    process.stdout.write(`${await carryOut(pair, { command, at: pair.at }, timeoutOf(options.timeout))}\n`);
  }
}

export async function patternCommand(
  command: 'pin' | 'unpin',
  patterns: readonly string[],
  options: CommandOptions,
): Promise<void> {
  const pair = await findPairOnly(options);
  for (const arg of patterns) {
    const result = await carryOut(pair, { command, at: '' as RelPath, arg }, timeoutOf(options.timeout));
    process.stdout.write(`${arg}: ${result}\n`);
  }
}
