/** The way to whoever packs and unpacks beside the remote's disk. */
import type { PackAnswer, PackRequest, UnpackOutcome } from '@lazysync/event-model';
import { askToPack, askToUnpack, packsThere, type RedisLink, RedisUnreachable } from '@lazysync/queue';

export interface PackLink {
  /** Fewer files than this are as quick side by side. */
  readonly fewest: number;
  /** Somebody is there, as far as is known. */
  served(): Promise<boolean>;
  /** null: nobody has answered in time, and whether anything was done is not known. */
  unpack(slot: string): Promise<UnpackOutcome | null>;
  /** null: nobody has answered in time; a pack may come all the same. */
  pack(request: PackRequest): Promise<PackAnswer | null>;
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
  const heard = <T extends UnpackOutcome | PackAnswer>(outcome: T | null): T | null => {
    if (outcome === null) pause('nobody has answered in time');
    else if (outcome.kind === 'refused') pause(outcome.why);
    return outcome;
  };
  return {
    fewest: FEWEST,
    async served() {
      if (elapsed() < pausedUntil) return false;
      try {
        return await packsThere(redis, pair);
      } catch (error) {
        if (!(error instanceof RedisUnreachable)) throw error;
        return false;
      }
    },
    unpack: async (slot) => heard(await askToUnpack(redis, pair, slot, DEADLINE_MS)),
    pack: async (request) => heard(await askToPack(redis, pair, request, DEADLINE_MS)),
  };
}
