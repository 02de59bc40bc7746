/**
 * Has Redis kept the lane? A marker per pair lies beside it. When it is another one than before, Redis was emptied, or
 * began anew without its file: what the lane held is gone, and whoever knows it better says it again. The same when
 * Redis was started anew: it answers before its file is written wherever the disk is busy, so its last words may be lost.
 */
import { randomUUID } from 'node:crypto';
import { withDeadline } from '@lazysync/ops';
import type { RedisLink } from './link.ts';
import { pairKey } from './names.ts';

/** ms between looks, and as many more for each pair; a reconnect looks at once. */
const LOOK_MS = 3_000;
const PER_PAIR_MS = 10;

export interface LaneLostWatch {
  close(): Promise<void>;
}

interface Watched {
  readonly key: string;
  known: string | null;
  readonly lost: () => void;
  readonly error: (error: Error) => void;
}

/** One look for all pairs that a connection watches. */
interface Markers {
  readonly all: Set<Watched>;
  look(): void;
  /** Resolves when no look is under way. */
  settled(): Promise<void>;
  end(): void;
}

const markersOf = new WeakMap<RedisLink, Markers>();

/** Which run of Redis this is; of a cluster, whose nodes answer in turn, nothing is told. */
async function runOf(redis: RedisLink): Promise<string> {
  if (redis.isCluster) return '';
  return /^run_id:(\w+)/m.exec(await redis.commands.info('server'))?.[1] ?? '';
}

/** `lost` is called once for each time that the lane was, or may have been, cut short since this watch began. */
export function onLaneLost(
  redis: RedisLink,
  pair: string,
  lost: () => void,
  error: (error: Error) => void,
): LaneLostWatch {
  const markers = markersOf.get(redis) ?? openMarkers(redis);
  markersOf.set(redis, markers);
  const one: Watched = { key: pairKey(pair, 'marker'), known: null, lost, error };
  markers.all.add(one);
  markers.look();
  return {
    close: async () => {
      markers.all.delete(one);
      if (markers.all.size === 0) {
        markersOf.delete(redis);
        markers.end();
      }
      // What still waits for Redis is broken off by the link's own end.
      if (redis.up) await withDeadline(markers.settled(), 500, 'the markers').catch(() => undefined);
    },
  };
}

function openMarkers(redis: RedisLink): Markers {
  const all = new Set<Watched>();
  let running: Promise<void> | null = null;
  let again = false;
  let soon: NodeJS.Immediate | undefined;

  const look = async (watched: readonly Watched[]): Promise<void> => {
    const found = await readAll(redis, watched);
    const absent = watched.filter((_, index) => found[index] === null);
    // One of all who watch makes a new one; everybody sees that it is another.
    await Promise.all(absent.map(({ key }) => redis.commands.set(key, randomUUID(), 'NX')));
    const made = await readAll(redis, absent);
    const run = await runOf(redis);
    const now = new Map(watched.map((one, index) => [one, found[index] ?? null]));
    for (const [index, one] of absent.entries()) now.set(one, made[index] ?? null);
    for (const [one, marker] of now) {
      if (marker === null || !all.has(one)) continue;
      const before = one.known;
      one.known = `${marker} ${run}`;
      if (before !== null && before !== one.known) one.lost();
    }
  };

  const begin = (): void => {
    if (running !== null || !redis.up) {
      again = true;
      return;
    }
    again = false;
    const watched = [...all];
    running = look(watched)
      .catch((reason: unknown) => {
        if (!redis.up) return;
        const known = reason instanceof Error ? reason : new Error(String(reason));
        for (const one of watched) if (all.has(one)) one.error(known);
      })
      .finally(() => {
        running = null;
        if (again && all.size > 0) begin();
      });
  };
  const offUp = redis.onUp(begin);
  let timer: NodeJS.Timeout;
  const later = (): void => {
    timer = setTimeout(
      () => {
        begin();
        later();
      },
      LOOK_MS + PER_PAIR_MS * all.size,
    );
  };
  later();
  return {
    all,
    // Many pairs begin in one moment.
    look: () => {
      soon ??= setImmediate(() => {
        soon = undefined;
        begin();
      });
    },
    settled: async () => {
      while (running !== null) await running;
    },
    end: () => {
      offUp();
      clearTimeout(timer);
      clearImmediate(soon);
    },
  };
}

async function readAll(redis: RedisLink, watched: readonly Watched[]): Promise<readonly (string | null)[]> {
  if (watched.length === 0) return [];
  const keys = watched.map(({ key }) => key);
  // On a cluster every pair has a slot of its own.
  if (redis.isCluster) return await Promise.all(keys.map((key) => redis.commands.get(key)));
  return await redis.commands.mget(keys);
}
