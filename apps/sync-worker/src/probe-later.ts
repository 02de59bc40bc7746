/** What the remote's file system can do is found out once the first look is over: on a slow mount trials take seconds. */
import { type PairTimers, processTimers } from './ports.ts';

export interface ProbeLaterOptions {
  /** Is the start scan carried out? */
  readonly ready: () => boolean;
  readonly probe: () => Promise<void>;
  /** It could not be found out: the next start tries again. */
  readonly failed: (error: unknown) => void;
}

const EVERY_MS = 1_000;

/** Answers what stops it. */
export function probeLater(
  { ready, probe, failed }: ProbeLaterOptions,
  timers: Pick<PairTimers, 'after'> = processTimers,
): () => void {
  let timer = timers.after(EVERY_MS, look);
  function look(): void {
    if (ready()) probe().catch(failed);
    else timer = timers.after(EVERY_MS, look);
  }
  return () => timer.cancel();
}
