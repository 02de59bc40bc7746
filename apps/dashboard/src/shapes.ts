/** What the API answers with: the server fills these, the pages read them. Fields may be added, never renamed. */
import type { PairStatus } from '@lazysync/status';

/** One pair at a glance. */
export interface PairSummary extends PairStatus {
  /** Why the pair is in its state, one sentence; null when that goes without saying. */
  readonly why: string | null;
  readonly progress: { readonly done: number; readonly total: number } | null;
  /** For how long the job has waited that waits longest, ms. */
  readonly lagMs: number | null;
}

export interface PairsAnswer {
  readonly version: 1;
  readonly pairs: readonly PairSummary[];
}

export interface TransferShape {
  readonly id: string;
  readonly path: string;
  readonly state: 'queued' | 'running' | 'staged';
  /** Bytes that are here, and bytes in all. */
  readonly bytes: number;
  readonly size: number;
}

export interface ProblemShape {
  readonly path: string;
  readonly code: string;
  readonly side: 'local' | 'remote' | null;
  readonly message: string;
  /** ms since 1970. */
  readonly since: number;
}

export interface ConflictShape {
  readonly path: string;
  /** Where the local version is kept. */
  readonly conflict: string;
  /** ms since 1970. */
  readonly at: number;
}

/** A part of a list. */
export interface ListPart<T> {
  readonly total: number;
  readonly items: readonly T[];
}

export interface PairDetail extends PairSummary {
  readonly lane: string;
  readonly transferList: ListPart<TransferShape>;
  readonly problemList: ListPart<ProblemShape>;
  readonly heldList: ListPart<ProblemShape>;
  readonly conflictList: ListPart<ConflictShape>;
  readonly pins: readonly string[];
}

export interface OutcomeShape {
  readonly path: string;
  readonly outcome: string;
}

/** A finished job of the lane. */
export interface ActionShape {
  readonly id: string;
  /** ms since 1970. */
  readonly at: number;
  /** Such as `local modify src/a.ts +12`. */
  readonly what: string;
  /** The first of them. */
  readonly outcomes: readonly OutcomeShape[];
  /** All. */
  readonly outcomeCount: number;
}

export interface ActionsAnswer {
  readonly items: readonly ActionShape[];
}

export interface LogAnswer {
  readonly items: readonly {
    readonly id: number;
    readonly at: number;
    readonly path: string;
    readonly act: string;
    readonly why: string;
  }[];
}

/** What happened in one step of time. */
export interface Sample {
  /** Begin of the step, ms since 1970. */
  readonly at: number;
  /** Jobs in the lane when it was looked at; null: nobody looked, or Redis was away. */
  readonly queued: number | null;
  readonly actions: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

export interface HistoryAnswer {
  /** Length of a step, ms. */
  readonly stepMs: number;
  readonly samples: readonly Sample[];
}

/** `one-side`: only one side has it, and it stays so. */
export type TreeKind = 'directory' | 'stub' | 'copy' | 'link' | 'one-side' | 'problem';

export interface TreeItem {
  readonly name: string;
  readonly path: string;
  readonly kind: TreeKind;
  /** Bytes of the file as the remote has it; of a folder all that is in it, null when that was not counted. */
  readonly size: number | null;
  /** Bytes of it that are here. */
  readonly here: number | null;
  /** Files below a folder; null when they were not counted. */
  readonly files: number | null;
  /** ISO, of the file as the remote has it. */
  readonly modified: string | null;
  readonly pinned: boolean;
  readonly downloading: boolean;
  readonly conflict: boolean;
  /** What could not be done with it. */
  readonly problem: string | null;
}

export interface TreeAnswer {
  readonly path: string;
  readonly items: readonly TreeItem[];
  /** Names the next page; null: this was the last. */
  readonly next: string | null;
}

export interface CommandAnswer {
  readonly id: string;
}

export interface CommandResult {
  readonly done: boolean;
  /** One sentence, once it is done. */
  readonly result: string | null;
}

export interface SaidAnswer {
  readonly message: string;
}

export interface TrashAnswer {
  readonly items: readonly {
    readonly side: 'local' | 'remote';
    readonly slot: string;
    readonly path: string;
    readonly kind: string;
    readonly size: number | null;
    readonly removedAt: number | null;
  }[];
}

export interface WhyAnswer {
  readonly path: string;
  readonly base: string;
  readonly local: string;
  readonly remote: string;
  /** What would be done next. */
  readonly act: string;
  readonly why: string;
  readonly acts: LogAnswer['items'];
}

export interface ErrorAnswer {
  /** One sentence. */
  readonly error: string;
}
