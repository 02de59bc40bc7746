/** A folder of a pair, page by page, as the base knows it: neither tree is touched. */
import type { BaseReader } from '@lazysync/base';
import { type BaseRecord, isBelow, nameOf, parentOf, type RelPath } from '@lazysync/event-model';
import { createIgnore } from '@lazysync/replica/ignore';
import type { TreeAnswer, TreeItem, TreeKind } from './shapes.ts';

export interface TreeQuery {
  readonly path: RelPath;
  readonly after: string | null;
  readonly prefix: string;
  readonly limit: number;
}

/** Time for adding up what is in the folders of a page, ms: the rest is shown without sums. */
const COUNTING_MS = 150;

/** null: there is no such folder. */
export function readTree(reader: BaseReader, query: TreeQuery): TreeAnswer | null {
  const { path, prefix, limit } = query;
  if (path !== '' && reader.get(path)?.kind !== 'directory') return null;
  const after = parseCursor(query.after);
  const rows = reader.page(path, { prefix, limit: limit + 1, ...(after === null ? {} : { after }) });
  const shown = rows.slice(0, limit);
  const marks = marksOf(reader, path);
  const end = performance.now() + COUNTING_MS;
  const items = shown.map((row) => itemOf(row, reader, marks, end));
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? cursorOf(last) : null;
  // What could not be read has no row, and is worth being seen: it comes after the last page.
  const strays = next === null ? marks.strays(reader, prefix) : [];
  return { path, items: [...items, ...strays], next };
}

export function cursorOf(row: BaseRecord): string {
  return `${row.kind === 'directory' ? 'd' : 'f'}${nameOf(row.path)}`;
}

export function parseCursor(text: string | null): { readonly folder: boolean; readonly name: string } | null {
  return text === null || text === '' ? null : { folder: text.startsWith('d'), name: text.slice(1) };
}

interface Marks {
  pinned(path: RelPath): boolean;
  downloading(path: RelPath): boolean;
  conflict(path: RelPath): boolean;
  problem(path: RelPath): string | null;
  strays(reader: BaseReader, prefix: string): TreeItem[];
}

function marksOf(reader: BaseReader, folder: RelPath): Marks {
  const pins = reader.pins();
  const matches = pins.length === 0 ? null : createIgnore(pins, []);
  const transfers = new Set<string>(reader.transfers().map((one) => one.path));
  const conflicts = new Set<string>(reader.conflicts().flatMap((one) => [one.path, one.conflict]));
  const problems = new Map<string, string>();
  for (const { path, message } of reader.problems())
    if (path !== '' && isBelow(path, folder)) problems.set(path, message);
  return {
    pinned: (path) => matches?.(path, false) ?? false,
    downloading: (path) => transfers.has(path),
    conflict: (path) => conflicts.has(path),
    problem: (path) => problems.get(path) ?? null,
    strays: (base, prefix) => {
      const found: TreeItem[] = [];
      for (const [text, problem] of problems) {
        const path = text as RelPath;
        if (parentOf(path) !== folder || !nameOf(path).startsWith(prefix) || base.get(path) !== null) continue;
        found.push({ ...bare(path, 'problem'), problem });
      }
      return found;
    },
  };
}

const bare = (path: RelPath, kind: TreeKind): TreeItem => ({
  name: nameOf(path),
  path,
  kind,
  size: null,
  here: null,
  files: null,
  modified: null,
  pinned: false,
  downloading: false,
  conflict: false,
  problem: null,
});

function itemOf(row: BaseRecord, reader: BaseReader, marks: Marks, end: number): TreeItem {
  const { path } = row;
  const common = {
    pinned: marks.pinned(path),
    downloading: marks.downloading(path),
    conflict: marks.conflict(path),
    problem: marks.problem(path),
  };
  switch (row.kind) {
    case 'directory': {
      const item = { ...bare(path, 'directory'), ...common };
      if (performance.now() > end) return item;
      const { stubs, copies, remoteBytes, cachedBytes } = reader.countsBelow(path);
      return { ...item, size: remoteBytes, here: cachedBytes, files: stubs + copies };
    }
    case 'file': {
      const { size, mtimeNs } = row.remote;
      const modified = isoOf(mtimeNs);
      const here = row.form === 'copy' ? row.local.size : 0;
      return { ...bare(path, row.form), ...common, size, here, modified };
    }
    case 'symlink':
      return { ...bare(path, 'link'), ...common };
    case 'residual':
      return { ...bare(path, 'one-side'), ...common, problem: common.problem ?? row.why };
  }
}

/** null: beyond what a date can say. */
function isoOf(mtimeNs: bigint): string | null {
  const date = new Date(Number(mtimeNs / 1_000_000n));
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
