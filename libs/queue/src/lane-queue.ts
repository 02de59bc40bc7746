/** BullMQ's Queue of a pair on a shared connection. */
import { type ConnectionOptions, Queue } from 'bullmq';
import type { RedisLink } from './link.ts';
import { LANE, pairPrefix } from './names.ts';

/** What BullMQ needs to work on the link's connection instead of one of its own. */
export function connectionOf(redis: RedisLink): ConnectionOptions {
  return redis.commands as unknown as ConnectionOptions;
}

export type LaneQueue = Queue<unknown, unknown, string>;

export function createQueue(redis: RedisLink, pair: string): LaneQueue {
  const queue: LaneQueue = new Queue(LANE, {
    prefix: pairPrefix(pair),
    connection: connectionOf(redis),
    // Its INFO would reject for good where a user has few rights; `ping` looks at the version.
    skipVersionCheck: true,
    skipMetasUpdate: true,
  });
  // Only the shared connection's own errors come here, once per queue: the link tells of them once.
  queue.on('error', () => undefined);
  return queue;
}
