/** The way to whoever packs and unpacks beside the remote's disk. */
import type { PackAnswer, PackRequest, UnpackOutcome } from '@lazysync/event-model';
import { systemClock } from '@lazysync/ops';
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
/** How often it is asked, while an answer is waited for, whether anybody is there to give it, ms. */
const STILL_THERE_MS = 1_000;
/** Not asked again for so long after it came to nothing, ms. */
const PAUSE_MS = 60_000;

export interface PackLinkOptions {
  readonly redis: RedisLink;
  readonly pair: string;
  /** ms; only differences count. */
  readonly elapsed: () => number;
  readonly refused: (why: string) => void;
  /** For an answer, ms. */
  readonly deadlineMs?: number;
}

export function createPackLink({ redis, pair, elapsed, refused, deadlineMs = DEADLINE_MS }: PackLinkOptions): PackLink {
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
  /** null: Redis does not say. */
  const isThere = async (): Promise<boolean | null> => {
    try {
      return await packsThere(redis, pair);
    } catch (error) {
      if (!(error instanceof RedisUnreachable)) throw error;
      return null;
    }
  };
  /** Whoever is killed while it is at work never answers. */
  async function whileThere<T>(wait: (nobody: AbortSignal) => Promise<T>): Promise<T> {
    const nobody = new AbortController();
    const over = new AbortController();
    const watch = async (): Promise<void> => {
      while (!over.signal.aborted) {
        await systemClock.sleep(STILL_THERE_MS, over.signal);
        if (!over.signal.aborted && (await isThere()) === false) nobody.abort();
      }
    };
    const [answer] = await Promise.all([wait(nobody.signal).finally(() => over.abort()), watch()]);
    return answer;
  }
  return {
    fewest: FEWEST,
    served: async () => elapsed() >= pausedUntil && (await isThere()) === true,
    unpack: async (slot) => heard(await whileThere((signal) => askToUnpack(redis, pair, slot, deadlineMs, signal))),
    pack: async (request) => heard(await whileThere((signal) => askToPack(redis, pair, request, deadlineMs, signal))),
  };
}
