/** How a pair's watcher scans the remote, told by itself now and then, for `status`. */
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

const LIVES_S = 60;
const EVERY_MS = 10_000;
const DEADLINE_MS = 2_000;

export interface ScanTeller {
  close(): void;
}

export function tellScan(redis: RedisLink, pair: string, facts: () => RemoteScanFacts): ScanTeller {
  const tell = (): void => {
    if (!redis.up) return;
    redis.commands.set(pairKey(pair, 'remote-scan'), JSON.stringify(facts()), 'EX', LIVES_S).catch(() => undefined); // the next one says it
  };
  tell();
  const timer = setInterval(tell, EVERY_MS);
  return { close: () => clearInterval(timer) };
}

/** null: no watcher has said anything lately. Rejects with RedisUnreachable after the deadline. */
export async function readScan(
  redis: RedisLink,
  pair: string,
  deadlineMs = DEADLINE_MS,
): Promise<RemoteScanFacts | null> {
  const text = await redis.within(deadlineMs, (client) => client.get(pairKey(pair, 'remote-scan')));
  if (text === null) return null;
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null; // not of this version
  }
  if (typeof raw !== 'object' || raw === null) return null;
  const { folders, hot, oldestMs, duty, everyMs, pushed } = raw as Record<string, unknown>;
  const numbers = [folders, hot, oldestMs, duty, everyMs];
  if (!numbers.every((one) => typeof one === 'number') || typeof pushed !== 'boolean') return null;
  return { folders, hot, oldestMs, duty, everyMs, pushed } as RemoteScanFacts;
}
