/** The base: one SQLite file per pair. One writer (the worker); others read. All calls are synchronous. */
import type {
  BaseChange,
  BaseRecord,
  FileStat,
  Identity,
  Problem,
  RelPath,
  RemotePrint,
  Side,
  StagedPart,
  Step,
} from '@lazysync/event-model';

/** Written before a step touches a tree, cleared in the transaction that records it. */
export interface Intent {
  readonly slot: string;
  readonly side: Side;
  readonly step: Step;
  /** ms since 1970. */
  readonly at: number;
  /** Of an upload, written a second time once its content is staged. */
  readonly staged?: { readonly stat: FileStat; readonly hash: string; readonly source: FileStat };
  /** Of an upload that goes in a pack: the pack's slot. */
  readonly packed?: string;
  /** It was carried out and written down; only its stage name is still to be removed. */
  readonly over?: true;
}

export type TransferState = 'queued' | 'running' | 'staged';

export interface Transfer {
  readonly id: string;
  readonly path: RelPath;
  readonly state: TransferState;
  /** The version this was begun for. */
  readonly remote: RemotePrint;
  readonly bytes: number;
  /** Of a download that nobody has asked for: it waits until all others are done. */
  readonly ahead?: boolean;
  /** Of a download that was begun: what of its stage file can be gone on with. */
  readonly part?: StagedPart | null;
  /** Set once `staged`: the stage file, and the version that was fetched. */
  readonly staged: { readonly stat: FileStat; readonly hash: string; readonly remote: RemotePrint } | null;
  /** Of an upload: the local version that it was begun for, and what is staged of it in the remote. */
  readonly up?: { readonly source: FileStat; readonly staged: NonNullable<Intent['staged']> | null };
}

export interface Counts {
  readonly entries: number;
  readonly directories: number;
  readonly stubs: number;
  readonly copies: number;
  readonly cachedBytes: number;
  readonly remoteBytes: number;
}

export type PairState = 'stopped' | 'starting' | 'syncing' | 'idle' | 'paused' | 'held' | 'remote-offline' | 'halted';

export interface StoredProblem extends Problem {
  readonly since: number;
}

export interface StoredConflict {
  readonly path: RelPath;
  readonly conflict: RelPath;
  readonly at: number;
}

/** Something that was done to a path, for `log` and `why`. */
export interface Act {
  readonly path: RelPath;
  /** Such as `upload in remote`. */
  readonly act: string;
  readonly why: string;
}

export interface LoggedAct extends Act {
  /** Rising. */
  readonly id: number;
  /** ms since 1970. */
  readonly at: number;
}

/** Digests of a folder's two listings when all of its names were in agreement: while both are the same, they still are. */
export interface Seal {
  readonly local: string;
  readonly remote: string;
  /** How many, for people. */
  readonly names: number;
}

export interface PageQuery {
  /** The last row of the page before. */
  readonly after?: { readonly folder: boolean; readonly name: string };
  /** What names begin with. */
  readonly prefix?: string;
  readonly limit: number;
}

export interface BaseReader {
  get(path: RelPath): BaseRecord | null;
  /** Of the link, where the row is that of a stub: a third of the price of the row. */
  stub(path: RelPath): Identity | null;
  /** Rows directly below. */
  children(path: RelPath): readonly BaseRecord[];
  /** Rows below, at any depth, parents before children. */
  below(path: RelPath): readonly BaseRecord[];
  hasBelow(path: RelPath): boolean;
  /** The same without residuals: something that both sides have, or had. */
  hasAgreedBelow(path: RelPath): boolean;
  /** Some of the rows directly below, folders first, each by name: for folders too large to be read at once. */
  page(path: RelPath, query: PageQuery): readonly BaseRecord[];
  /** As `counts`, of what lies below. */
  countsBelow(path: RelPath): Counts;
  directories(): readonly RelPath[];
  /** Names of the folders directly below; those of stubs. */
  folders(path: RelPath): readonly string[];
  stubs(path: RelPath): readonly string[];
  /** It falls with any row directly below, and where something is moved. */
  seal(path: RelPath): Seal | null;
  counts(): Counts;
  /** Another number than before once anybody else has written. */
  version(): number;
  transfers(): readonly Transfer[];
  problems(): readonly StoredProblem[];
  isProblem(path: RelPath): boolean;
  hasProblems(): boolean;
  /** All that `act` reads is of one moment, and each read costs a quarter of what it costs alone. `act` waits for nothing. */
  atOnce<T>(act: () => T): T;
  conflicts(): readonly StoredConflict[];
  /** The newest `limit` acts after `after`, oldest first; of one path, or of all. The last 20,000 are kept. */
  acts(query: { readonly path?: RelPath; readonly after?: number; readonly limit: number }): readonly LoggedAct[];
  /** gitignore patterns of what shall always be a copy. */
  pins(): readonly string[];
  /** What came of a command; null: it was not carried out (yet). */
  commandResult(id: string): string | null;
  meta(key: string): string | null;
  close(): void;
}

export interface Base extends BaseReader {
  /** Rows with this local identity, tombstones among them (their path lies in the trash). */
  withIdentity(identity: Identity): readonly BaseRecord[];
  /** Rows of what lies on the remote, and not in its trash, with this remote identity. */
  withRemoteIdentity(identity: Identity): readonly BaseRecord[];
  /**
   * Those of these inode numbers (of files in the remote) that some row may have, asked for many at once. One too many is
   * possible: of another device, or one too large to be asked for.
   */
  remoteInodesKnown(inodes: readonly bigint[]): ReadonlySet<bigint>;
  /** Where the remote's former thing at `path` lies in the trash, the latest; through a buried ancestor too. */
  tombstone(path: RelPath): RelPath | null;
  /** Where stubs at `path` may still lead, because it or a folder above was moved and they were not repointed yet. */
  movedFrom(path: RelPath): RelPath | null;
  begin(intents: readonly Intent[]): void;
  /** Those that are not over. */
  intents(): readonly Intent[];
  /** Those of which only the stage name is still to be removed. */
  leftovers(): readonly Intent[];
  /** One transaction: changes, conflicts, cleared intents, and those that are over but for their stage name. */
  record(
    changes: readonly BaseChange[],
    cleared: readonly string[],
    acts?: readonly Act[],
    at?: number,
    over?: readonly Intent[],
  ): void;
  /** All that `act` writes is one transaction. */
  together(act: () => void): void;
  /** Of folders that have a row (or the root), in the state that their rows are in now. One transaction. */
  putSeals(seals: ReadonlyMap<RelPath, Seal>): void;
  /** What all decisions hang on beside rows and what is seen; seals from under another one fall. */
  keepSealsUnder(policy: string): void;
  putPin(pattern: string): void;
  dropPin(pattern: string): void;
  putTransfer(transfer: Transfer): void;
  dropTransfer(id: string): void;
  putProblem(problem: Problem, at: number): void;
  clearProblem(path: RelPath): void;
  clearProblemsBelow(path: RelPath): void;
  putConflict(conflict: StoredConflict): void;
  setMeta(key: string, value: string): void;
  /** Written down once carried out, with what came of it. */
  putCommand(id: string, result: string): void;
}
