/** One inotify watch per directory of a tree, and what the kernel tells by them. */
import { lstatSync } from 'node:fs';
import { joinPath, type RelPath, type Side } from '@lazysync/event-model';
import { type Errno, errnoOf } from '@lazysync/ops';
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
} from './inotify-events.ts';
import { createInotifyHub, type InotifyHub, type InotifyPort } from './inotify-hub.ts';
import { createWatches } from './inotify-watches.ts';
import { noInstance } from './watch-limit.ts';

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
   * The folders that are there by all we know, for a tree next to the disk: at the start these are watched, which takes a
   * tenth of a look at everything. Whoever names them looks at everything after it. Default, and when empty: such a look.
   */
  readonly known?: () => readonly RelPath[];
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
  const postponed = options.postponed ?? (() => false);
  const halfMoves = createHalfMoves(() => performance.now());
  const own = createInotifyHub();
  let port: InotifyPort | undefined;
  let stopped = false;
  let noPort: Errno | null = null;

  const hint = (path: RelPath, kind: 'create' | 'modify' | 'delete'): void =>
    listener.onHint({ side, path, kind, seen: true });

  const watches = createWatches({
    root,
    side,
    mount,
    port: () => port,
    ignored,
    postponed,
    found: (path) => hint(path, 'create'),
    early: (event) => take(event),
    lost: (what) => listener.onLost(what),
  });

  // --------------------------------------------------------------------------------------------------------- events

  const movedIn = (event: InotifyEvent, path: RelPath, directory: boolean): void => {
    const half = halfMoves.finish(event.cookie);
    if (half !== undefined) {
      if (directory) watches.move(half.from, path);
      listener.onMoved?.(half.from, path);
    }
    hint(path, 'create');
    // Also after a rename inside: it may have come before all of its folders were followed.
    if (directory) watches.follow(path);
  };

  const movedOut = (half: HalfMove): void => {
    if (half.directory) watches.forgetBelow(half.from);
  };

  const changedAttributes = (path: RelPath): void => {
    // A link has nothing that is synced besides its text; our own re-arming of its atime must not look like a change.
    if (side === 'remote') hint(path, 'modify');
    else if (postponed() || !isLinkOrGone(`${root}/${path}`)) hint(path, 'modify');
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
      if (directory) watches.follow(path);
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
    const directory = watches.table.pathOf(event.wd);
    if ((event.mask & IN_Q_OVERFLOW) !== 0) overflowed();
    else if ((event.mask & IN_IGNORED) !== 0) watches.table.drop(event.wd);
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
      if (open()) await watches.start(options.known?.() ?? []);
    },
    async rewatch(paths): Promise<Rewatched> {
      if (stopped) return { fresh: [], unwatched: [] };
      if (!open()) return { fresh: [], unwatched: paths };
      const fresh = await watches.rewatch(paths);
      return { fresh, unwatched: paths.filter((path) => watches.lacks(path)) };
    },
    async poll() {
      while (port?.read() === true);
      await watches.settled();
      while (port?.read() === true);
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      watches.stop();
      port?.close();
      port = undefined;
    },
    watched: () => watches.table.size(),
    entriesAtStart: () => watches.entriesAtStart(),
  };
}
