/**
 * What the writer has just read of single rows. A job asks several times for the same paths and their folders, and a
 * question to SQLite costs ten times what a map does. Right only where nobody else writes.
 */
import type { BaseRecord, RelPath } from '@lazysync/event-model';

export interface RowCache {
  get(path: RelPath): BaseRecord | null;
  /** The row of this path may be another now. */
  drop(path: RelPath): void;
  /** Any row may be. */
  clear(): void;
}

/** Paths; at some hundred bytes each. */
const MOST = 5_000;

export function cacheRows(read: (path: RelPath) => BaseRecord | null): RowCache {
  const rows = new Map<RelPath, BaseRecord | null>();
  return {
    get(path) {
      const known = rows.get(path);
      if (known !== undefined) return known;
      if (rows.size >= MOST) rows.clear();
      const row = read(path);
      rows.set(path, row);
      return row;
    },
    drop: (path) => void rows.delete(path),
    clear: () => rows.clear(),
  };
}
