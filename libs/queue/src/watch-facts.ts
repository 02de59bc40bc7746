/** What a pair's watcher says of its own work now and then, for `status`. */
import type { RedisLink } from './link.ts';
import { pairKey } from './names.ts';

export interface RemoteScanFacts {
  readonly folders: number;
  /** Folders that are listed in every round, since something happened there lately. */
  readonly hot: number;
  /** Age of the oldest listing, ms: what another host has changed may be unknown for so long. */
  readonly oldestMs: number;
  /** Share of the time that is spent listing. */
  readonly duty: number;
  /** ms between two rounds. */
  readonly everyMs: number;
  /** Changes are told by a watcher beside the remote's disk. */
  readonly pushed: boolean;
}

/** Something that a person had better know of, and can do something about. */
export interface Warning {
  /** One sentence. */
  readonly message: string;
  /** A command that mends the cause, where there is one. */
  readonly mend: string | null;
}

export interface WatchFacts {
  /** How the remote is scanned. */
  readonly scan: RemoteScanFacts;
  readonly warnings: readonly Warning[];
}

const LIVES_S = 120;
const EVERY_MS = 10_000;
/** ms, where there are many pairs: twice within the time that it lives. */
const SELDOM_MS = 50_000;
const PER_PAIR_MS = 50;
const DEADLINE_MS = 2_000;

export interface WatchTeller {
  /** At once: something has changed that nobody should wait for. */
  tell(): void;
  close(): void;
}

/** How many pairs are told of over a connection. */
const pairsOf = new WeakMap<RedisLink, { pairs: number }>();

export function tellWatch(redis: RedisLink, pair: string, facts: () => WatchFacts): WatchTeller {
  const tell = (): void => {
    if (!redis.up) return;
    redis.commands.set(pairKey(pair, 'watch'), JSON.stringify(facts()), 'EX', LIVES_S).catch(() => undefined); // the next one says it
  };
  const count = pairsOf.get(redis) ?? { pairs: 0 };
  pairsOf.set(redis, count);
  count.pairs++;
  let timer: NodeJS.Timeout;
  const again = (): void => {
    tell();
    timer = setTimeout(again, Math.min(SELDOM_MS, Math.max(EVERY_MS, PER_PAIR_MS * count.pairs)));
  };
  again();
  return {
    tell,
    close: () => {
      count.pairs--;
      clearTimeout(timer);
    },
  };
}

/** null: no watcher has said anything lately. Rejects with RedisUnreachable after the deadline. */
export async function readWatch(redis: RedisLink, pair: string, deadlineMs = DEADLINE_MS): Promise<WatchFacts | null> {
  const text = await redis.within(deadlineMs, (client) => client.get(pairKey(pair, 'watch')));
  if (text === null) return null;
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null; // not of this version
  }
  if (typeof raw !== 'object' || raw === null) return null;
  const { scan, warnings } = raw as Record<string, unknown>;
  if (typeof scan !== 'object' || scan === null) return null;
  const { folders, hot, oldestMs, duty, everyMs, pushed } = scan as Record<string, unknown>;
  const numbers = [folders, hot, oldestMs, duty, everyMs];
  if (!numbers.every((one) => typeof one === 'number') || typeof pushed !== 'boolean') return null;
  return {
    scan: { folders, hot, oldestMs, duty, everyMs, pushed } as RemoteScanFacts,
    warnings: Array.isArray(warnings) ? warnings.filter(isWarning) : [],
  };
}

function isWarning(raw: unknown): raw is Warning {
  if (typeof raw !== 'object' || raw === null) return false;
  const { message, mend } = raw as Record<string, unknown>;
  return typeof message === 'string' && (mend === null || typeof mend === 'string');
}
