/** `lazysync up`: everything a pair needs, in the foreground. */
import path from 'node:path';
import { openBaseReader } from '@lazysync/base';
import type { EffectivePair } from '@lazysync/config';
import { refused } from '../exit.ts';
import { type Foreground, inForeground } from '../foreground.ts';
import { parseLogLevel, parsePort, planRun, type RunPlan } from '../plan-run.ts';
import { programName } from '../program-name.ts';
import { readyLine, someStub, statusLine, tryLine } from '../ready-text.ts';
import { whenAborted } from '../signals.ts';

export interface StartOptions {
  readonly remote: string;
  readonly local: string;
  readonly id?: string;
  readonly state?: string;
  readonly redis?: string;
  readonly logLevel?: string;
}

export interface UpOptions extends StartOptions {
  readonly port: string;
  readonly dashboard: boolean;
}

export function planOf({ remote, local, id, state, redis, logLevel }: StartOptions): Promise<RunPlan> {
  const named = redis ?? process.env.REDIS_URL;
  return planRun({
    pairs: [{ remote, local, id }],
    state,
    redis: redis === undefined && named === '' ? undefined : named,
    logLevel: parseLogLevel(logLevel),
  });
}

export async function up(options: UpOptions): Promise<void> {
  const port = options.dashboard ? parsePort(options.port) : null;
  const plan = await planOf(options);
  await inForeground(plan, { port }, async (foreground) => {
    const { run, signal } = foreground;
    const shown = run.effective.pairs.map((pair) => showReady(foreground, pair, plan));
    await Promise.all(shown);
    await foreground.unlessBroken(whenAborted(signal));
  });
}

async function showReady({ ready, run, progress, log }: Foreground, pair: EffectivePair, plan: RunPlan): Promise<void> {
  const readiness = await ready(pair);
  progress.clear();
  const isOnly = plan.pairs.length === 1;
  if (readiness.kind === 'halted') {
    const message = `The pair ${pair.id} is halted: ${readiness.why}`;
    if (isOnly) throw refused(message);
    log.error({ pair: pair.id }, message);
    return;
  }
  const local = plan.pairs.find(({ id }) => id === pair.id)?.shownLocal ?? pair.local;
  const lines = [readyLine(readiness, isOnly ? null : pair.id)];
  const stub = readiness.kind === 'ready' && isOnly ? someStubOf(pair) : null;
  if (stub !== null) lines.push(tryLine(local, stub));
  if (isOnly) lines.push(statusLine(programName(), local, run.url()));
  process.stdout.write(`${lines.join('\n')}\n`);
}

function someStubOf(pair: EffectivePair): ReturnType<typeof someStub> {
  const base = openBaseReader(path.join(pair.state, 'base.db'));
  try {
    return someStub(base);
  } finally {
    base.close();
  }
}
