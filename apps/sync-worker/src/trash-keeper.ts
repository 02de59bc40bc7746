/** What has been in the trash long enough, or is too much, is removed for good: asked of the lane now and then, like everything else. */
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import { ROOT, type SyncEvent } from '@lazysync/event-model';

const FIRST_MS = 10 * 60_000;
const EVERY_MS = 6 * 3_600_000;
/** A clock that differs from what has passed by more than this, ms, was set. */
const SET_MS = 600_000;

export interface TrashLimits {
  /** How long things stay, ms. */
  readonly keep: number;
  /** How much of each side stays, bytes. */
  readonly maxSize: number;
}

export interface TrashClock {
  /** ms since 1970. */
  readonly now: () => number;
  /** ms that have passed, sleep of the machine included, on a clock that nobody sets. */
  readonly passed: () => number;
}

const systemTrashClock: TrashClock = { now: () => Date.now(), passed: () => os.uptime() * 1000 };

/** The answer ends it. */
export function keepTrashSmall(
  publish: (event: SyncEvent) => Promise<void>,
  limits: TrashLimits,
  clock: TrashClock = systemTrashClock,
): () => void {
  if (!Number.isFinite(limits.keep) && !Number.isFinite(limits.maxSize)) return () => undefined;
  let began = clock.now() - clock.passed();
  const ask = (): void => {
    const begins = clock.now() - clock.passed();
    const wasSet = Math.abs(begins - began) > SET_MS;
    began = begins;
    // By a clock that is wrong for a while everything may look old: a round later it is either right or here to stay.
    if (wasSet) return;
    const event = {
      kind: 'command',
      side: 'local',
      path: ROOT,
      id: randomUUID(),
      command: 'empty-trash',
      arg: `${Math.max(1, limits.keep)},${limits.maxSize}`,
    } as const;
    // Redis is away: the next round asks again.
    publish(event).catch(() => undefined);
  };
  const first = setTimeout(ask, FIRST_MS);
  const again = setInterval(ask, EVERY_MS);
  first.unref();
  again.unref();
  return () => {
    clearTimeout(first);
    clearInterval(again);
  };
}
