/**
 * One inotify watch per directory of a tree. On a mount every call that names a path goes through the thread pool, so
 * that a mount that hangs can't stop the process; next to the disk the calls are made in place, which keeps the order
 * of events and of what a new directory already holds.
 */
import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { joinPath, type RelPath, ROOT, type Side } from '@lazysync/event-model';
import { type Errno, errnoOf, failed } from '@lazysync/ops';
import { createHalfMoves, type HalfMove } from './half-moves.ts';
import { type HintListener, type HintSource, isLeftOut, type Rewatched } from './hint.ts';
import {
  IN_ATTRIB,
  IN_CLOSE_NOWRITE,
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_DELETE,
  IN_IGNORED,
  IN_ISDIR,
  IN_MODIFY,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_OPEN,
  IN_Q_OVERFLOW,
  IN_UNMOUNT,
  type InotifyEvent,
  MASKS,
} from './inotify-events.ts';
import { type Added, createInotifyHub, type InotifyHub, type InotifyPort } from './inotify-hub.ts';
import { limitReached, noInstance } from './watch-limit.ts';
import { createWatchTable } from './watch-table.ts';

export interface InotifyOptions {
  /** Absolute. */
  readonly root: string;
  /** Decides what the kernel is asked for: see MASKS. */
  readonly side: Side;
  /** The tree lies on a mount that may hang. */
  readonly mount: boolean;
  readonly listener: HintListener;
  /** Whose instances are used. Default: one of its own. */
  readonly hub?: InotifyHub;
  /** Neither watched nor told of. Default: nothing besides our own names. */
  readonly ignored?: (path: RelPath, directory: boolean) => boolean;
  /**
   * True while nobody needs to hear of what happens, but of deletes: new folders are not followed then, and opens are not
   * asked for. Whoever asked for this has all folders watched, and looked at, when it is over.
   */
  readonly postponed?: () => boolean;
}

export interface InotifySource extends HintSource {
  /** Directories that are watched. */
  watched(): number;
  /** Names that were seen while the watches were put up at the start. */
  entriesAtStart(): number;
}

const IN_FLIGHT = 16;

/** In place: on a local disk that takes a tenth of what a thread and a promise do, and a burst of stubs asks it for each. */
function isLinkOrGone(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== false;
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return true; // unreadable: the scan says so
  }
}

export function createInotifySource(options: InotifyOptions): InotifySource {
  const { root, side, mount, listener } = options;
  const ignored = options.ignored ?? (() => false);
  const mask = MASKS[side];
  const table = createWatchTable();
  const halfMoves = createHalfMoves(() => performance.now());
  const tasks = new Set<Promise<void>>();
  const waiting: RelPath[] = [];
  const own = createInotifyHub();
  let port: InotifyPort | undefined;
  let stopped = false;
  /** Directories for which there was no room when they were last asked for. */
  const unwatched = new Set<RelPath>();
  let noPort: Errno | null = null;
  let entries = 0;

  const absolute = (path: RelPath): string => (path === '' ? root : `${root}/${path}`);
  const hint = (path: RelPath, kind: 'create' | 'modify' | 'delete'): void =>
    listener.onHint({ side, path, kind, seen: true });

  const background = (work: Promise<void>): void => {
    const task = work
      .catch((error: unknown) => {
        if (!stopped) listener.onLost({ kind: 'failed', message: String(error), mend: null });
      })
      .finally(() => tasks.delete(task));
    tasks.add(task);
  };

  // ------------------------------------------------------------------------------------------------ adding watches

  /** True if the directory was not watched before, or its watch had gone stale. */
  const added = (path: RelPath, { result, early }: Added): boolean => {
    if (failed(result)) {
      refused(path, result);
      return false;
    }
    unwatched.delete(path);
    const fresh = table.wdOf(path) !== result;
    const stale = table.set(path, result);
    if (stale !== null) port?.remove(stale);
    for (const event of early) take(event);
    return fresh;
  };

  const refused = (path: RelPath, errno: Errno): void => {
    if (errno === 'ENOSPC') {
      const isNews = unwatched.size === 0;
      unwatched.add(path);
      if (isNews) listener.onLost(limitReached('watches', 'the kernel watches no further folders'));
      return;
    }
    unwatched.delete(path);
    // Gone or unreadable: the scan says so. What stood for the path does no longer.
    for (const wd of table.dropBelow(path)) port?.remove(wd);
  };

  const addNow = (path: RelPath, bits = mask): boolean =>
    port !== undefined && added(path, port.add(absolute(path), bits));

  const addLater = async (path: RelPath): Promise<boolean> => {
    const answer = await port?.addLater(absolute(path), mask);
    return answer !== undefined && !stopped && added(path, answer);
  };

  /** Hints for what a directory holds; its own directories are followed in turn. */
  const found = (directory: RelPath, names: readonly Dirent[], report: boolean, next: RelPath[]): void => {
    for (const one of names) {
      if (isLeftOut(directory, one.name)) continue;
      if (!report) entries++;
      // At a start nobody is told of a million names: rules are not asked for each.
      if (!report && !one.isDirectory()) continue;
      const path = joinPath(directory, one.name);
      if (ignored(path, one.isDirectory())) continue;
      if (report) hint(path, 'create');
      if (one.isDirectory()) next.push(path);
    }
  };

  /**
   * ORDER: the watch before the look, so that what comes in between is told twice rather than never. Opens are asked for
   * only when all looks are done, the worker's at the start among them: they would fill the kernel's queue.
   */
  const followNow = (top: RelPath, report: boolean): void => {
    const next = [top];
    for (let at = 0; at < next.length; at++) {
      const path = next[at] as RelPath;
      addNow(path, mask & ~(IN_OPEN | IN_CLOSE_NOWRITE));
      try {
        found(path, readdirSync(absolute(path), { withFileTypes: true }), report, next);
      } catch (error) {
        if (errnoOf(error) === null) throw error; // gone again, or unreadable: events or the scan tell
      }
    }
    if (options.postponed?.() !== true) for (const path of next) addNow(path);
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
        found(path, await readdir(absolute(path), { withFileTypes: true }), true, next);
      } catch (error) {
        if (errnoOf(error) === null) throw error;
      }
      for (const one of next) followLater(one);
    }
  };

  const follow = (path: RelPath): void => {
    // To tell of each stub of a first mirror takes the kernel longer than to make it.
    if (options.postponed?.() === true) return;
    if (mount) followLater(path);
    else followNow(path, true);
  };

  // --------------------------------------------------------------------------------------------------------- events

  const movedIn = (event: InotifyEvent, path: RelPath, directory: boolean): void => {
    const half = halfMoves.finish(event.cookie);
    if (half !== undefined) {
      if (directory) for (const wd of table.move(half.from, path)) port?.remove(wd);
      listener.onMoved?.(half.from, path);
    }
    hint(path, 'create');
    // Also after a rename inside: it may have come before all of its folders were followed.
    if (directory) follow(path);
  };

  const movedOut = (half: HalfMove): void => {
    if (half.directory) for (const wd of table.dropBelow(half.from)) port?.remove(wd);
  };

  const changedAttributes = (path: RelPath): void => {
    // A link has nothing that is synced besides its text; our own re-arming of its atime must not look like a change.
    if (side === 'remote') hint(path, 'modify');
    else if (options.postponed?.() !== true && !isLinkOrGone(absolute(path))) hint(path, 'modify');
  };

  const takeNamed = (event: InotifyEvent, path: RelPath, directory: boolean): void => {
    const { mask: bits } = event;
    if ((bits & IN_OPEN) !== 0) {
      // Nobody has a stub of it yet. In local the maker counts: what is made is used.
      if (!directory && (event.byMaker !== true || side === 'local')) listener.onOpen?.(path);
    } else if ((bits & IN_MODIFY) !== 0) {
      listener.onWriting?.(path, true);
      hint(path, 'modify');
    } else if ((bits & IN_CLOSE_WRITE) !== 0) {
      listener.onWriting?.(path, false);
      hint(path, 'modify');
    } else if ((bits & IN_ATTRIB) !== 0) changedAttributes(path);
    else if ((bits & IN_CREATE) !== 0) {
      hint(path, 'create');
      if (directory) follow(path);
    } else if ((bits & IN_DELETE) !== 0) hint(path, 'delete');
    else if ((bits & IN_MOVED_FROM) !== 0) {
      halfMoves.begin(event.cookie, { from: path, directory });
      hint(path, 'delete');
    } else if ((bits & IN_MOVED_TO) !== 0) movedIn(event, path, directory);
  };

  const overflowed = (): void => {
    halfMoves.clear();
    // Folders that were made in the burst are watched by the scan that answers this.
    listener.onLost({ kind: 'overflow', message: 'the kernel dropped events of a burst', mend: null });
  };

  const take = (event: InotifyEvent): void => {
    const directory = table.pathOf(event.wd);
    if ((event.mask & IN_Q_OVERFLOW) !== 0) overflowed();
    else if ((event.mask & IN_IGNORED) !== 0) table.drop(event.wd);
    else if (directory !== undefined) takeIn(directory, event);
  };

  const takeIn = (directory: RelPath, event: InotifyEvent): void => {
    if ((event.mask & IN_UNMOUNT) !== 0) {
      if (directory === '')
        listener.onLost({ kind: 'unmounted', message: 'the file system was unmounted', mend: null });
      return;
    }
    if (event.name === null) return;
    const isDirectory = (event.mask & IN_ISDIR) !== 0;
    if (event.name === '') {
      if (!isDirectory) return;
      if ((event.mask & IN_OPEN) !== 0) listener.onListing?.(directory, true);
      else if ((event.mask & IN_CLOSE_NOWRITE) !== 0) listener.onListing?.(directory, false);
      return;
    }
    if (isLeftOut(directory, event.name)) return;
    const path = joinPath(directory, event.name);
    if (!ignored(path, isDirectory)) takeNamed(event, path, isDirectory);
  };

  const taken = (): void => {
    for (const half of halfMoves.left()) movedOut(half);
  };

  /** False: the user has no more instances, or the process no more descriptors. It is tried again at each call. */
  const open = (): boolean => {
    if (port !== undefined) return true;
    const opened = (options.hub ?? own).open({ take, taken });
    if (typeof opened !== 'string') {
      port = opened;
      noPort = null;
      return true;
    }
    if (noPort === null) listener.onLost(noInstance(opened));
    noPort = opened;
    return false;
  };

  return {
    async start() {
      if (!open()) return;
      if (mount) await addLater(ROOT);
      else followNow(ROOT, false);
    },
    async rewatch(paths): Promise<Rewatched> {
      const fresh: RelPath[] = [];
      if (stopped) return { fresh, unwatched: [] };
      if (!open()) return { fresh, unwatched: paths };
      let at = 0;
      const some = async (): Promise<void> => {
        for (let path = paths[at++]; path !== undefined && !stopped; path = paths[at++]) {
          if (mount ? await addLater(path) : addNow(path)) fresh.push(path);
          // Thousands in place must not hold up the loop.
          if (!mount && at % 500 === 0) await new Promise(setImmediate);
        }
      };
      await Promise.all(Array.from({ length: mount ? IN_FLIGHT : 1 }, some));
      return { fresh, unwatched: paths.filter((path) => unwatched.has(path)) };
    },
    async poll() {
      while (port?.read() === true);
      if (tasks.size > 0) await Promise.all(tasks);
      while (port?.read() === true);
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      waiting.length = 0;
      port?.close();
      port = undefined;
    },
    watched: () => table.size(),
    entriesAtStart: () => entries,
  };
}
