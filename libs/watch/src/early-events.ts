/**
 * RACE: a watch that is added through the thread pool may fire before its number has come back. Such events wait for
 * their directory, as long as any watch is on its way.
 */
import type { InotifyEvent } from './inotify-events.ts';

export interface EarlyEvents {
  /** A watch is on its way; the answer is called when it has come, or failed. */
  expect(): () => void;
  /** Watches that are on their way. */
  expected(): number;
  keep(event: InotifyEvent): void;
  /** What came early for this watch. */
  take(wd: number): readonly InotifyEvent[];
}

const LIMIT = 10_000;

export function createEarlyEvents(): EarlyEvents {
  const early = new Map<number, InotifyEvent[]>();
  let kept = 0;
  let expected = 0;
  return {
    expect() {
      expected++;
      return () => {
        expected--;
        if (expected > 0) return;
        early.clear();
        kept = 0;
      };
    },
    expected: () => expected,
    keep(event) {
      if (expected === 0 || kept >= LIMIT) return;
      const list = early.get(event.wd);
      if (list === undefined) early.set(event.wd, [event]);
      else list.push(event);
      kept++;
    },
    take(wd) {
      const list = early.get(wd) ?? [];
      early.delete(wd);
      kept -= list.length;
      return list;
    },
  };
}
