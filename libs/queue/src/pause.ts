/** A paused lane takes no further job; what waits stays in order. The pause is kept in Redis over restarts. */
import { createQueue, type LaneQueue } from './lane-queue.ts';
import type { RedisLink } from './link.ts';

const DEADLINE_MS = 2000;

/** The job at work is finished first. Rejects with RedisUnreachable after the deadline. */
export async function pauseLane(redis: RedisLink, pair: string, deadlineMs = DEADLINE_MS): Promise<void> {
  await withQueue(redis, pair, deadlineMs, (queue) => queue.pause());
}

export async function resumeLane(redis: RedisLink, pair: string, deadlineMs = DEADLINE_MS): Promise<void> {
  await withQueue(redis, pair, deadlineMs, (queue) => queue.resume());
}

async function withQueue(
  redis: RedisLink,
  pair: string,
  deadlineMs: number,
  act: (queue: LaneQueue) => Promise<void>,
): Promise<void> {
  const queue = createQueue(redis, pair);
  try {
    await redis.within(deadlineMs, () => act(queue));
  } finally {
    await queue.close();
  }
}
