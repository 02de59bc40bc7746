/** Which pairs have a remote in common, as a watcher beside its disk has to know: found by the remote's marker. */
import type { RedisLink } from './link.ts';

const LIVES_S = 150;
const RENEWED_MS = 60_000;
const DEADLINE_MS = 2_000;
/** Nobody asks for a remote whose last client has been gone for so long. */
const FORGOTTEN_S = 86_400;

function remoteKey(uuid: string): string {
  return `{lazysync-remote-${encodeURIComponent(uuid)}}:pairs`;
}

export interface Registration {
  /** Takes it back; waits for Redis no longer than a second. */
  close(): Promise<void>;
}

interface Registered {
  readonly key: string;
  readonly pair: string;
}

/** All that is registered over a connection is renewed together: a thousand pairs ask for the time once. */
class Register {
  readonly #redis: RedisLink;
  readonly #all = new Set<Registered>();
  #timer: NodeJS.Timeout | undefined;

  constructor(redis: RedisLink) {
    this.#redis = redis;
    redis.onUp(() => this.#renewSoon(this.#all));
  }

  add(one: Registered): void {
    this.#all.add(one);
    this.#timer ??= setInterval(() => this.#renewSoon(this.#all), RENEWED_MS);
    this.#renewSoon([one]);
  }

  /** False: it is taken back already. */
  remove(one: Registered): boolean {
    const was = this.#all.delete(one);
    if (this.#all.size > 0) return was;
    clearInterval(this.#timer);
    this.#timer = undefined;
    return was;
  }

  async #renew(some: Iterable<Registered>): Promise<void> {
    const { commands } = this.#redis;
    const [seconds] = await commands.time();
    // RACE: some may have been taken back meanwhile.
    const left = [...some].filter((one) => this.#all.has(one));
    const said = left.flatMap(({ key, pair }) => [
      commands.zadd(key, Number(seconds), pair),
      commands.expire(key, FORGOTTEN_S),
    ]);
    await Promise.all(said);
  }

  #renewSoon(some: Iterable<Registered>): void {
    if (!this.#redis.up) return; // said as soon as it is
    this.#renew(some).catch(() => undefined); // the next renewal says it again
  }
}

const registers = new WeakMap<RedisLink, Register>();

/** Says that a pair has this remote, until it is closed or 150 s after this process died. By Redis's clock. */
export function registerAtRemote(redis: RedisLink, uuid: string, pair: string): Registration {
  const register = registers.get(redis) ?? new Register(redis);
  registers.set(redis, register);
  const one: Registered = { key: remoteKey(uuid), pair };
  register.add(one);
  return {
    close: async () => {
      if (!register.remove(one) || !redis.up) return;
      try {
        await redis.within(1_000, (client) => client.zrem(one.key, pair));
      } catch {
        return; // it ends by itself
      }
    },
  };
}

/** Pairs with this remote that somebody watches now. Rejects with RedisUnreachable after the deadline. */
export async function pairsAtRemote(
  redis: RedisLink,
  uuid: string,
  deadlineMs = DEADLINE_MS,
): Promise<readonly string[]> {
  return await redis.within(deadlineMs, async (client) => {
    const [seconds] = await client.time();
    return await client.zrangebyscore(remoteKey(uuid), Number(seconds) - LIVES_S, '+inf');
  });
}
