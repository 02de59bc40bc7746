/**
 * Spreads pairs over the processes of a role that meet in one Redis. Each says which pairs it could serve, sees what
 * the others say and who has what, and works out the same shares. A lease only spreads: what proves that one process
 * alone works a pair is the kernel's lock, and two that watch one for a moment do no harm.
 */
import { withDeadline } from '@lazysync/ops';
import type { Role } from './lane.ts';
import type { RedisLink } from './link.ts';
import { LIVES_MS, livingOf, memberOf } from './member.ts';
import { fleetKey } from './names.ts';
import { shareOut, type Wisher } from './share-out.ts';

export interface LeaseWish {
  readonly pairs: readonly string[];
  /** These and no others: processes that would take any leave them to this one. */
  readonly pinned: boolean;
}

export interface LeaseOptions {
  readonly redis: RedisLink;
  readonly role: Role;
  /** As it is shown to people. */
  readonly who: { readonly pid: number; readonly host: string };
  /** These are ours now. A pair that is not among them any more is stopped, and then `freed`. */
  readonly changed: (pairs: ReadonlySet<string>) => void;
  readonly error: (error: Error) => void;
}

export interface Leases {
  want(wish: LeaseWish): void;
  /** Nothing serves the pair here any more: somebody else may. */
  freed(pair: string): void;
  /** The others know of this one. */
  takesPart(): boolean;
  /** Gives everything back. Whoever served has stopped before. */
  close(): Promise<void>;
}

const ROUND_MS = 2_000;
const DEADLINE_MS = 5_000;
const LAST_WORDS_MS = 500;

/** ARGV: me, then pair and its holder as far as known ('' for none), and so on. Answers the pairs that are mine now. */
const CLAIM = `
local won = {}
for i = 2, #ARGV, 2 do
  local holder = redis.call('HGET', KEYS[1], ARGV[i]) or ''
  if holder == ARGV[i + 1] then redis.call('HSET', KEYS[1], ARGV[i], ARGV[1]) holder = ARGV[1] end
  if holder == ARGV[1] then won[#won + 1] = ARGV[i] end
end
if #won > 0 then redis.call('INCR', KEYS[2]) end
return won`;

/** ARGV: holder, then pairs. Takes away only what is still that holder's. */
const RELEASE = `
for i = 2, #ARGV do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
redis.call('INCR', KEYS[2])
redis.call('PUBLISH', KEYS[2], '')`;

interface Seen {
  readonly version: string;
  readonly wishers: readonly Wisher[];
  readonly held: ReadonlyMap<string, string>;
  /** Everybody who is named anywhere, and who of them lives. */
  readonly named: readonly string[];
  readonly alive: ReadonlySet<string>;
}

export function openLeases({ redis, role, who, changed, error }: LeaseOptions): Leases {
  const me = memberOf(redis);
  const wishes = fleetKey('fleet', role, 'wishes');
  const leases = fleetKey('fleet', role, 'leases');
  const version = fleetKey('fleet', role, 'version');
  let wish: LeaseWish = { pairs: [], pinned: false };
  let wishSaid = '';
  let mine: ReadonlySet<string> = new Set();
  /** Not ours by right any more, but still being stopped: nobody else may begin. */
  const stopping = new Set<string>();
  let last: Seen | null = null;
  /** The last round found nothing to do, and nothing was said since. */
  let settled = false;
  let turn = 0;
  let ups = 0;
  let patientUntil = 0;
  let wanted = false;
  let working: Promise<void> | null = null;
  let closed = false;

  const look = async (): Promise<Seen> => {
    const { commands: client } = redis;
    const living = (ids: readonly string[]): Promise<ReadonlySet<string>> => livingOf(client, ids, patient());
    const before = last;
    if (before !== null) {
      const [now, alive] = await Promise.all([client.get(version), living(before.named)]);
      if (now === before.version && before.named.every((id) => alive.has(id) === before.alive.has(id))) return before;
    }
    // ORDER: the version first: what changes while the rest is read is seen by the next look.
    const at = (await client.get(version)) ?? '';
    const [said, held] = await Promise.all([client.hgetall(wishes), client.hgetall(leases)]);
    if (said[me.id] === undefined) forgotten();
    const named = [...new Set([...Object.keys(said), ...Object.values(held)])];
    const alive = await living(named);
    const wishers = Object.entries(said)
      .filter(([id]) => alive.has(id))
      .map(([id, text]) => parseWish(id, text));
    return { version: at, wishers, held: new Map(Object.entries(held)), named, alive };
  };

  /** RACE: nobody is there but us, yet; who comes back first must not take what the others have. */
  const forgotten = (): void => {
    wishSaid = '';
    settled = false;
    wanted = true;
    patientUntil = performance.now() + LIVES_MS;
  };
  const patient = (): boolean => performance.now() < patientUntil;

  const sayWish = async (): Promise<void> => {
    const text = JSON.stringify({ ...wish, pid: who.pid, host: who.host });
    if (text === wishSaid) return;
    await redis.commands.multi().hset(wishes, me.id, text).incr(version).publish(version, '').exec();
    wishSaid = text;
  };

  /** The dead are forgotten by whoever notices. */
  const bury = async ({ named, alive }: Seen): Promise<void> => {
    const dead = named.filter((id) => !alive.has(id) && id !== me.id);
    if (dead.length > 0) await redis.commands.hdel(wishes, ...dead);
  };

  const round = async (): Promise<void> => {
    const mineTurn = ++turn;
    await sayWish();
    const seen = await look();
    if (settled && seen === last) return;
    settled = !patient();
    const { held, wishers, alive } = seen;
    const living = new Map([...held].filter(([, id]) => alive.has(id)));
    // Redis was emptied while we served: what nobody else took meanwhile stays ours.
    for (const pair of mine) if (!living.has(pair)) living.set(pair, me.id);
    const others = wishers.filter(({ id }) => id !== me.id);
    const shares = shareOut([...others, { id: me.id, ...wish }], living);
    const due = [...shares].filter(([, id]) => id === me.id).map(([pair]) => pair);
    const free = due.filter((pair) => !stopping.has(pair) && (living.get(pair) ?? me.id) === me.id);
    const claims = free.filter((pair) => held.get(pair) !== me.id && (mine.has(pair) || !patient()));
    const won = new Set(free.filter((pair) => held.get(pair) === me.id));
    if (claims.length > 0) {
      const args = claims.flatMap((pair) => [pair, held.get(pair) ?? '']);
      for (const pair of (await redis.commands.eval(CLAIM, 2, leases, version, me.id, ...args)) as string[])
        won.add(pair);
    }
    last = claims.length > 0 ? null : seen;
    // RACE: Redis took so long that another round has begun: what was won here is given back by that one.
    if (closed || turn !== mineTurn) return;
    for (const pair of mine) if (!won.has(pair)) stopping.add(pair);
    const news = won.size !== mine.size || [...won].some((pair) => !mine.has(pair));
    mine = won;
    if (news) changed(won);
    await bury(seen);
    const stale = [...held].filter(([pair, id]) => id === me.id && !won.has(pair) && !stopping.has(pair));
    await release(stale.map(([pair]) => pair));
  };

  const wake = (): void => {
    wanted = true;
    if (closed || working !== null || !redis.up) return;
    working = (async () => {
      while (wanted && !closed && redis.up) {
        wanted = false;
        try {
          await redis.within(DEADLINE_MS, round);
        } catch (reason) {
          last = null;
          settled = false;
          if (redis.up && !closed) error(reason instanceof Error ? reason : new Error(String(reason)));
        }
      }
    })().finally(() => {
      working = null;
      if (wanted && redis.up) wake();
    });
  };

  const release = async (pairs: readonly string[]): Promise<void> => {
    if (pairs.length === 0) return;
    await redis.within(DEADLINE_MS, (client) => client.eval(RELEASE, 2, leases, version, me.id, ...pairs));
  };

  const unsubscribe = redis.subscribe(version, wake, wake);
  let told = 0;
  const offSaid = me.onSaid(() => {
    last = null;
    if (++told > 1) forgotten();
    wake();
  });
  // After an outage everybody's time has run out.
  const offUp = redis.onUp(() => {
    if (++ups > 1) patientUntil = performance.now() + LIVES_MS;
  });
  const timer = setInterval(wake, ROUND_MS);

  return {
    want(next) {
      wish = next;
      settled = false;
      wake();
    },
    freed(pair) {
      if (!stopping.delete(pair) || closed) return;
      settled = false;
      release([pair])
        .catch((reason: unknown) => {
          if (redis.up && !closed) error(reason instanceof Error ? reason : new Error(String(reason)));
        })
        .finally(wake);
    },
    takesPart: () => wishSaid !== '' && !closed,
    async close() {
      closed = true;
      clearInterval(timer);
      unsubscribe();
      offSaid();
      offUp();
      if (working !== null) await withDeadline(working, LAST_WORDS_MS, 'the round').catch(() => undefined);
      if (!redis.up) return; // they end with the member
      try {
        await redis.within(LAST_WORDS_MS, (client) => client.hdel(wishes, me.id));
        // ORDER: the wish first, or another round of somebody else would still count on us.
        await release([...mine, ...stopping]);
      } catch {
        return; // they end with the member
      }
    },
  };
}

function parseWish(id: string, text: string): Wisher {
  try {
    const { pairs, pinned } = JSON.parse(text) as Record<string, unknown>;
    const known = Array.isArray(pairs) ? pairs.filter((one) => typeof one === 'string') : [];
    return { id, pairs: known, pinned: pinned === true };
  } catch {
    return { id, pairs: [], pinned: false }; // not of this version
  }
}
