/** Everything the worker of one pair acts through. Tests wrap these; no switch for them exists in the libs. */
import type { Base } from '@lazysync/base';
import type { EventOutcome, Policy, RelPath, SyncEvent } from '@lazysync/event-model';
import type { Replica, TellProgress } from '@lazysync/replica';
import type { Holds } from './holds.ts';
import type { Hydration } from './hydration.ts';
import type { ListAhead } from './list-ahead.ts';
import type { PackLink } from './pack-link.ts';
import type { PrefetchPolicy } from './prefetch.ts';

/** Waits that are owned by somebody else: the process, or a simulation. */
export interface PairTimers {
  /** ms, on a clock that nobody sets; only differences count. */
  now(): number;
  /** Calls once after `ms`, unless cancelled before. */
  after(ms: number, call: () => void): { cancel(): void };
  /** Calls once when what has come in by now was dealt with. */
  soon(call: () => void): void;
}

export const processTimers: PairTimers = {
  now: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return { cancel: () => clearTimeout(timer) };
  },
  soon: (call) => void setImmediate(call),
};

/** New folders that are filled before they are seen. */
export interface WholeFolders {
  /** New files below one, from which on it is worth it. */
  readonly fewest: number;
  /** Does a rename of a folder in this remote fail if the name is taken? */
  readonly suits: () => boolean;
}

export interface PairPorts {
  readonly pair: string;
  readonly base: Base;
  readonly local: Replica;
  readonly remote: Replica;
  readonly policy: Policy;
  /** ms since 1970: for what is written down. The clock may be set; what lasts is measured by `timers`. */
  readonly now: () => number;
  /** A name for a step's stage file and trash folder, never given twice: `<UTC>-<client>-<n>`. */
  readonly slot: () => string;
  /** The middle parts of all names that this base's starts have given. */
  readonly clients: () => ReadonlySet<string>;
  readonly ignored: (path: RelPath, directory: boolean) => boolean;
  /** What of this decisions hang on: what is ignored, and the policy. */
  readonly rules: () => string;
  /** Reads the shared ignore file anew; true when the rules have changed. */
  readonly reloadIgnored: () => Promise<boolean>;
  /** Appends to this pair's own lane. */
  readonly publish: (events: readonly SyncEvent[]) => Promise<void>;
  readonly uuids: { readonly local: string; readonly remote: string };
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string, more?: object) => void;
  readonly holds: Holds;
  readonly hydration: Hydration;
  /** Left out: nothing is fetched ahead of being opened. */
  readonly prefetch?: PrefetchPolicy;
  /** How many unrelated paths of one changeset may be changed together, while more are staged; 1: one by one. */
  readonly width: number;
  /** Bytes: larger uploads are staged beside the lane. */
  readonly inlineLimit: number;
  /** Bytes per second of all downloads and of all uploads; Infinity: no limit. */
  readonly limit: { readonly down: number; readonly up: number };
  /** Free space where local lies, bytes. */
  readonly freeBytes: () => Promise<number>;
  /** Bytes that downloads leave free. */
  readonly minFree: number;
  /** Tells how far a transfer is, now and then. */
  readonly onProgress?: (listen: TellProgress) => void;
  /** How many downloads run side by side, while they are small: a few large ones fill any link. */
  readonly downloads: number;
  /** Left out: they are kept. */
  readonly keepOverwritten?: boolean;
  /** The remote's listings, begun before the first job came: only for a base that holds nothing. Taken once. */
  readonly ahead?: () => ListAhead | null;
  /** Left out: nobody unpacks beside the remote's disk. */
  readonly packs?: PackLink;
  /** Left out: new folders are made first, and what is in them goes up file by file. */
  readonly wholeFolders?: WholeFolders;
  /** Left out: the process's own. */
  readonly timers?: PairTimers;
}

export type { EventOutcome };
