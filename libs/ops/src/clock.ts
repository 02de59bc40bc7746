/** Time as something that is passed in, so that a simulation can own it. */
import { setTimeout as timer } from 'node:timers/promises';

export interface Clock {
  /** ms since 1970: for what is shown or compared with times of files. It may be set, by hours and back. */
  now(): number;
  /** ms since some moment, on a clock that nobody sets: for everything that lasts. */
  elapsed(): number;
  /** Resolves after `ms`, or as soon as `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  async sleep(ms, signal) {
    if (signal?.aborted === true) return;
    try {
      await timer(ms, undefined, signal === undefined ? undefined : { signal });
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
    }
  },
};
