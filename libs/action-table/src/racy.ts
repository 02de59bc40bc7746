/** Fingerprints that were taken so soon after a write that a further one might not show. */
import type { FileStat, RemotePrint } from '@lazysync/event-model';

/** A write may come this long after a stat without moving the mtime that was seen, ns (kernel ticks, coarse clocks). */
const RACY_NS = 2_000_000_000n;

/** The fingerprint was taken so soon after the last write that a further one may look the same. */
export function isRacy(stat: FileStat, nowNs: bigint): boolean {
  return nowNs - stat.mtimeNs < RACY_NS;
}

const SECOND_NS = 1_000_000_000n;
/** Steps of up to 2 s (FAT), and a second for clocks that differ. */
const REMOTE_RACY_NS = 3n * SECOND_NS;
/** A time further ahead than this was set by hand. */
const AHEAD_NS = 60n * SECOND_NS;

/** The remote shows whole seconds, and the last one is not over: a further write of the same size may look the same. */
export function isRemoteRacy(print: RemotePrint, nowNs: bigint): boolean {
  const age = nowNs - print.mtimeNs;
  return print.mtimeNs % SECOND_NS === 0n && age < REMOTE_RACY_NS && age > -AHEAD_NS;
}

/** The mark in a row, where it is needed. */
export function remoteRacy(print: RemotePrint, nowNs: bigint): { readonly remoteRacy?: true } {
  return isRemoteRacy(print, nowNs) ? { remoteRacy: true } : {};
}
