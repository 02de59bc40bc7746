/**
 * One batch-oriented interface over one tree. Two homes: in this process (local), or behind an endpoint process (a
 * mount). Calls reject only with `RemoteOffline` (a deadline passed, the endpoint is gone) or for bugs; all that a
 * file system can answer is a value.
 */
import type {
  Entry,
  FileStat,
  Identity,
  PackRequest,
  Problem,
  RelPath,
  RemotePrint,
  Side,
  StagedPart,
  Step,
  StepOutcome,
} from '@lazysync/event-model';
import type { PackedFolder } from './pack-file.ts';

/** The mount does not answer. Nothing may be concluded about any path. */
export class RemoteOffline extends Error {}

export interface DirectoryQuery {
  readonly path: RelPath;
  /** Digest of an earlier listing: answered by `same` when nothing in it has changed. */
  readonly known?: string;
  /**
   * Names that were stubs of their own paths, when they were last seen, and which inode each was: what an inode says never
   * changes, so one that is still there is not read. Reading a link costs three calls, and its atime. Asked only if the
   * folder is not the same. Local only.
   */
  readonly stubs?: () => ReadonlyMap<string, Identity>;
}

export interface ListedName {
  readonly name: string;
  readonly entry: Entry;
}

export type Listing =
  | { readonly kind: 'same'; readonly path: RelPath }
  | {
      readonly kind: 'listing';
      readonly path: RelPath;
      readonly names: readonly ListedName[];
      /** Names that can not be synced (not UTF-8), escaped for people. Their presence keeps the directory. */
      readonly unsyncable: readonly string[];
      /** Over names and what each shows. */
      readonly digest: string;
      /** Something in it could not be looked at: nothing may be taken for absent. */
      readonly partial: boolean;
    }
  | { readonly kind: 'gone'; readonly path: RelPath }
  | { readonly kind: 'unreadable'; readonly path: RelPath; readonly reason: string };

export type HashOutcome =
  | { readonly kind: 'hash'; readonly hash: string; readonly stat: FileStat }
  /** It changed while it was read, or is not what was expected. */
  | { readonly kind: 'stale'; readonly saw: Entry }
  | { readonly kind: 'failed'; readonly problem: Problem };

/** An upload's content, staged on the remote where nobody sees it. */
export interface StagedUpload {
  /** The staged file's own, read from its descriptor: what the base will hold for the remote. */
  readonly stat: FileStat;
  /** sha256, hex. */
  readonly hash: string;
  /** What the local file showed before and after its bytes were read. */
  readonly source: FileStat;
}

/** A step to be carried out. `slot` names its stage file and its trash folder, and is in the journal before. */
export interface Order {
  readonly slot: string;
  readonly step: Step;
  /** Of an upload, once it is staged. */
  readonly staged?: StagedUpload;
  /** Of an upload into a new folder that is filled before it is seen: where below the stage folder. Left out: by the slot. */
  readonly under?: string;
  /** Of what is staged, bytes per second; left out: none. */
  readonly limit?: number;
  /** As of a fetch; left out: no part is told. */
  readonly part?: StagedPart | null;
}

export type StageOutcome =
  | { readonly kind: 'staged'; readonly upload: StagedUpload }
  | { readonly kind: 'stale'; readonly saw: Entry }
  /** Writing failed on the way. The part that was told stays, and can be gone on with. */
  | { readonly kind: 'broken-off'; readonly problem: Problem }
  | { readonly kind: 'failed'; readonly problem: Problem };

export interface PackWish {
  /** Made before the files, in this order. */
  readonly folders: readonly PackedFolder[];
  /** The finest difference of times that the mount shows, ns. */
  readonly stepNs: bigint;
  /** Bytes per second; left out: none. */
  readonly limit?: number;
}

export type PackOutcome =
  | {
      readonly kind: 'packed';
      readonly hash: string;
      /** What the local file showed before and after its bytes were read. */
      readonly source: FileStat;
    }
  | { readonly kind: 'left-out' };

export interface FetchOrder {
  readonly path: RelPath;
  /** File name in the local stage folder; partial content of an earlier try may lie there. */
  readonly slot: string;
  /** Bytes per second, or null. */
  readonly limit: number | null;
  /** What was told of an earlier try; it is gone on with if it is there, and the remote has that version still. */
  readonly part?: StagedPart | null;
}

/** `bytes` have moved; `part`: told whenever more of it is on the disk. */
export type TellProgress = (slot: string, bytes: number, part?: StagedPart) => void;

export type FetchOutcome =
  | {
      readonly kind: 'staged';
      /** What the remote showed on the one descriptor, before and after the bytes were read. */
      readonly remote: FileStat;
      readonly staged: FileStat;
      readonly hash: string;
    }
  | { readonly kind: 'stale'; readonly saw: Entry }
  /** Nobody wanted it any more. */
  | { readonly kind: 'left-off' }
  /** It could not be read now. The part that was told, if any, stays, and can be gone on with. */
  | { readonly kind: 'broken-off'; readonly problem: Problem }
  | { readonly kind: 'failed'; readonly problem: Problem };

export interface FetchPackWish {
  /** The finest difference of times that the mount shows, ns. */
  readonly stepNs: bigint;
  /** As many as all its contents together should have. */
  readonly bytes: number;
}

/** A download that has come in a pack: staged, as if it had come by itself. */
export interface FetchedOfPack {
  readonly slot: string;
  readonly remote: FileStat;
  readonly staged: FileStat;
  readonly hash: string;
}

export type RootState =
  | { readonly kind: 'ok' }
  /** The root or its marker is not there, is another pair's, or can not be read. */
  | { readonly kind: 'not-ours'; readonly message: string };

/** What this tree's file system can do, found out by doing it in the own folder. */
export interface Probe {
  /** As in /proc/self/mounts: ext4, fuse.sshfs ... */
  readonly fsType: string;
  /** True where every change is made on this host, so that the kernel tells of it. */
  readonly seesAllChanges: boolean;
  readonly readOnly: boolean;
  readonly hardLinks: boolean;
  readonly exchange: boolean;
  readonly noReplace: boolean;
  readonly symlinks: boolean;
  /** Does an open through a symlink move the symlink's own atime? */
  readonly linkAtime: boolean;
  /** Step of mtimes in ns: 1n, 1_000_000_000n ... */
  readonly mtimeStepNs: bigint;
  /** ms that the clock which sets its mtimes is ahead of this host's, as far as round trips let it be told; or null. */
  readonly clockAheadMs: number | null;
  /** Takes names for the same that differ only in case. */
  readonly foldsCase: boolean;
  /** For how long a listing may be out of date, ms. */
  readonly listingCacheMs: number;
}

/** An intent found in the journal at a start: how far had it come? */
export type RecoverOutcome =
  | { readonly kind: 'finished'; readonly outcome: StepOutcome }
  /** As if it had never been begun. */
  | { readonly kind: 'undone' }
  /** A call failed: neither yet. The journal keeps it, and it is tried again. */
  | { readonly kind: 'failed'; readonly problem: Problem };

export interface Replica {
  readonly side: Side;
  /** Makes the own folder and the marker if allowed, and finds out what the file system can do. */
  prepare(marker: MarkerWish): Promise<PrepareOutcome>;
  /** The marker as of now: asked before every batch that removes or replaces. */
  check(uuid: string): Promise<RootState>;
  /** lstat and readlink of each, in order; never follows. */
  look(paths: readonly RelPath[]): Promise<readonly Entry[]>;
  /** As `look`, but of a file what its server says this moment (through a descriptor), not what the mount remembers. */
  freshLook(paths: readonly RelPath[]): Promise<readonly Entry[]>;
  list(queries: readonly DirectoryQuery[]): Promise<readonly Listing[]>;
  hash(path: RelPath, expected: FileStat): Promise<HashOutcome>;
  /** Remote only: makes what uploads need there beforehand. */
  makeRoom(): Promise<void>;
  /** Remote only: writes an upload's content into the stage folder; the order then goes to `carryOut` with it. */
  stage(order: Order): Promise<StageOutcome>;
  /**
   * Remote only: a folder in the stage folder that is to be filled. `under`: the slot of its order, or what lies below
   * that. One that is there already is not taken.
   */
  stageFolder(under: string, mode: number): Promise<StepOutcome>;
  /** Remote only: the contents of many uploads go into the stage folder as one file, for `unpack`. */
  pack(slot: string, orders: readonly Order[], wish: PackWish): Promise<readonly PackOutcome[]>;
  /**
   * Remote only: what the mount remembers of the names in these folders is forgotten, as far as it lets us: somebody has
   * changed them behind it.
   */
  forgetListings(folders: readonly RelPath[]): Promise<void>;
  /** Remote only: the pack may not be unpacked any more. */
  withdraw(slot: string): Promise<void>;
  /** One after the other, in order. */
  carryOut(orders: readonly Order[]): Promise<readonly StepOutcome[]>;
  recover(orders: readonly Order[]): Promise<readonly RecoverOutcome[]>;
  /** Remote only: brings a file's bytes into the local stage folder. */
  fetch(order: FetchOrder): Promise<FetchOutcome>;
  /** Remote only: an empty file for whoever packs beside the disk. null, or why that is not possible now. */
  makeEmptyPack(slot: string): Promise<Problem | null>;
  /** Remote only: brings what is in a pack into the local stage folder. What is missing in the answer was not in it. */
  fetchPack(request: PackRequest, wish: FetchPackWish): Promise<readonly FetchedOfPack[]>;
  /** Remote only: a fetch that is under way answers `left-off` soon, unless it reads this very version. */
  leaveOff(slot: string, unless: RemotePrint | null): Promise<void>;
  /** Removes stage files by slot; on the remote those of uploads and copies. */
  discard(slots: readonly string[]): Promise<void>;
  /** Paths of all that lies in the stage folder, other clients' too. */
  stagedNames(): Promise<readonly RelPath[]>;
  /** Puts what is left in the stage folder into the trash. */
  leaveBehind(paths: readonly RelPath[]): Promise<void>;
  /** Removes trash folders by slot, for good. */
  purge(slots: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface MarkerWish {
  readonly pair: string;
  /** The marker's uuid in the base, or null when the base knows none. */
  readonly known: string | null;
  /** Used for a new marker. */
  readonly fresh: string;
  /**
   * On a mount only what costs no call on it is found out: trials take seconds there. The abilities count as missing
   * then; each act tries them and has another way.
   */
  readonly quick?: boolean;
}

export type PrepareOutcome =
  | { readonly kind: 'ready'; readonly uuid: string; readonly probe: Probe }
  | { readonly kind: 'refused'; readonly message: string };
