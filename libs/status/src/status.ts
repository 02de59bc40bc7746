/**
 * What `status --json`, the dashboard and its API say of a pair. The field names are a promise to scripts: they may
 * grow in number, never change or go.
 */
import type { PairState } from '@lazysync/base';
import type { RemoteScanFacts, Warning } from '@lazysync/queue';
import type { TransferStatus } from './transfer-list.ts';

export interface ProcessRef {
  readonly pid: number;
  readonly host: string;
}

export interface PairStatus {
  readonly id: string;
  readonly local: string;
  readonly remote: string;
  readonly state: PairState;
  /** Jobs of the lane that are not finished. */
  readonly queued: number;
  /** Downloads and large uploads that wait, run, or are staged and wait for their commit. */
  readonly transfers: number;
  /** Everything the base knows of, the root left out. */
  readonly entries: number;
  readonly directories: number;
  readonly stubs: number;
  readonly copies: number;
  /** Bytes of the copies that are here. */
  readonly cachedBytes: number;
  /** Bytes of all files, as the remote has them. */
  readonly remoteBytes: number;
  readonly conflicts: number;
  /** What could not be done; what waits for a person's yes is counted in `held`. */
  readonly problems: number;
  readonly held: number;
  /** Versions of the remote that were replaced where a save of another host in the same moment would not have been seen. */
  readonly openReplaces: number;
  /** ISO time of the last change that was carried out. */
  readonly lastChange: string | null;
  readonly redis: 'up' | 'down';
  readonly watchers: readonly ProcessRef[];
  /** Watchers beside the remote's disk. */
  readonly serverWatchers: readonly ProcessRef[];
  /** How the remote is looked at, and how old what is known of it may be; null: nobody has said so lately. */
  readonly remoteScan: RemoteScanFacts | null;
  /** What the watcher lacks, such as room for inotify watches, and the command that mends it. */
  readonly warnings: readonly Warning[];
  readonly worker: readonly ProcessRef[];
}

/** A pair as `status --json` prints it. */
export interface ListedPair extends PairStatus {
  /** The first hundred of `transfers`, what runs first. */
  readonly transferList: readonly TransferStatus[];
}

export interface Status {
  /** Of this format. */
  readonly version: 1;
  readonly pairs: readonly ListedPair[];
}
