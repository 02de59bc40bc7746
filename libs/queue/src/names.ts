/** The names of all keys in Redis. One hash tag per pair: on a cluster a pair lives in one slot. */

/** Every pair has a queue of this name under a prefix of its own. */
export const LANE = 'lane';

/**
 * The prefix of all keys of a pair. Ids that are plain words appear as they are; anything else is escaped, because the
 * prefix also becomes a client name, and braces would move the hash tag.
 */
export function pairPrefix(pair: string): string {
  if (pair === '' || pair.length > 200) throw new Error(`not a pair id: ${JSON.stringify(pair.slice(0, 50))}`);
  return `{lazysync-${encodeURIComponent(pair)}}`;
}

/** A key of the pair's queue, as BullMQ builds it. */
export function laneKey(pair: string, type: string): string {
  return `${pairPrefix(pair)}:${LANE}:${type}`;
}

/** A key of the pair outside its queue. */
export function pairKey(pair: string, ...parts: readonly string[]): string {
  return [pairPrefix(pair), ...parts].join(':');
}

/** A key of all processes that meet in this Redis: one slot for all of them. */
export function fleetKey(...parts: readonly string[]): string {
  return ['{lazysync}', ...parts].join(':');
}
