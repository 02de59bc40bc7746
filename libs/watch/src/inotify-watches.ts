/**
 * The watches of one tree: which folders have one, and the looks by which folders inside of others get theirs. On a mount
 * every call that names a path goes through the thread pool, so that a mount that hangs can't stop the process; next to
 * the disk the calls are made in place, which keeps the order of events and of what a new directory already holds.
 */
import { type Dirent, readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { joinPath, type RelPath, ROOT, type Side } from '@lazysync/event-model';
import { errnoOf, failed } from '@lazysync/ops';
import { isLeftOut, type Lost } from './hint.ts';
import { IN_CLOSE_NOWRITE, IN_OPEN, type InotifyEvent, MASKS } from './inotify-events.ts';
import type { Added, InotifyPort } from './inotify-hub.ts';
import { limitReached } from './watch-limit.ts';
import { createWatchTable, type WatchTable } from './watch-table.ts';

export interface WatchesOptions {
  /** Absolute. */
  readonly root: string;
  readonly side: Side;
  /** The tree lies on a mount that may hang. */
  readonly mount: boolean;
  /** None while there is no room for an instance. */
  readonly port: () => InotifyPort | undefined;
  readonly ignored: (path: RelPath, directory: boolean) => boolean;
  readonly postponed: () => boolean;
  /** Something that was made in a folder before that folder was watched. */
  readonly found: (path: RelPath) => void;
  /** What the kernel told of a folder before its watch was known here. */
  readonly early: (event: InotifyEvent) => void;
  readonly lost: (what: Lost) => void;
}

export interface Watches {
  readonly table: WatchTable;
  /** Next to the disk all folders: those that are `known`, or where none are, what a look finds. On a mount the top alone. */
  start(known: readonly RelPath[]): Promise<void>;
  /** A folder that was made or moved in, with what it holds. */
  follow(path: RelPath): void;
  /** Answers those that were not watched before, or whose watch had gone stale. */
  rewatch(paths: readonly RelPath[]): Promise<RelPath[]>;
  /** There was no room for it when it was last asked for. */
  lacks(path: RelPath): boolean;
  /** Nothing at or below `path` is watched any more. */
  forgetBelow(path: RelPath): void;
  move(from: RelPath, to: RelPath): void;
  /** Names that a look at the start has seen. */
  entriesAtStart(): number;
  /** Until all folders that are being followed are watched. */
  settled(): Promise<void>;
  stop(): void;
}

/** Say nothing of the folder: there is no descriptor, or no memory, for a look at the moment. */
const NO_MEANS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);
const IN_FLIGHT = 16;
/** Calls in place, after which everything else has its turn. */
const IN_PLACE = 500;

export function createWatches(options: WatchesOptions): Watches {
  const { root, mount, port, ignored, postponed, found, early, lost } = options;
  const mask = MASKS[options.side];
  const withoutOpens = mask & ~(IN_OPEN | IN_CLOSE_NOWRITE);
  const table = createWatchTable();
  const tasks = new Set<Promise<void>>();
  const waiting: RelPath[] = [];
  /** Directories for which there was no room when they were last asked for. */
  const unwatched = new Set<RelPath>();
  let stopped = false;
  let entries = 0;

  const absolute = (path: RelPath): string => (path === '' ? root : `${root}/${path}`);

  const background = (work: Promise<void>): void => {
    const task = work
      .catch((error: unknown) => {
        if (!stopped) lost({ kind: 'failed', message: String(error), mend: null });
      })
      .finally(() => tasks.delete(task));
    tasks.add(task);
  };

  const remove = (wds: readonly number[]): void => {
    for (const wd of wds) port()?.remove(wd);
  };

  const noRoom = (path: RelPath): void => {
    const isNews = unwatched.size === 0;
    unwatched.add(path);
    if (isNews) lost(limitReached('watches', 'the kernel watches no further folders'));
  };

  /** True if the directory was not watched before, or its watch had gone stale. */
  const added = (path: RelPath, { result, early: told }: Added): boolean => {
    if (result === 'ENOSPC') {
      noRoom(path);
      return false;
    }
    unwatched.delete(path);
    if (failed(result)) {
      // Gone or unreadable: the scan says so. What stood for the path does no longer.
      remove(table.dropBelow(path));
      return false;
    }
    const fresh = table.wdOf(path) !== result;
    const stale = table.set(path, result);
    if (stale !== null) remove([stale]);
    for (const event of told) early(event);
    return fresh;
  };

  const addNow = (path: RelPath, bits = mask): boolean => {
    const answer = port()?.add(absolute(path), bits);
    return answer !== undefined && added(path, answer);
  };

  const addLater = async (path: RelPath): Promise<boolean> => {
    const answer = await port()?.addLater(absolute(path), mask);
    return answer !== undefined && !stopped && added(path, answer);
  };

  /** Tells of what a directory holds; its own directories are followed in turn. */
  const lookedInto = (directory: RelPath, names: readonly Dirent[], report: boolean, next: RelPath[]): void => {
    for (const one of names) {
      if (isLeftOut(directory, one.name)) continue;
      if (!report) entries++;
      // At a start nobody is told of a million names: rules are not asked for each.
      if (!report && !one.isDirectory()) continue;
      const path = joinPath(directory, one.name);
      if (ignored(path, one.isDirectory())) continue;
      if (report) found(path);
      if (one.isDirectory()) next.push(path);
    }
  };

  /** Gone again, or unreadable: events or the scan tell. */
  const notLookedInto = (error: unknown): void => {
    const errno = errnoOf(error);
    if (errno === null) throw error;
    if (NO_MEANS.has(errno))
      lost({ kind: 'failed', message: `a folder could not be looked into: ${errno}`, mend: null });
  };

  /**
   * ORDER: the watch before the look, so that what comes in between is told twice rather than never. Opens are asked for
   * only when all looks are done, the worker's at the start among them: they would fill the kernel's queue.
   */
  const followNow = (top: RelPath, report: boolean): void => {
    const next = [top];
    for (let at = 0; at < next.length; at++) {
      const path = next[at] as RelPath;
      addNow(path, withoutOpens);
      try {
        lookedInto(path, readdirSync(absolute(path), { withFileTypes: true }), report, next);
      } catch (error) {
        notLookedInto(error);
      }
    }
    if (!postponed()) for (const path of next) addNow(path);
  };

  const followLater = (top: RelPath): void => {
    waiting.push(top);
    while (!stopped && tasks.size < IN_FLIGHT && waiting.length > 0) background(followWaiting());
  };

  const followWaiting = async (): Promise<void> => {
    for (let path = waiting.shift(); path !== undefined && !stopped; path = waiting.shift()) {
      await addLater(path);
      const next: RelPath[] = [];
      try {
        lookedInto(path, await readdir(absolute(path), { withFileTypes: true }), true, next);
      } catch (error) {
        notLookedInto(error);
      }
      for (const one of next) followLater(one);
    }
  };

  /** Thousands in place must not hold up the loop. */
  const oneByOne = async (paths: readonly RelPath[], add: (path: RelPath) => void): Promise<void> => {
    let at = 0;
    for (const path of paths) {
      if (stopped) return;
      add(path);
      if (++at % IN_PLACE === 0) await new Promise(setImmediate);
    }
  };

  const watchKnown = (path: RelPath): void => {
    const answer = port()?.add(absolute(path), postponed() ? withoutOpens : mask);
    if (answer === undefined) return;
    // Gone, or unreadable: whoever knows the folders is about to look.
    if (!failed(answer.result) || answer.result === 'ENOSPC') added(path, answer);
  };

  return {
    table,
    async start(known) {
      if (mount) await addLater(ROOT);
      else if (known.length > 0) await oneByOne(known, watchKnown);
      else followNow(ROOT, false);
    },
    follow(path) {
      // To tell of each stub of a first mirror takes the kernel longer than to make it.
      if (postponed()) return;
      if (mount) followLater(path);
      else followNow(path, true);
    },
    async rewatch(paths) {
      const fresh: RelPath[] = [];
      if (!mount) {
        await oneByOne(paths, (path) => {
          if (addNow(path)) fresh.push(path);
        });
        return fresh;
      }
      let at = 0;
      const some = async (): Promise<void> => {
        for (let path = paths[at++]; path !== undefined && !stopped; path = paths[at++])
          if (await addLater(path)) fresh.push(path);
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, some));
      return fresh;
    },
    lacks: (path) => unwatched.has(path),
    forgetBelow: (path) => remove(table.dropBelow(path)),
    move: (from, to) => remove(table.move(from, to)),
    entriesAtStart: () => entries,
    async settled() {
      if (tasks.size > 0) await Promise.all(tasks);
    },
    stop() {
      stopped = true;
      waiting.length = 0;
    },
  };
}
