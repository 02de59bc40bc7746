/**
 * Was a remote file opened through its stub, or directly at the remote path? The kernel tells of the open only (and
 * only at the remote path); but following the stub moved the stub's own atime away from the armed value. The error is
 * one-sided: a direct open may be taken for one through the stub, never the other way round.
 */
import { ARMED_ATIME_NS, isSameOrBelow, type RelPath, rebase } from '@lazysync/event-model';
import type { Timers } from './settle.ts';

/** The stubs' atimes on disk. */
export interface StubTimes {
  /** null: no symlink lies there. */
  atime(path: RelPath): bigint | null;
  /** Sets the atime back to the armed value, and nothing else. */
  arm(path: RelPath): void;
}

export interface AccessOptions {
  readonly timers: Timers;
  readonly stubs: StubTimes;
  /** Stubs directly in a directory, as the base knows them: a look at the directory itself would look like a listing. */
  readonly stubsIn: (directory: RelPath) => readonly RelPath[];
  /** False where following a link does not move its atime: every open counts. */
  readonly linkAtime: boolean;
  /** Stubs that were opened, each once. */
  readonly onAccess: (paths: readonly RelPath[]) => void;
  /** How long opens are gathered, ms. Default 20. */
  readonly batchMs?: number;
  /** How late an open may be reported after it happened, ms. Default 800. */
  readonly rememberMs?: number;
}

export interface Access {
  /** Somebody opened a file of the remote. */
  opened(path: RelPath): void;
  /** A file came into being in the remote: whoever makes it opens it, and there is no stub of it that was moved away. */
  made(path: RelPath): void;
  /** Somebody opened (true) or closed (false) a local directory for reading: that may use up its stubs' atimes. */
  listing(directory: RelPath, open: boolean): void;
  /** A local thing was renamed: its stubs still lead to the old remote paths for a while. */
  moved(from: RelPath, to: RelPath): void;
  /** Arms all stubs of these directories again. */
  rearm(directories: readonly RelPath[]): void;
  /** Reports of opens were lost: every stub that was touched since it was armed counts as opened. */
  sweep(directories: readonly RelPath[]): void;
  stop(): void;
}

/** `ls -l` follows links between opening and closing the directory, and shortly after. */
const AFTER_LISTING_MS = 500;
/** A directory that stays open this long is not waited for. */
const LONGEST_LISTING_MS = 5_000;
const MOVES_KEPT = 100;
const MOVE_KEPT_MS = 60_000;
/** Stubs that are looked at in one go; asking the base for those of a folder costs about as much as looking at some. */
const CHUNK = 500;
const A_FOLDER = 20;

/** ms for which a file of the remote counts as new: its maker's opens are told after that it was made. */
const FRESH_MS = 1_000;
/** ms after an open of a stub that is not there, until the rename that took it away must have been heard of. */
const MOVE_HEARD_MS = 300;

export function createAccess(options: AccessOptions): Access {
  const { timers, stubs, stubsIn, linkAtime, onAccess } = options;
  const batchMs = options.batchMs ?? 20;
  const rememberMs = options.rememberMs ?? 800;
  const opens = new Set<RelPath>();
  const listings = new Map<RelPath, { closed: boolean; timer: { cancel(): void } }>();
  /** Stubs whose atime had moved when it was armed again, and when that was. In the order of time. */
  const rearmed = new Map<RelPath, number>();
  /** Files that were made in this second and in the one before. */
  let fresh = new Set<RelPath>();
  let lessFresh = new Set<RelPath>();
  let freshSince = timers.now();
  const moves: { readonly from: RelPath; readonly to: RelPath; readonly at: number }[] = [];
  /** Directories to be gone through, and whether what was touched in them counts as opened. */
  const queue = new Map<RelPath, boolean>();
  /** Those of them that somebody has just listed: they do not wait until a whole tree has been gone through. */
  const listed = new Map<RelPath, boolean>();
  let rest: { readonly paths: readonly RelPath[]; readonly counts: boolean; at: number } | undefined;
  let batch: { cancel(): void } | undefined;
  let working: { cancel(): void } | undefined;
  let stopped = false;

  const forgetOld = (): void => {
    const old = timers.now() - rememberMs;
    for (const [path, at] of rearmed) {
      if (at >= old) break;
      rearmed.delete(path);
    }
  };

  const armAgain = (path: RelPath): void => {
    // RACE: an open that happened before this but is reported after it would look direct: it is remembered.
    rearmed.delete(path);
    rearmed.set(path, timers.now());
    stubs.arm(path);
  };

  const count = (path: RelPath): void => {
    opens.add(path);
    batch ??= timers.after(batchMs, () => {
      batch = undefined;
      const paths = [...opens];
      opens.clear();
      onAccess(paths);
    });
  };

  /** Where the stub of a remote path lies today: a rename in local that is not carried out yet has it elsewhere. */
  const whereIs = (path: RelPath): { readonly path: RelPath; readonly atime: bigint } | null => {
    const here = stubs.atime(path);
    if (here !== null) return { path, atime: here };
    let now = path;
    const old = timers.now() - MOVE_KEPT_MS;
    for (const { from, to, at } of moves) if (at >= old && isSameOrBelow(now, from)) now = rebase(now, from, to);
    if (now === path) return null;
    const there = stubs.atime(now);
    return there === null ? null : { path: now, atime: there };
  };

  const age = (): void => {
    const now = timers.now();
    if (now < freshSince + FRESH_MS) return;
    lessFresh = now < freshSince + 2 * FRESH_MS ? fresh : new Set();
    fresh = new Set();
    freshSince = now;
  };

  const isFresh = (path: RelPath): boolean => {
    age();
    return fresh.has(path) || lessFresh.has(path);
  };

  const takeNext = (): typeof rest => {
    for (const waiting of [listed, queue]) {
      for (const [directory, counts] of waiting) {
        waiting.delete(directory);
        return { paths: stubsIn(directory), counts, at: 0 };
      }
    }
    return undefined;
  };

  /** Stubs are read and armed in small portions: a folder may hold very many, and a tree very many folders. */
  const portion = (): void => {
    working = undefined;
    if (stopped) return;
    forgetOld();
    for (let looked = 0; looked < CHUNK; looked += A_FOLDER) {
      rest ??= takeNext();
      if (rest === undefined) return;
      const { paths, counts, at } = rest;
      const some = paths.slice(at, at + CHUNK - looked);
      for (const path of some) {
        const atime = stubs.atime(path);
        if (atime === null || atime === ARMED_ATIME_NS) continue;
        armAgain(path);
        if (counts) count(path);
      }
      looked += some.length;
      rest.at += some.length;
      if (rest.at >= paths.length) rest = undefined;
    }
    working = timers.after(0, portion);
  };

  const enqueue = (directories: readonly RelPath[], counts: boolean, waiting = queue): void => {
    if (!linkAtime || stopped) return;
    for (const directory of directories) {
      const known = queue.get(directory) === true || listed.get(directory) === true;
      waiting.set(directory, counts || known);
    }
    working ??= timers.after(0, portion);
  };

  const after = (directory: RelPath, ms: number): { cancel(): void } =>
    timers.after(ms, () => {
      listings.delete(directory);
      enqueue([directory], false, listed);
    });

  const judge = (path: RelPath, last: boolean): void => {
    if (stopped) return;
    const stub = whereIs(path);
    if (stub === null) {
      // RACE: the remote's events come another way than those of local: its rename may not have been heard of yet.
      if (!last && !isFresh(path)) timers.after(MOVE_HEARD_MS, () => judge(path, true));
      return;
    }
    if (!linkAtime) {
      count(stub.path);
      return;
    }
    forgetOld();
    if (stub.atime !== ARMED_ATIME_NS) armAgain(stub.path);
    else if (!rearmed.has(stub.path)) return;
    count(stub.path);
  };

  return {
    opened: (path) => judge(path, false),
    made(path) {
      age();
      fresh.add(path);
    },
    listing(directory, open) {
      if (!linkAtime || stopped) return;
      const going = listings.get(directory);
      if (open) {
        if (going === undefined) {
          listings.set(directory, { closed: false, timer: after(directory, LONGEST_LISTING_MS) });
        }
        return;
      }
      // The first close counts: one listing after the other must not put it off for good.
      if (going?.closed === true) return;
      going?.timer.cancel();
      listings.set(directory, { closed: true, timer: after(directory, AFTER_LISTING_MS) });
    },
    moved(from, to) {
      moves.push({ from, to, at: timers.now() });
      if (moves.length > MOVES_KEPT) moves.shift();
    },
    rearm: (directories) => enqueue(directories, false),
    sweep: (directories) => enqueue(directories, true),
    stop() {
      stopped = true;
      batch?.cancel();
      working?.cancel();
      for (const { timer } of listings.values()) timer.cancel();
      listings.clear();
    },
  };
}
