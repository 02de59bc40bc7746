/** Reads a pair's base beside a running worker, or with nothing running. Never writes, never throws. */
import { statSync } from 'node:fs';
import {
  type BaseReader,
  type Counts,
  openBaseReader,
  type PairState,
  type StoredConflict,
  type StoredProblem,
  type Transfer,
} from '@lazysync/base';

export interface Progress {
  readonly done: number;
  readonly total: number;
}

export interface BaseView {
  readonly counts: Counts;
  /** What the worker wrote last; it may have died since. null: never said. */
  readonly state: PairState | null;
  readonly why: string | null;
  readonly progress: Progress | null;
  readonly openReplaces: number;
  readonly lastChange: string | null;
  readonly transfers: readonly Transfer[];
  readonly problems: readonly StoredProblem[];
  readonly held: readonly StoredProblem[];
  readonly conflicts: readonly StoredConflict[];
}

export type BaseLook =
  | { readonly kind: 'base'; readonly view: BaseView }
  /** The pair never ran. */
  | { readonly kind: 'none' }
  | { readonly kind: 'unreadable'; readonly reason: string };

export interface BaseLooker {
  look(): BaseLook;
  /** What `ask` gives, or null when there is no base to be read. */
  inspect<T>(ask: (reader: BaseReader) => T): T | null;
  close(): void;
}

const STATES: readonly string[] = [
  'stopped',
  'starting',
  'syncing',
  'idle',
  'paused',
  'held',
  'remote-offline',
  'halted',
] satisfies PairState[];

export function createBaseLooker(file: string): BaseLooker {
  let open: { readonly reader: BaseReader; readonly identity: string } | null = null;
  const close = (): void => {
    open?.reader.close();
    open = null;
  };
  const current = (): BaseReader | null => {
    const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
    // A state folder may be removed and made anew while we look: then the open file is nobody's any more.
    const identity = stat === undefined ? null : `${stat.dev}:${stat.ino}:${stat.birthtimeNs}`;
    if (open !== null && open.identity !== identity) close();
    if (identity === null) return null;
    open ??= { reader: openBaseReader(file), identity };
    return open.reader;
  };
  return {
    close,
    look: () => {
      try {
        const reader = current();
        return reader === null ? { kind: 'none' } : { kind: 'base', view: readView(reader) };
      } catch (error) {
        close();
        return { kind: 'unreadable', reason: error instanceof Error ? error.message : String(error) };
      }
    },
    inspect: (ask) => {
      let reader: BaseReader | null;
      try {
        reader = current();
      } catch {
        return null; // `look` says why
      }
      return reader === null ? null : ask(reader);
    },
  };
}

function readView(reader: BaseReader): BaseView {
  const state = reader.meta('state');
  const problems = reader.problems();
  return {
    counts: reader.counts(),
    state: state !== null && STATES.includes(state) ? (state as PairState) : null,
    why: nonEmpty(reader.meta('error')) ?? nonEmpty(reader.meta('state-why')),
    progress: parseProgress(reader.meta('progress')),
    openReplaces: Number(reader.meta('open-replaces') ?? 0),
    lastChange: nonEmpty(reader.meta('last-change')),
    transfers: reader.transfers(),
    problems: problems.filter((problem) => problem.code !== 'held'),
    held: problems.filter((problem) => problem.code === 'held'),
    conflicts: reader.conflicts(),
  };
}

function nonEmpty(text: string | null): string | null {
  return text === null || text === '' ? null : text;
}

function parseProgress(text: string | null): Progress | null {
  if (text === null || text === '') return null;
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null; // written by another version: the page does without
  }
  if (typeof raw !== 'object' || raw === null) return null;
  const { done, total } = raw as Record<string, unknown>;
  return typeof done === 'number' && typeof total === 'number' && total > 0 ? { done, total } : null;
}
