/**
 * What could not be done is tried again by itself: each path with a wait of its own that doubles, so that a full disk or
 * a file without permission costs little, and is noticed soon when somebody has mended it.
 */
import type { StoredProblem } from '@lazysync/base';
import { type Problem, type RelPath, ROOT, type SyncEvent } from '@lazysync/event-model';

/** These change only by what somebody does to the path, and that is told or found by a scan. */
const BY_HINT: ReadonlySet<Problem['code']> = new Set([
  'special-file',
  'bad-name',
  'name-refused',
  'other-pair',
  'held',
]);

const FIRST_MS = 2_000;
const LONGEST_MS = 300_000;
const LOOK_MS = 1_000;
/** Paths in one job. */
const MANY = 200;

export interface RetryOptions {
  readonly problems: () => readonly StoredProblem[];
  readonly publish: (events: readonly SyncEvent[]) => Promise<void>;
  /** ms; only differences count. */
  readonly now: () => number;
  readonly error: (error: Error) => void;
  /** ms between looks; default 1 s. */
  readonly everyMs?: number;
}

interface Waiting {
  readonly waitMs: number;
  readonly due: number;
}

/** Which problems are due, and when they are due the next time. */
export function createRetryPlan(): (problems: readonly StoredProblem[], now: number) => readonly RelPath[] {
  let waiting = new Map<RelPath, Waiting>();
  return (problems, now) => {
    const next = new Map<RelPath, Waiting>();
    const due: RelPath[] = [];
    for (const { path, code } of problems) {
      if (path === ROOT || BY_HINT.has(code)) continue;
      const known = waiting.get(path) ?? { waitMs: FIRST_MS, due: now + FIRST_MS };
      if (now < known.due || due.length >= MANY) {
        next.set(path, known);
        continue;
      }
      due.push(path);
      const waitMs = Math.min(known.waitMs * 2, LONGEST_MS);
      next.set(path, { waitMs, due: now + waitMs });
    }
    waiting = next;
    return due;
  };
}

export function retryProblems(options: RetryOptions): { stop(): Promise<void> } {
  const plan = createRetryPlan();
  let running: Promise<void> = Promise.resolve();
  let busy = false;

  const look = async (): Promise<void> => {
    const due = plan(options.problems(), options.now());
    if (due.length === 0) return;
    // Both sides are looked at: nobody knows which of them was mended.
    await options.publish(
      due.flatMap((path): SyncEvent[] => [
        { kind: 'modify', side: 'local', path },
        { kind: 'modify', side: 'remote', path },
      ]),
    );
  };

  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = look()
      .catch((error: unknown) => options.error(error instanceof Error ? error : new Error(String(error))))
      .finally(() => {
        busy = false;
      });
  }, options.everyMs ?? LOOK_MS);
  return {
    stop: () => {
      clearInterval(timer);
      // What still waits for Redis ends with the publisher.
      return busy ? Promise.resolve() : running;
    },
  };
}
