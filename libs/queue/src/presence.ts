/** Who watches and who works a pair, as far as they say so: a key with a time to live, renewed while the process lives. */
import { randomBytes } from 'node:crypto';
import type { Presence, Role } from './lane.ts';
import type { RedisLink } from './link.ts';
import { pairKey } from './names.ts';

const LIVES_S = 15;
const RENEWED_MS = 5000;
const DEADLINE_MS = 2000;

export interface Announcement {
  /** Takes the announcement back; waits for Redis no longer than a second. */
  close(): Promise<void>;
}

/** Says that this process watches or works the pair, until it is closed or 15 s after it died. */
export function announce(
  redis: RedisLink,
  pair: string,
  role: Role,
  who: { readonly pid: number; readonly host: string },
): Announcement {
  // Two containers may have the same pid and the same host name.
  const member = `${who.pid}-${randomBytes(4).toString('hex')}`;
  const key = pairKey(pair, 'presence', role, member);
  const members = pairKey(pair, 'presence', role);
  const value = JSON.stringify({ pid: who.pid, host: who.host, since: Date.now() } satisfies Presence);
  let pending = false;
  let closed = false;

  const renew = (): void => {
    if (pending || closed || !redis.up) return; // else renewals pile up while Redis is away
    pending = true;
    redis.commands
      .multi()
      .set(key, value, 'EX', LIVES_S)
      .sadd(members, member)
      .expire(members, 86_400)
      .exec()
      .then(
        () => undefined,
        () => undefined,
      ) // the next renewal says it again
      .finally(() => {
        pending = false;
      });
  };
  const offUp = redis.onUp(renew);
  const timer = setInterval(renew, RENEWED_MS);

  return {
    close: async () => {
      if (closed) return;
      closed = true;
      offUp();
      clearInterval(timer);
      if (!redis.up) return; // it ends by itself
      try {
        await redis.within(1000, (client) => client.multi().del(key).srem(members, member).exec());
      } catch {
        return; // it ends by itself
      }
    },
  };
}

/** Rejects with RedisUnreachable after the deadline. Longest present first. */
export async function listPresence(
  redis: RedisLink,
  pair: string,
  role: Role,
  deadlineMs = DEADLINE_MS,
): Promise<readonly Presence[]> {
  return await redis.within(deadlineMs, async (client) => {
    const set = pairKey(pair, 'presence', role);
    const members = await client.smembers(set);
    if (members.length === 0) return [];
    const values = await client.mget(members.map((member) => pairKey(pair, 'presence', role, member)));
    const gone = members.filter((_, index) => values[index] === null);
    if (gone.length > 0) await client.srem(set, ...gone);
    return values
      .map(parsePresence)
      .filter((one) => one !== null)
      .sort((a, b) => a.since - b.since);
  });
}

function parsePresence(text: string | null | undefined): Presence | null {
  if (text === null || text === undefined) return null;
  try {
    const { pid, host, since } = JSON.parse(text) as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof since !== 'number') return null;
    return { pid, host, since };
  } catch {
    return null; // not of this version
  }
}
