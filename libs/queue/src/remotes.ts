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

/** Says that a pair has this remote, until it is closed or 150 s after this process died. By Redis's clock. */
export function registerAtRemote(redis: RedisLink, uuid: string, pair: string): Registration {
  const key = remoteKey(uuid);
  let pending = false;
  let closed = false;

  const renew = async (): Promise<void> => {
    const [seconds] = await redis.commands.time();
    await redis.commands.multi().zadd(key, Number(seconds), pair).expire(key, FORGOTTEN_S).exec();
  };
  const renewSoon = (): void => {
    if (pending || closed || !redis.up) return;
    pending = true;
    renew()
      .catch(() => undefined) // the next renewal says it again
      .finally(() => {
        pending = false;
      });
  };
  const offUp = redis.onUp(renewSoon);
  const timer = setInterval(renewSoon, RENEWED_MS);

  return {
    close: async () => {
      if (closed) return;
      closed = true;
      offUp();
      clearInterval(timer);
      if (!redis.up) return;
      try {
        await redis.within(1_000, (client) => client.zrem(key, pair));
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
