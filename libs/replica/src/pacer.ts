/** Keeps the bytes of all transfers in one direction within a limit, however many run side by side. */
import type { Clock } from '@lazysync/ops';

export interface Pacer {
  /** `bytes` have moved: waits until as many as `limit` per second would have taken so long. */
  moved(bytes: number, limit: number, signal?: AbortSignal): Promise<void>;
}

export function createPacer(clock: Clock): Pacer {
  let free = 0;
  return {
    async moved(bytes, limit, signal) {
      free = Math.max(free, clock.now()) + (bytes / limit) * 1000;
      // Short waits one after the other: a clock that jumps holds nothing up for long.
      const wait = Math.min(free - clock.now(), 60_000);
      if (wait > 0) await clock.sleep(wait, signal);
    },
  };
}
