/** The lanes as Bull Board wants them. */
import { createQueue, type LaneQueue } from './lane-queue.ts';
import type { RedisLink } from './link.ts';

/** BullMQ's own objects, for Bull Board only: show them read-only, everything else breaks order. */
export interface LaneQueues {
  readonly queues: readonly { readonly pair: string; readonly queue: LaneQueue }[];
  close(): Promise<void>;
}

export function laneQueues(redis: RedisLink, pairs: readonly string[]): LaneQueues {
  const queues = pairs.map((pair) => ({ pair, queue: createQueue(redis, pair) }));
  return {
    queues,
    close: async () => {
      await Promise.all(queues.map(({ queue }) => queue.close()));
    },
  };
}
