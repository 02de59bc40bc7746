/** First halves of renames, waiting for the second: the kernel tells both with one cookie, one right after the other. */
import type { RelPath } from '@lazysync/event-model';

export interface HalfMove {
  readonly from: RelPath;
  readonly directory: boolean;
}

export interface HalfMoves {
  begin(cookie: number, half: HalfMove): void;
  /** The first half of this rename, if the thing was in the tree before. */
  finish(cookie: number): HalfMove | undefined;
  /** Those that have waited too long: the things left the tree. */
  left(): readonly HalfMove[];
  clear(): void;
}

/** ms */
const PATIENCE = 500;

export function createHalfMoves(now: () => number): HalfMoves {
  const halves = new Map<number, HalfMove & { readonly at: number }>();
  return {
    begin: (cookie, half) => void halves.set(cookie, { ...half, at: now() }),
    finish(cookie) {
      const half = halves.get(cookie);
      halves.delete(cookie);
      return half;
    },
    left() {
      if (halves.size === 0) return [];
      const old = now() - PATIENCE;
      const found = [...halves].filter(([, half]) => half.at < old);
      for (const [cookie] of found) halves.delete(cookie);
      return found.map(([, half]) => half);
    },
    clear: () => halves.clear(),
  };
}
