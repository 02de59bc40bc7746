/** The way to whoever unpacks beside the remote's disk. */
import type { UnpackOutcome } from '@lazysync/event-model';
import { askToUnpack, type RedisLink, RedisUnreachable, unpacks } from '@lazysync/queue';

export interface PackLink {
  /** Fewer files than this are as quick side by side. */
  readonly fewest: number;
  /** Somebody is there, as far as is known. */
  served(): Promise<boolean>;
  /** null: nobody has answered in time, and whether anything was done is not known. */
  unpack(slot: string): Promise<UnpackOutcome | null>;
}

const FEWEST = 16;
/** Some hundreds of files and their fsyncs, on a slow disk. ms */
const DEADLINE_MS = 15_000;
/** Not asked again for so long after it came to nothing, ms. */
const PAUSE_MS = 60_000;

export interface PackLinkOptions {
  readonly redis: RedisLink;
  readonly pair: string;
  /** ms; only differences count. */
  readonly elapsed: () => number;
  readonly refused: (why: string) => void;
}

export function createPackLink({ redis, pair, elapsed, refused }: PackLinkOptions): PackLink {
  let pausedUntil = Number.NEGATIVE_INFINITY;
  const pause = (why: string): void => {
    pausedUntil = elapsed() + PAUSE_MS;
    refused(why);
  };
  return {
    fewest: FEWEST,
    async served() {
      if (elapsed() < pausedUntil) return false;
      try {
        return await unpacks(redis, pair);
      } catch (error) {
        if (!(error instanceof RedisUnreachable)) throw error;
        return false;
      }
    },
    async unpack(slot) {
      const outcome = await askToUnpack(redis, pair, slot, DEADLINE_MS);
      if (outcome === null) pause('nobody has answered in time');
      else if (outcome.kind === 'refused') pause(outcome.why);
      return outcome;
    },
  };
}
