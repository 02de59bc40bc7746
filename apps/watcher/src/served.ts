/** Does somebody beside the remote's disk tell of everything that changes there? Asked again and again. */
import type { Logger } from '@lazysync/ops';
import type { Timers } from '@lazysync/watch';

export interface Served {
  readonly now: boolean;
  stop(): void;
}

interface FollowOptions {
  readonly timers: Timers;
  /** ms from one look to the next. */
  readonly everyMs: () => number;
  readonly log: Logger;
  readonly turned: () => void;
}

export function followServed(ask: () => Promise<boolean>, { timers, everyMs, log, turned }: FollowOptions): Served {
  let served = false;
  let stopped = false;
  let timer: { cancel(): void } | undefined;

  const look = async (): Promise<void> => {
    let now = served;
    try {
      now = await ask();
    } catch (error) {
      log.debug({ err: error }, 'could not tell whether the remote is watched beside its disk');
    }
    if (stopped) return;
    if (now !== served) {
      served = now;
      log.info({ served }, now ? 'changes of the remote are pushed by its server' : 'the remote is polled again');
      turned();
    }
    timer = timers.after(everyMs(), () => void look());
  };
  void look();

  return {
    get now() {
      return served;
    },
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
