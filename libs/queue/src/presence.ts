/** Who watches and who works a pair, as far as they say so: said once, and true as long as the process lives. */
import type { Presence, Role } from './lane.ts';
import type { RedisLink } from './link.ts';
import { livingOf, memberOf } from './member.ts';
import { fleetKey, pairKey } from './names.ts';

const DEADLINE_MS = 2000;
/** Left behind by the dead and asked about by nobody: gone after a day. Said again before that, ms. */
const KEPT_S = 86_400;
const SAID_AGAIN_MS = 6 * 3_600_000;

export interface Announcement {
  /** Takes the announcement back; waits for Redis no longer than a second. */
  close(): Promise<void>;
}

const counts = new WeakMap<RedisLink, number>();

/** Says that this process watches or works the pair, until it is closed or, at most some seconds after, the process died. */
export function announce(
  redis: RedisLink,
  pair: string,
  role: Role,
  who: Pick<Presence, 'pid' | 'host' | 'packs'>,
): Announcement {
  const member = memberOf(redis);
  const nth = (counts.get(redis) ?? 0) + 1;
  counts.set(redis, nth);
  const field = `${member.id}.${nth}`;
  const key = pairKey(pair, 'present', role);
  const value = JSON.stringify({ ...who, since: Date.now() } satisfies Presence);
  let closed = false;

  const say = (): void => {
    if (closed || !redis.up) return; // said as soon as it is
    const said = redis.commands.multi().hset(key, field, value).expire(key, KEPT_S).exec();
    const all = role === 'server-watcher' ? redis.commands.set(SERVERS, '1', 'EX', KEPT_S) : null;
    Promise.all([said, all]).then(
      () => undefined,
      () => undefined, // the connection went away: said after it came back
    );
  };
  const offSaid = member.onSaid(say);
  // ORDER: also after each reconnect, though the member is still known: what was being said may have been lost.
  const offUp = redis.onUp(say);
  const timer = setInterval(say, SAID_AGAIN_MS);
  timer.unref();

  return {
    close: async () => {
      if (closed) return;
      closed = true;
      offSaid();
      offUp();
      clearInterval(timer);
      if (!redis.up) return; // it ends with the process
      await redis.within(1000, (client) => client.hdel(key, field)).catch(() => undefined);
    },
  };
}

/** Rejects with RedisUnreachable after the deadline. Longest present first. */
export async function listPresence(
  redis: RedisLink,
  pair: string,
  role: Role,
  deadlineMs = DEADLINE_MS,
  living = (ids: readonly string[]): Promise<ReadonlySet<string>> => livingOf(redis.commands, ids),
): Promise<readonly Presence[]> {
  return await redis.within(deadlineMs, async (client) => {
    const key = pairKey(pair, 'present', role);
    const said = Object.entries(await client.hgetall(key));
    const owners = [...new Set(said.map(([field]) => ownerOf(field)))];
    if (owners.length === 0) return [];
    const alive = await living(owners);
    const gone = said.map(([field]) => field).filter((field) => !alive.has(ownerOf(field)));
    if (gone.length > 0) await client.hdel(key, ...gone);
    return said
      .filter(([field]) => alive.has(ownerOf(field)))
      .map(([, value]) => parsePresence(value))
      .filter((one) => one !== null)
      .sort((a, b) => a.since - b.since);
  });
}

/** There is, or lately was, a watcher beside some remote's disk. */
const SERVERS = fleetKey('server-watchers');
const REMEMBERED_MS = 2_000;
const askedOf = new WeakMap<RedisLink, { readonly at: number; readonly any: Promise<boolean> }>();

/**
 * Does a watcher beside the remote's disk tell what changes there? Asked for each pair again and again: where there is no
 * such watcher at all, one question is enough for all of them. Rejects as `listPresence` does.
 */
export async function isServed(redis: RedisLink, pair: string): Promise<boolean> {
  const now = performance.now();
  let asked = askedOf.get(redis);
  if (asked === undefined || now - asked.at > REMEMBERED_MS) {
    asked = { at: now, any: redis.within(DEADLINE_MS, async (client) => (await client.exists(SERVERS)) === 1) };
    askedOf.set(redis, asked);
  }
  if (!(await asked.any)) return false;
  return (await listPresence(redis, pair, 'server-watcher')).length > 0;
}

const ownerOf = (field: string): string => field.split('.', 1)[0] ?? '';

function parsePresence(text: string): Presence | null {
  try {
    const { pid, host, since, packs } = JSON.parse(text) as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof since !== 'number') return null;
    return { pid, host, since, ...(packs === true ? { packs } : {}) };
  } catch {
    return null; // not of this version
  }
}
