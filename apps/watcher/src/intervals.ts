/** How often what is looked at, ms. */
import type { Probe } from '@lazysync/replica';

/** Where other hosts change the remote, and where the kernel tells of everything. */
const SCAN_MOUNT = 2_000;
/** Of a mount that answers from a cache of many seconds: asking it more often shows nothing sooner. */
export const SCAN_CACHING_MOUNT = 5_000;
const SCAN_LOCAL_DISK = 60_000;
/** For each pair of the process: of a thousand, some are looked at each second. */
const SCAN_LOCAL_DISK_PER_PAIR = 200;
export const SCAN_LOCAL = 300_000;
/** Where the kernel has no room for all watches, and how many times as long as a look took is waited at least. */
const SCAN_BLIND = 5_000;
const BLIND_REST = 19;
/** Where a watcher beside the remote's disk tells of everything: only for what it may have missed. */
export const SCAN_SERVED = 3_600_000;

/** Between two scans of the remote. `pairs`: that the process serves. */
export function remoteInterval(
  { seesAllChanges, listingCacheMs }: Pick<Probe, 'seesAllChanges' | 'listingCacheMs'>,
  pairs: number,
): number {
  if (seesAllChanges) return Math.max(SCAN_LOCAL_DISK, pairs * SCAN_LOCAL_DISK_PER_PAIR);
  return Math.min(SCAN_CACHING_MOUNT, Math.max(SCAN_MOUNT, listingCacheMs / 4));
}

/** Between two scans of local, where folders are not watched, by how long the last one took. */
export function blindInterval(tookMs: number): number {
  return Math.max(SCAN_BLIND, BLIND_REST * tookMs);
}
