/** What both scans share: when one runs, and who waits for it. */
import type { Timers } from './settle.ts';

export interface ScanResult {
  /** Events that were news. */
  readonly published: number;
  /** null, or why the tree could not be looked at as a whole. */
  readonly problem: string | null;
  /** Something may have slipped through: one more, soon. */
  readonly again?: boolean;
}

export interface Scanner {
  /** Begins to scan, at once or after some ms, and goes on at its interval. */
  start(afterMs?: number): void;
  /** Resolves when a whole scan that started after this call is through. */
  scanNow(): Promise<ScanResult>;
  /** A scan soon, for nobody in particular. */
  nudge(): void;
  /** Resolves when nothing of it runs any more, at most a call's deadline later. */
  stop(): Promise<void>;
}

export interface ScanLoopOptions {
  readonly timers: Timers;
  /**
   * ms from the end of a scan to the start of the next; a scan that took longer than this waits as long as it took. One
   * that failed is tried again after 2 s, then less and less often, up to every 30 s.
   */
  readonly intervalMs: (tookMs: number) => number;
  /** Rejects only for bugs and when the remote is offline. `asked`: somebody waits for the result. */
  readonly scan: (asked: boolean) => Promise<ScanResult>;
  /** After each scan. */
  readonly done?: (result: ScanResult) => void;
}

const LONGEST_BACKOFF_MS = 30_000;

export function createScanLoop(options: ScanLoopOptions): Scanner {
  const { timers, intervalMs, scan } = options;
  let waiters: ((result: ScanResult) => void)[] = [];
  let timer: { cancel(): void } | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let failures = 0;
  let repeated = false;
  let stopped = false;

  const run = async (): Promise<void> => {
    const asking = waiters;
    waiters = [];
    again = false;
    const began = timers.now();
    let result: ScanResult;
    try {
      result = await scan(asking.length > 0);
    } catch (error) {
      result = { published: 0, problem: error instanceof Error ? error.message : String(error) };
    }
    failures = result.problem === null ? 0 : failures + 1;
    const soon = result.again === true && !repeated;
    repeated = soon;
    options.done?.(result);
    for (const tell of asking) tell(result);
    const took = timers.now() - began;
    const pause = failures === 0 ? intervalMs(took) : Math.min(1_000 * 2 ** failures, LONGEST_BACKOFF_MS);
    next(soon && failures === 0 ? 0 : Math.max(pause, took));
  };

  const begin = (): void => {
    timer?.cancel();
    timer = undefined;
    if (stopped || running !== undefined) return;
    running = run().finally(() => {
      running = undefined;
      // Somebody asked while it ran: their scan has to start after they asked.
      if (waiters.length > 0 || again) begin();
    });
  };

  const next = (ms: number): void => {
    if (stopped) return;
    timer?.cancel();
    timer = timers.after(ms, begin);
  };

  return {
    start: (afterMs = 0) => (afterMs === 0 ? begin() : next(afterMs)),
    scanNow() {
      if (stopped) return Promise.resolve({ published: 0, problem: 'the watcher is stopping' });
      const done = new Promise<ScanResult>((resolve) => waiters.push(resolve));
      begin();
      return done;
    },
    nudge() {
      again = true;
      begin();
    },
    async stop() {
      stopped = true;
      timer?.cancel();
      await running;
      for (const tell of waiters) tell({ published: 0, problem: 'the watcher is stopping' });
      waiters = [];
    },
  };
}
