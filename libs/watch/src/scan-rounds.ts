/**
 * Which of a remote's folders are listed next. Where something was changed or opened lately: every round. All others in
 * turn, the longer unchanged the more rarely, and only as much as a twentieth of the time allows; a tree that is small
 * enough is seen as a whole within some rounds, whatever it costs. Pure.
 */
import type { RelPath } from '@lazysync/event-model';

export interface ScanRounds {
  /** All there are: after a look at everything, `at` that time. */
  whole(at: number, folders: Iterable<RelPath>, tookMs: number): void;
  has(folder: RelPath): boolean;
  /** Found since. */
  add(folder: RelPath, at: number): void;
  drop(folder: RelPath): void;
  /** Something was changed or opened in it. */
  touch(folder: RelPath, at: number): void;
  next(at: number): readonly RelPath[];
  /** A round was carried out. */
  listed(at: number, folders: readonly RelPath[], tookMs: number): void;
  facts(at: number): ScanFacts;
}

/** For people. */
export interface ScanFacts {
  readonly folders: number;
  /** Folders that are listed in every round. */
  readonly hot: number;
  /** Age of the listing that is oldest, ms. */
  readonly oldestMs: number;
  /** Share of the time that is spent listing. */
  readonly duty: number;
}

interface Folder {
  listedAt: number;
  /** ms after which it is listed again, where there is time. */
  patience: number;
  touchedAt: number;
}

const DUTY = 0.05;
/** Up to so many folders are always listed within some rounds: see SOME. */
const SMALL = 40;
/** Folders in a round of a small tree, and hot ones in any round: one call, side by side. */
const SOME = 16;
const MOST = 64;
const HOT_MS = 5 * 60_000;
const FIRST_PATIENCE = 10_000;
const LONGEST_PATIENCE = 15 * 60_000;
/** What is saved up of the time for listing, at most, ms. */
const SAVED = 1_000;
/** Over which the duty is told, ms. */
const SPAN = 60_000;

export function createScanRounds(): ScanRounds {
  const all = new Map<RelPath, Folder>();
  /** ms that may be spent, ms that a folder takes. */
  let budget = SAVED;
  let cost = 10;
  let last: number | null = null;
  const spent: { readonly at: number; readonly ms: number }[] = [];

  const spend = (at: number, ms: number): void => {
    spent.push({ at, ms });
    while (spent.length > 0 && (spent[0] as { at: number }).at < at - SPAN) spent.shift();
  };
  const earn = (at: number): void => {
    if (last !== null) budget = Math.min(SAVED, budget + (at - last) * DUTY);
    last = at;
  };
  const oldestFirst = (a: [RelPath, Folder], b: [RelPath, Folder]): number => a[1].listedAt - b[1].listedAt;

  return {
    whole(at, folders, tookMs) {
      const found = new Set(folders);
      for (const path of all.keys()) if (!found.has(path)) all.delete(path);
      for (const path of found) {
        const known = all.get(path);
        if (known === undefined) all.set(path, { listedAt: at, patience: FIRST_PATIENCE, touchedAt: -Infinity });
        else known.listedAt = at;
      }
      if (found.size > 0) cost = Math.max(tookMs / found.size, 0.1);
      spend(at, tookMs);
      // Asked for by somebody: it is not charged, or nothing would be listed for a long time afterwards.
      last = at;
    },
    has: (folder) => all.has(folder),
    add(folder, at) {
      if (!all.has(folder)) all.set(folder, { listedAt: at, patience: FIRST_PATIENCE, touchedAt: at });
    },
    drop: (folder) => void all.delete(folder),
    touch(folder, at) {
      const known = all.get(folder);
      if (known === undefined) return;
      known.touchedAt = at;
      known.patience = FIRST_PATIENCE;
    },
    next(at) {
      earn(at);
      const folders = [...all];
      const hot = folders
        .filter(([, one]) => one.touchedAt > at - HOT_MS)
        .sort((a, b) => b[1].touchedAt - a[1].touchedAt)
        .slice(0, SOME);
      const taken = new Set(hot.map(([path]) => path));
      const small = folders.length <= SMALL;
      const room = small ? SOME : Math.min(MOST, Math.floor(budget / cost));
      const due = folders
        .filter(([path, one]) => !taken.has(path) && (small || at >= one.listedAt + one.patience))
        .sort(oldestFirst)
        .slice(0, Math.max(0, room - (small ? 0 : hot.length)));
      return [...hot, ...due].map(([path]) => path);
    },
    listed(at, folders, tookMs) {
      for (const path of folders) {
        const known = all.get(path);
        if (known === undefined) continue;
        known.listedAt = at;
        known.patience = Math.min(known.patience * 2, LONGEST_PATIENCE);
      }
      if (folders.length === 0) return;
      budget -= tookMs;
      cost = cost * 0.8 + (tookMs / folders.length) * 0.2;
      spend(at, tookMs);
    },
    facts(at) {
      let oldest = at;
      let hot = 0;
      for (const one of all.values()) {
        oldest = Math.min(oldest, one.listedAt);
        if (one.touchedAt > at - HOT_MS) hot++;
      }
      const duty = spent.filter((one) => one.at > at - SPAN).reduce((sum, one) => sum + one.ms, 0) / SPAN;
      return {
        folders: all.size || 1,
        hot: Math.min(hot, SOME),
        oldestMs: Math.round(at - oldest),
        duty: Math.round(duty * 10_000) / 10_000,
      };
    },
  };
}
