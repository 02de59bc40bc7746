/** What can be seen of lanes from outside. */

import type { LaneCounts, Presence, Role } from './lane.ts';
import type { RedisLink } from './link.ts';
import { rememberLiving } from './member.ts';
import { laneKey } from './names.ts';
import { listPresence } from './presence.ts';
import { readWatch, type WatchFacts } from './watch-facts.ts';

export interface LaneDetail extends LaneCounts {
  readonly paused: boolean;
  /** Age of the job that waits longest, ms; null when none waits. */
  readonly oldestWaitingMs: number | null;
}

const DEADLINE_MS = 2000;
/** A thousand pairs are served by few processes: who lives is asked once for all of them. */
const REMEMBERED_MS = 500;

/** Rejects with RedisUnreachable after the deadline. */
export async function laneCounts(redis: RedisLink, pair: string, deadlineMs = DEADLINE_MS): Promise<LaneDetail> {
  return await redis.within(deadlineMs, async (client) => {
    const key = (type: string): string => laneKey(pair, type);
    const asked = client
      .multi()
      .llen(key('wait'))
      .zcard(key('prioritized'))
      .llen(key('active'))
      .zcard(key('failed'))
      .zcard(key('delayed'))
      .hexists(key('meta'), 'paused')
      .lindex(key('wait'), -1);
    const [wait, prioritized, active, failed, delayed, paused, oldest] = results(await asked.exec());
    const at = typeof oldest === 'string' ? Number(await client.hget(key(oldest), 'timestamp')) : 0;
    return {
      waiting: Number(wait) + Number(prioritized),
      active: Number(active),
      failed: Number(failed),
      delayed: Number(delayed),
      paused: paused === 1,
      oldestWaitingMs: at > 0 ? Math.max(0, Date.now() - at) : null,
    };
  });
}

function results(replies: [error: Error | null, result: unknown][] | null): unknown[] {
  return (replies ?? []).map(([error, result]) => {
    if (error !== null) throw error;
    return result;
  });
}

/** As `libs/status` wants it. Calls reject with RedisUnreachable after 2 s. */
export function laneView(redis: RedisLink): {
  counts(pair: string): Promise<LaneDetail>;
  presence(pair: string, role: Role): Promise<readonly Presence[]>;
  watch(pair: string): Promise<WatchFacts | null>;
} {
  const isAlive = rememberLiving(redis, REMEMBERED_MS);
  return {
    counts: (pair) => laneCounts(redis, pair),
    presence: (pair, role) => listPresence(redis, pair, role, DEADLINE_MS, isAlive),
    watch: (pair) => readWatch(redis, pair),
  };
}
