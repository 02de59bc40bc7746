/** A scan for what was lost; a burst that goes on loses more: one for all that was lost within some seconds. */
import type { Scanner, Timers } from '@lazysync/watch';

/** From one scan for something that was lost to the next, ms. */
const PAUSE_MS = 5_000;

export function createScanAgain(timers: Timers, scanner: () => Pick<Scanner, 'nudge'>): { lost(): void; stop(): void } {
  let going: { again: boolean } | null = null;
  let stopped = false;
  const scan = (): void => {
    const mine = { again: false };
    going = mine;
    scanner().nudge();
    timers.after(PAUSE_MS, () => {
      going = null;
      if (mine.again && !stopped) scan();
    });
  };
  return {
    lost() {
      if (going === null) scan();
      else going.again = true;
    },
    stop() {
      stopped = true;
    },
  };
}
