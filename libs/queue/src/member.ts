/**
 * This process among all that meet in one Redis: a key with a time to live, renewed for everything that the process
 * serves at once. What names a member is true as long as the member lives.
 */
import { randomBytes } from 'node:crypto';
import { isGone, ownIdentity, type ProcessIdentity } from '@lazysync/ops';
import type { RedisLink } from './link.ts';
import { fleetKey } from './names.ts';

/** Without a renewal a member is taken for dead after this long, ms. */
export const LIVES_MS = 9_000;
const RENEWED_MS = 2_000;

export interface Member {
  readonly id: string;
  /** Runs whenever Redis has come to know this member (again): what it says of itself has to be said. */
  onSaid(act: () => void): () => void;
  /** Takes it back: everything that names it is void at once. */
  leave(): Promise<void>;
}

const members = new WeakMap<RedisLink, Member>();

/** One per connection. */
export function memberOf(redis: RedisLink): Member {
  const known = members.get(redis);
  if (known !== undefined) return known;
  const made = join(redis);
  members.set(redis, made);
  return made;
}

function join(redis: RedisLink): Member {
  const id = randomBytes(8).toString('hex');
  const key = fleetKey('member', id);
  const value = JSON.stringify(ownIdentity());
  const listeners = new Set<() => void>();
  let pending = false;
  let said = false;
  let left = false;

  const renew = (): void => {
    if (pending || left || !redis.up) return; // else renewals pile up while Redis is away
    pending = true;
    redis.commands
      .set(key, value, 'PX', LIVES_MS, 'GET')
      .then(
        (before) => {
          // Redis was emptied, or this process slept for too long: others took it for dead.
          const news = !said || before === null;
          said = true;
          if (news && !left) for (const act of [...listeners]) act();
        },
        () => undefined, // the next renewal says it again
      )
      .finally(() => {
        pending = false;
      });
  };
  const offUp = redis.onUp(renew);
  const timer = setInterval(renew, RENEWED_MS);
  const leave = async (): Promise<void> => {
    if (left) return;
    left = true;
    offUp();
    clearInterval(timer);
    if (!redis.up) return; // it ends by itself
    await redis.within(1000, (client) => client.del(key)).catch(() => undefined);
  };
  redis.beforeClose(leave);
  return {
    id,
    leave,
    onSaid(act) {
      listeners.add(act);
      if (said) act();
      return () => listeners.delete(act);
    },
  };
}

/** Those of `ids` that live, as far as one can tell from here. `patient`: who has not said so for long may still. */
export async function livingOf(
  client: RedisLink['commands'],
  ids: readonly string[],
  patient = false,
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const found = await client.mget(ids.map((id) => fleetKey('member', id)));
  return new Set(ids.filter((_, index) => isAlive(found[index] ?? null, patient)));
}

/** The same for questions that come close together: each member is asked about once within `ms`. */
export function rememberLiving(redis: RedisLink, ms: number): (ids: readonly string[]) => Promise<ReadonlySet<string>> {
  const known = new Map<string, { readonly until: number; readonly alive: Promise<boolean> }>();
  return async (ids) => {
    const now = performance.now();
    for (const [id, { until }] of known) if (until < now) known.delete(id);
    const fresh = ids.filter((id) => !known.has(id));
    if (fresh.length > 0) {
      const asked = livingOf(redis.commands, fresh);
      for (const id of fresh) known.set(id, { until: now + ms, alive: asked.then((alive) => alive.has(id)) });
    }
    const answers = await Promise.all(ids.map(async (id) => (await known.get(id)?.alive) === true));
    return new Set(ids.filter((_, index) => answers[index]));
  };
}

function isAlive(value: string | null, patient: boolean): boolean {
  if (value === null) return patient;
  const identity = parseIdentity(value);
  // Killed a moment ago, on this machine: nobody has to wait for its time to run out.
  return identity === null || !isGone(identity);
}

function parseIdentity(value: string): ProcessIdentity | null {
  try {
    const { space, pid, began } = (JSON.parse(value) ?? {}) as Record<string, unknown>;
    if (typeof space !== 'string' || typeof pid !== 'number' || typeof began !== 'string') return null;
    return { space, pid, began };
  } catch {
    return null; // not of this version
  }
}
