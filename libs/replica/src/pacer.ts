/** Keeps the bytes of all transfers in one direction within a limit, however many run side by side. */
import type { Clock } from '@lazysync/ops';

export interface Pacer {
  /** `bytes` have moved: waits until as many as `limit` per second would have taken so long. */
  moved(bytes: number, limit: number, signal?: AbortSignal): Promise<void>;
}

export function createPacer(clock: Pick<Clock, 'elapsed' | 'sleep'>): Pacer {
  let free = 0;
  return {
    async moved(bytes, limit, signal) {
      free = Math.max(free, clock.elapsed()) + (bytes / limit) * 1000;
      // One call at a time stays short; the next one waits for the rest.
      const wait = Math.min(free - clock.elapsed(), 60_000);
      if (wait > 0) await clock.sleep(wait, signal);
    },
  };
}
