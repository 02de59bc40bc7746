/** What can wait until the first look is over: on a slow mount it would take from that. */
import { type PairTimers, processTimers } from './ports.ts';

export interface OnceReadyOptions {
  /** Is the start scan carried out? */
  readonly ready: () => boolean;
  readonly act: () => Promise<void>;
  /** It could not be done: the next start tries again. */
  readonly failed: (error: unknown) => void;
}

const EVERY_MS = 1_000;

/** Answers what stops it. */
export function onceReady(
  { ready, act, failed }: OnceReadyOptions,
  timers: Pick<PairTimers, 'after'> = processTimers,
): () => void {
  let timer = timers.after(EVERY_MS, look);
  function look(): void {
    if (ready()) act().catch(failed);
    else timer = timers.after(EVERY_MS, look);
  }
  return () => timer.cancel();
}
