/** `lazysync get PATH…`: downloads now, and waits until everything asked for is a copy. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type BaseReader, openBaseReader, type StoredProblem } from '@lazysync/base';
import { showPath } from '@lazysync/config';
import { isSameOrBelow, type RelPath, type SyncEvent } from '@lazysync/event-model';
import { isFlocked, systemClock } from '@lazysync/ops';
import { createPublisher, openRedis } from '@lazysync/queue';
import { timeoutOf } from '../durations.ts';
import { notAtRest, refused, usage } from '../exit.ts';
import { baseFile, findPairOnly, type KnownPair } from '../find-pairs.ts';
import { readReports, refuseHalted } from '../pair-reports.ts';
import { createProgressLine } from '../progress-line.ts';
import { Stopped, withSignals } from '../signals.ts';
import { pairLockFile } from '../up-lock.ts';
import { bytes, plural } from '../words.ts';

export interface GetOptions {
  readonly paths: readonly string[];
  readonly timeout: string;
}

interface Wish {
  readonly pair: KnownPair;
  readonly paths: RelPath[];
}

const EVERY_MS = 200;
const LOOK_MS = 1_000;
/** Without processes for this long nothing runs. */
const GRACE_MS = 5_000;
/** The command itself is carried out in order: until then what it starts can not be seen. */
const PUBLISH_MS = 10_000;

export async function get({ paths, timeout }: GetOptions): Promise<void> {
  const timeoutMs = timeoutOf(timeout);
  const wishes = new Map<string, Wish>();
  for (const wish of paths) {
    const pair = await findPairOnly({ path: wish });
    const file = path.join(pair.local, pair.at);
    if (fs.lstatSync(file, { throwIfNoEntry: false }) === undefined) throw usage(`${showPath(wish)} does not exist.`);
    const known = wishes.get(pair.local) ?? { pair, paths: [] };
    known.paths.push(pair.at);
    wishes.set(pair.local, known);
  }
  await withSignals(async (signal) => {
    try {
      for (const wish of wishes.values()) await getOf(wish, timeoutMs, signal);
    } catch (error) {
      if (signal.aborted && signal.reason instanceof Stopped)
        throw notAtRest('Stopped; what was asked for goes on being downloaded.');
      throw error;
    }
  });
}

async function getOf({ pair, paths }: Wish, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const [report] = await readReports([pair]);
  if (report !== undefined) refuseHalted(report);
  if (report === undefined || report.status.worker.length === 0 || pair.redis === null)
    throw refused(`Nothing runs for the pair ${pair.id}: start it with "lazysync up".`);
  const base = openBaseReader(baseFile(pair));
  const progress = createProgressLine(process.stdout);
  try {
    const before = stubsOf(base, paths);
    if (before.length === 0) {
      process.stdout.write('Everything is here already.\n');
      return;
    }
    // By what they are, not by the clock, which may be set meanwhile.
    const known = new Set(base.problems().map(nameOfProblem));
    await publish(pair, paths);
    const end = performance.now() + timeoutMs;
    const alive = createAliveCheck(pair);
    for (;;) {
      const left = stubsOf(base, paths);
      const failed = base
        .problems()
        .filter((one) => !known.has(nameOfProblem(one)) && paths.some((asked) => isSameOrBelow(one.path, asked)));
      if (left.length === 0) break;
      if (failed.length > 0 && left.every((stub) => failed.some((one) => one.path === stub.path)))
        throw refused(failed.map((one) => `${showPath(one.path)}: ${one.message}`).join('\n'));
      // A link that is away for a moment is no end: what is under way goes on when it is back.
      const offline = await alive(left.length < before.length);
      const waits = offline === null ? '' : `; ${offline}`;
      progress.show(
        `${plural(before.length - left.length, 'file')} of ${before.length}, ${bytes(sizeOf(left))} to go${waits}`,
      );
      if (performance.now() > end)
        throw notAtRest(
          `${plural(left.length, 'file')} not here after ${timeoutMs / 1000} s; the downloads go on${waits}.`,
        );
      await systemClock.sleep(EVERY_MS, signal);
      signal.throwIfAborted();
    }
    progress.clear();
    process.stdout.write(`${plural(before.length, 'file')}, ${bytes(sizeOf(before))}: here.\n`);
  } finally {
    progress.clear();
    base.close();
  }
}

const nameOfProblem = ({ path, since }: StoredProblem): string => `${since} ${path}`;

interface Stub {
  readonly path: RelPath;
  readonly size: number;
}

/** What is not here yet of what was asked for. */
function stubsOf(base: BaseReader, paths: readonly RelPath[]): Stub[] {
  const found = new Map<RelPath, Stub>();
  for (const asked of paths) {
    const row = base.get(asked);
    const rows = row === null || row.kind === 'directory' ? base.below(asked) : [row];
    for (const one of rows)
      if (one.kind === 'file' && one.form === 'stub') found.set(one.path, { path: one.path, size: one.remote.size });
  }
  return [...found.values()];
}

function sizeOf(stubs: readonly Stub[]): number {
  return stubs.reduce((sum, { size }) => sum + size, 0);
}

async function publish(pair: KnownPair, paths: readonly RelPath[]): Promise<void> {
  if (pair.redis === null) return;
  const link = openRedis(pair.redis, { name: 'lazysync-cli' });
  const epoch = `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`;
  const publisher = createPublisher({ pair: pair.id, producer: 'cli', redis: link, epoch, closeMs: PUBLISH_MS });
  try {
    const events = paths.map(
      (at, index): SyncEvent => ({ kind: 'command', side: 'local', path: at, id: `${epoch}-${index}`, command: 'get' }),
    );
    await publisher.publish(events);
  } finally {
    await publisher.close();
    await link.close();
  }
}

/**
 * Now and then: does anybody still work, and is there something to wait for? Answers why nothing comes at the moment; at a
 * remote that does not answer from the first it ends.
 */
function createAliveCheck(pair: KnownPair): (underWay: boolean) => Promise<string | null> {
  let lastLook = 0;
  let offline: string | null = null;
  let wasThere = false;
  let absentSince: number | null = null;
  return async (underWay) => {
    const now = performance.now();
    if (now - lastLook < LOOK_MS) return offline;
    lastLook = now;
    const [report] = await readReports([pair]);
    if (report === undefined) return offline;
    const { state } = report.status;
    const because = report.why === null ? '' : `: ${report.why.replace(/\.$/, '')}`;
    absentSince = state === 'stopped' ? (absentSince ?? now) : null;
    // CRASH: an "up" that runs starts again what died.
    const comesBack =
      absentSince === null || now - absentSince < GRACE_MS || isFlocked(pairLockFile(path.dirname(baseFile(pair))));
    if (!comesBack) throw refused(`Nothing runs for the pair ${pair.id} any more.`);
    if (
      state === 'paused' ||
      state === 'held' ||
      state === 'halted' ||
      (state === 'remote-offline' && !wasThere && !underWay)
    )
      throw notAtRest(`The pair ${pair.id} is ${state}${because}.`);
    offline = state === 'remote-offline' ? `${state}${because}` : null;
    wasThere ||= offline === null && absentSince === null;
    return offline;
  };
}
