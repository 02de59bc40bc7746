/**
 * A change of local goes up by way of the stage folder, and a mount asks its server for each folder on the way, one round
 * trip after the other, unless it has just done so. That is begun while the change settles.
 */
import type { RelPath } from '@lazysync/event-model';
import type { Timers } from '@lazysync/watch';

export interface WarmStage {
  /** Something in local was made or changed. */
  heard(): void;
}

export interface WarmStageOptions {
  readonly timers: Pick<Timers, 'now'>;
  /** Looks at these in the remote; what it sees is of no interest. */
  readonly look: (folders: readonly RelPath[]) => Promise<unknown>;
  readonly folders: readonly RelPath[];
  readonly failed: (error: unknown) => void;
}

/** ms. Many changes in a row keep the folders known by themselves, and need all of the mount's calls. */
const QUIET = 1_000;

export function createWarmStage({ timers, look, folders, failed }: WarmStageOptions): WarmStage {
  let last = -Infinity;
  return {
    heard() {
      const before = last;
      last = timers.now();
      if (last - before >= QUIET) look(folders).catch(failed);
    },
  };
}
