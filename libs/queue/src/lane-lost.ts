/**
 * Has Redis kept the lane? A marker per pair lies beside it. When it is another one than before, Redis was emptied, or
 * began anew without its file: what the lane held is gone, and whoever knows it better says it again. The same when
 * Redis was started anew: it answers before its file is written wherever the disk is busy, so its last words may be lost.
 */
import { randomUUID } from 'node:crypto';
import { withDeadline } from '@lazysync/ops';
import { Cluster } from 'ioredis';
import type { RedisLink } from './link.ts';
import { pairKey } from './names.ts';

/** ms between looks; a reconnect looks at once. */
const LOOK_MS = 3_000;

export interface LaneLostWatch {
  close(): Promise<void>;
}

/** Which run of Redis this is; of a cluster, whose nodes answer in turn, nothing is told. */
async function runOf(client: RedisLink['commands']): Promise<string> {
  if (client instanceof Cluster) return '';
  return /^run_id:(\w+)/m.exec(await client.info('server'))?.[1] ?? '';
}

/** `lost` is called once for each time that the lane was, or may have been, cut short since this watch began. */
export function onLaneLost(
  redis: RedisLink,
  pair: string,
  lost: () => void,
  error: (error: Error) => void,
): LaneLostWatch {
  const key = pairKey(pair, 'marker');
  let known: string | null = null;
  let closed = false;
  let running: Promise<void> | null = null;

  const look = async (): Promise<void> => {
    // One of all who watch makes a new one; everybody sees that it is another.
    await redis.commands.set(key, randomUUID(), 'NX');
    const marker = await redis.commands.get(key);
    if (marker === null || closed) return;
    const found = `${marker} ${await runOf(redis.commands)}`;
    const before = known;
    known = found;
    if (before !== null && before !== found) lost();
  };

  const begin = (): void => {
    if (closed || running !== null || !redis.up) return;
    running = look()
      .catch((reason: unknown) => {
        if (redis.up && !closed) error(reason instanceof Error ? reason : new Error(String(reason)));
      })
      .finally(() => {
        running = null;
      });
  };
  const offUp = redis.onUp(begin);
  const timer = setInterval(begin, LOOK_MS);
  return {
    close: async () => {
      closed = true;
      offUp();
      clearInterval(timer);
      // What still waits for Redis is broken off by the link's own end.
      if (redis.up && running !== null) await withDeadline(running, 500, 'the marker').catch(() => undefined);
    },
  };
}
