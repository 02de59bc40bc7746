/**
 * Who opens several files of one folder in a row is likely to open the others, too: they are fetched ahead, after all
 * that was opened, and no more of them than the pair's settings say.
 */
import type { Base } from '@lazysync/base';
import { nameOf, parentOf, type RelPath, type RemotePrint } from '@lazysync/event-model';
import type { Hydration } from './hydration.ts';

export interface PrefetchPolicy {
  /** Files of one folder at most; 0: none. */
  readonly files: number;
  /** Bytes of them at most. */
  readonly size: number;
  /** Bytes of all folders together within an hour, since this process began. */
  readonly perHour: number;
}

export const NO_PREFETCH: PrefetchPolicy = { files: 0, size: 0, perHour: 0 };

export interface Prefetch {
  /** A stub was opened. */
  opened(path: RelPath): void;
}

export interface PrefetchPorts {
  readonly base: Pick<Base, 'page'>;
  readonly hydration: Hydration;
  readonly policy: PrefetchPolicy;
  /** ms on a clock that nobody sets. */
  readonly elapsed: () => number;
  readonly fetchAhead: (path: RelPath, remote: RemotePrint) => void;
}

/** So many different stubs, each opened so soon after the one before, ms. */
const IN_A_ROW = 3;
const SOON_MS = 10_000;
/** ms: not again for the same folder until nobody has opened anything in it for so long. */
const REST_MS = 600_000;
const HOUR_MS = 3_600_000;
const PAGE = 500;
const FOLDERS = 200;

interface Row {
  last: number;
  readonly names: Set<RelPath>;
  done: boolean;
}

export function createPrefetch({ base, hydration, policy, elapsed, fetchAhead }: PrefetchPorts): Prefetch {
  const rows = new Map<RelPath, Row>();
  let spent: readonly { readonly at: number; readonly bytes: number }[] = [];

  function leftOfHour(now: number): number {
    spent = spent.filter(({ at }) => now - at < HOUR_MS);
    return policy.perHour - spent.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  function rowOf(folder: RelPath, now: number): Row {
    const known = rows.get(folder);
    if (known !== undefined && now - known.last < (known.done ? REST_MS : SOON_MS)) return known;
    const fresh: Row = { last: now, names: new Set(), done: false };
    // The one that was used least lately goes first.
    rows.delete(folder);
    rows.set(folder, fresh);
    for (const oldest of rows.keys()) {
      if (rows.size <= FOLDERS) break;
      rows.delete(oldest);
    }
    return fresh;
  }

  /** In order of name; not what lies in folders in it. Answers how many bytes are asked for. */
  function fetchRest(folder: RelPath, opened: ReadonlySet<RelPath>, most: number): number {
    let files = policy.files;
    let bytes = most;
    for (let after = ''; ; ) {
      const page = base.page(folder, { after: { folder: false, name: after }, limit: PAGE });
      for (const row of page) {
        if (row.kind !== 'file' || row.form !== 'stub' || opened.has(row.path)) continue;
        const { size } = row.remote;
        if (size > bytes || !hydration.wanted(row.path, size)) continue;
        fetchAhead(row.path, row.remote);
        bytes -= size;
        if (--files === 0) return most - bytes;
      }
      const last = page.at(-1);
      if (page.length < PAGE || last === undefined) return most - bytes;
      after = nameOf(last.path);
    }
  }

  return {
    opened(path) {
      if (policy.files === 0) return;
      const folder = parentOf(path);
      const now = elapsed();
      const row = rowOf(folder, now);
      row.last = now;
      if (row.done) return;
      row.names.add(path);
      if (row.names.size < IN_A_ROW) return;
      row.done = true;
      const bytes = fetchRest(folder, row.names, Math.min(policy.size, leftOfHour(now)));
      if (bytes > 0) spent = [...spent, { at: now, bytes }];
      row.names.clear();
    },
  };
}
