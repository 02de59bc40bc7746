/** Pure decisions: what to do at a path, as one act with its precondition. */
import type { BaseRecord, RemotePrint } from './base-record.ts';
import type { Entry, FileEntry, FileStat, Identity, StubEntry, SymlinkEntry } from './entry.ts';
import type { RelPath } from './rel-path.ts';
import type { Side } from './side.ts';

/** One act on a tree. Every field named `expected` is its precondition: if it does not hold, nothing has happened. */
export type Step =
  /** Make something small where nothing is. */
  | { readonly kind: 'make-stub'; readonly side: 'local'; readonly path: RelPath }
  | {
      readonly kind: 'make-directory';
      readonly side: Side;
      readonly path: RelPath;
      readonly mode: number;
      /** It was made and filled in the stage folder, under the slot's name, and gets its own by one rename. */
      readonly filled?: true;
    }
  | { readonly kind: 'make-symlink'; readonly side: Side; readonly path: RelPath; readonly target: string }
  /** Local content goes up: staged beside everybody's sight, then made visible. */
  | {
      readonly kind: 'upload';
      readonly side: 'remote';
      readonly path: RelPath;
      readonly source: FileStat;
      readonly expected: Entry;
      /** The old version leaves its name first, so that no save of another host can be replaced. */
      readonly capture?: true;
    }
  /** A stub becomes the copy that a transfer has staged. */
  | {
      readonly kind: 'hydrate';
      readonly side: 'local';
      readonly path: RelPath;
      readonly transfer: string;
      readonly staged: FileStat;
      readonly expected: StubEntry;
    }
  /** A clean copy becomes a stub again; `keep`: the copy goes to the local trash. */
  | {
      readonly kind: 'dehydrate';
      readonly side: 'local';
      readonly path: RelPath;
      readonly expected: FileEntry | SymlinkEntry;
      readonly keep: boolean;
    }
  /** A stub that was moved here points at its own path again. */
  | { readonly kind: 'repoint'; readonly side: 'local'; readonly path: RelPath; readonly expected: StubEntry }
  /** Goes to that side's trash (a stub is just unlinked, an empty directory removed). */
  | {
      readonly kind: 'remove';
      readonly side: Side;
      readonly path: RelPath;
      readonly expected: Entry;
      /** A directory with all that is in it, as one rename into the trash; what was captured is walked afterwards. */
      readonly whole?: true;
    }
  | {
      readonly kind: 'move';
      readonly side: Side;
      readonly from: RelPath;
      readonly path: RelPath;
      readonly expected: Entry;
      /** Somebody moved it in the remote, and local's goes along; else a local move makes room for a conflict. */
      readonly along?: true;
      /** Out of the trash, because a person asked for it: new from now on, whatever it was known as. */
      readonly restored?: true;
    }
  /** A second file with the same content, made on the remote (a stub was copied). */
  | {
      readonly kind: 'copy';
      readonly side: 'remote';
      readonly from: RelPath;
      readonly path: RelPath;
      readonly expected: FileEntry;
    }
  | {
      readonly kind: 'set-metadata';
      readonly side: Side;
      readonly path: RelPath;
      readonly mode: number;
      readonly mtimeNs: bigint | null;
      readonly expected: Entry;
    };

export type StepKind = Step['kind'];

/** What carrying out a step came to. `after` is what is REALLY there now, and that goes into the base. */
export type StepOutcome =
  | {
      readonly kind: 'done';
      readonly after: Entry;
      /** sha256 of the bytes that went up or came down. */
      readonly hash?: string;
      /** What the source showed before and after its bytes were read. */
      readonly source?: FileStat;
      /** Where the old thing went, relative to the root of its side. */
      readonly trashed?: RelPath;
      /** A save of another host within the last moments of this replace would have been overwritten unseen. */
      readonly open?: true;
      /** Its stage name is still there, to be discarded when there is time. */
      readonly left?: true;
    }
  /** The precondition did not hold: plan again. */
  | { readonly kind: 'stale'; readonly saw: Entry }
  | { readonly kind: 'failed'; readonly problem: Problem };

export type ProblemCode =
  | 'unreadable'
  | 'special-file'
  | 'bad-name'
  | 'name-refused'
  | 'case-collision'
  | 'other-pair'
  | 'no-space'
  | 'no-permission'
  | 'being-written'
  | 'not-empty'
  | 'unsettled'
  | 'other-file-system'
  | 'held'
  | 'failed';

/** Could not be done now: data, not an exception. */
export interface Problem {
  readonly code: ProblemCode;
  readonly path: RelPath;
  readonly side: Side | null;
  /** One sentence for a person; says what happens next. */
  readonly message: string;
}

/** A change of the base that follows from a step. */
export type BaseChange =
  | { readonly kind: 'put'; readonly record: BaseRecord }
  | { readonly kind: 'forget'; readonly path: RelPath }
  /** Rows at and below `from` now lie at `to`. */
  | { readonly kind: 'move'; readonly from: RelPath; readonly to: RelPath }
  /** Rows at and below `path` become tombstones: they lie at `trashed`, in the remote's trash. */
  | { readonly kind: 'bury'; readonly path: RelPath; readonly trashed: RelPath }
  /** The stub at `path` still leads to `to`, and is to be repointed. */
  | { readonly kind: 'leads'; readonly path: RelPath; readonly to: RelPath }
  /** All stubs at and below `path` lead to their own paths again after a move. */
  | { readonly kind: 'repointed'; readonly path: RelPath }
  /** The local version went to `conflict`. */
  | { readonly kind: 'conflict'; readonly path: RelPath; readonly conflict: RelPath };

/** Where a local thing came from, if it was moved or copied here. */
export interface Origin {
  /** The row that knows it: at its old path, or in the trash (a tombstone). */
  readonly record: BaseRecord;
  /** What lies at the old local path now. */
  readonly local: Entry;
  /** What lies on the remote at the row's path. */
  readonly remote: Entry;
}

/** What the planner may ask to be looked at before it can decide. */
export type Need = 'remote' | 'local' | 'local-hash' | 'remote-hash' | 'origin' | 'remote-origin' | 'children';

/** Everything a decision is made from. A field that is undefined was not looked at yet: the planner asks with `need`. */
export interface PathView {
  readonly path: RelPath;
  readonly base: BaseRecord | null;
  readonly local?: Entry;
  readonly remote?: Entry;
  /** sha256 of the content that is there now; null: could not be read whole, or it changed meanwhile. */
  readonly localHash?: string | null;
  readonly remoteHash?: string | null;
  readonly origin?: Origin | null;
  /** The row that knows the thing on the remote under another name, and what lies there on both sides. */
  readonly remoteOrigin?: Origin | null;
  /** For a directory: are there rows below it in the base? */
  readonly children?: boolean;
  /** The clock, ns since 1970: tells whether a racy remote version can be judged by now. */
  readonly nowNs?: bigint;
  /** Where stubs at this path may still lead to, because it (or a folder above) was moved and they were not yet repointed. */
  readonly movedFrom?: RelPath | null;
}

/** Why a path is planned. */
export interface Cause {
  /** The side that something was seen on: the other one is looked at only if the decision needs it. */
  readonly side: Side | 'both';
  /** A stub that is found at rest is to be downloaded. */
  readonly hydrate: boolean;
}

/** What the planner needs to know besides what it sees. */
export interface Policy {
  readonly localRoot: string;
  readonly remoteRoot: string;
  /** What every stub's text begins with today. */
  readonly anchor: string;
  /** Same size, other mtime: contents up to this many bytes are compared before a copy is taken for out of date. */
  readonly compareLimit: number;
  /** A thing on the remote is known again under another name by its identity. */
  readonly remoteIdentities?: boolean;
  /** How a version of the remote is replaced: `capture` never overwrites a rival's, but leaves the name absent for moments. */
  readonly replace?: 'rename' | 'capture';
  /** A free name for the local version of a path that both sides changed. */
  readonly conflictPath: (path: RelPath) => RelPath;
}

/** What is decided for a path. */
export type Decision =
  | { readonly kind: 'need'; readonly what: readonly Need[] }
  /** Both sides are as they should be; `changes` only write down what was seen. */
  | { readonly kind: 'nothing'; readonly changes: readonly BaseChange[]; readonly why: string }
  | {
      readonly kind: 'step';
      readonly step: Step;
      readonly why: string;
      /** The path is to be planned again after the step. */
      readonly again: boolean;
      /** Another path that this step makes worth looking at. */
      readonly also?: RelPath;
      /** Everything below is to be looked at after the step (a folder was moved). */
      readonly below?: boolean;
    }
  /** A stub at rest whose content is wanted here: a transfer beside the lane. */
  | { readonly kind: 'download'; readonly remote: RemotePrint; readonly why: string }
  /** The rows below go first, deepest first, then this path is planned again. */
  | { readonly kind: 'children-first'; readonly why: string }
  | { readonly kind: 'problem'; readonly problem: Problem };

/** The first bytes of a transfer that is not whole yet: written down when they are on the disk, and gone on with later. */
export interface StagedPart {
  readonly bytes: number;
  /** sha256 of them, hex. */
  readonly hash: string;
  /** The version that they are of. */
  readonly size: number;
  readonly mtimeNs: bigint;
}

/** A download whose content is staged. */
export interface StagedContent {
  readonly transfer: string;
  readonly path: RelPath;
  /** The version that was fetched: what the remote showed before and after. */
  readonly remote: RemotePrint;
  readonly staged: FileStat;
  readonly hash: string;
}

export type { BaseRecord, Identity };
