/** A start that lives as long as this command: logs, signals, processes, and their end. */
import type { EffectivePair } from '@lazysync/config';
import { keepMemorySmall, type Logger } from '@lazysync/ops';
import { createLogger } from '@lazysync/ops/logger';
import { EXIT, GaveUp } from './exit.ts';
import type { HeadStart } from './head-start.ts';
import { prettyLine } from './log-lines.ts';
import type { RunPlan } from './plan-run.ts';
import { createProgressLine, type ProgressLine } from './progress-line.ts';
import { type Run, startRun } from './run.ts';
import { Stopped, withSignals } from './signals.ts';
import { type Readiness, untilReady } from './until-ready.ts';
import { count } from './words.ts';

export interface Foreground {
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly progress: ProgressLine;
  readonly log: Logger;
  /** Rejects with GaveUp if the processes do not get that far. */
  ready(pair: EffectivePair): Promise<Readiness>;
  /** What `promise` gives, unless the processes break down before: then GaveUp. */
  unlessBroken<T>(promise: Promise<T>): Promise<T>;
}

export interface ForegroundOptions {
  /** null: no dashboard. */
  readonly port: number | null;
  /** Left out or null: none was begun. */
  readonly headStart?: HeadStart | null;
}

/** Starts the plan, runs `act`, and stops everything. Asked to end by a signal, it resolves with undefined. */
export async function inForeground<T>(
  plan: RunPlan,
  { port, headStart = null }: ForegroundOptions,
  act: (foreground: Foreground) => Promise<T>,
): Promise<T | undefined> {
  const progress = createProgressLine(process.stdout);
  const say = (text: string): void => {
    progress.clear();
    process.stderr.write(`${text}\n`);
  };
  const isPretty = process.stderr.isTTY === true;
  const line = (name: string, text: string): void => say(isPretty ? prettyLine(name, text) : text);
  const log = createLogger({
    name: 'lazysync',
    level: plan.logLevel,
    pretty: false,
    destination: { write: (text: string) => line('lazysync', text.trimEnd()) },
  });
  for (const notice of plan.notices) say(`lazysync: ${notice}`);
  const memory = keepMemorySmall();
  return await withSignals(async (signal) => {
    try {
      const run = await startRun(plan, { port, log, line, signal, headStart });
      try {
        return await act(around(run, signal, progress, log));
      } finally {
        progress.clear();
        await run.stop();
      }
    } catch (error) {
      if (signal.aborted && signal.reason instanceof Stopped) return undefined;
      throw error;
    } finally {
      memory.stop();
    }
  });
}

function around(run: Run, signal: AbortSignal, progress: ProgressLine, log: Logger): Foreground {
  // A thousand pairs are not looked at forty times a second each.
  const everyMs = Math.max(25, 10 * run.effective.pairs.length);
  const over = new AbortController();
  const broken = run.broken.then(({ message, lines }) => {
    throw new GaveUp(EXIT.refused, [message, ...lines.map((one) => `  ${one}`)].join('\n'));
  });
  // It may break while nobody asks.
  broken.catch(() => over.abort());
  const unlessBroken = <T>(promise: Promise<T>): Promise<T> => Promise.race([promise, broken]);
  return {
    run,
    signal,
    progress,
    log,
    unlessBroken,
    ready: (pair) =>
      unlessBroken(
        untilReady(run.effective, pair, {
          signal: AbortSignal.any([signal, over.signal]),
          everyMs,
          workerUptime: () => run.uptime('sync-worker'),
          progress: (done, total) => progress.show(`mirroring ${count(done)} of ${count(total)}`),
        }),
      ),
  };
}
