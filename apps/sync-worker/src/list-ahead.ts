/**
 * Lists the folders of a tree ahead of whoever walks it, top folders first: many in flight at any moment, none waits for
 * the slowest of its neighbours. Only for a first mirror: while nothing is known of either side, a listing that is some
 * seconds old can make nothing that another step of the same walk has just changed.
 */
import { joinPath, type RelPath, ROOT } from '@lazysync/event-model';
import type { Listing, Replica } from '@lazysync/replica';

export interface ListAhead {
  /** The listings of these folders, in order. Rejects with RemoteOffline; whoever asks again makes new calls. */
  take(folders: readonly RelPath[]): Promise<readonly Listing[]>;
  /** Nobody else waits for the mount any more: as many in flight as may be. */
  widen(): void;
  /** Forgets what was listed and asks for nothing more. */
  stop(): void;
}

export interface ListAheadOptions {
  readonly replica: Pick<Replica, 'list'>;
  readonly ignored: (path: RelPath, directory: boolean) => boolean;
  /** Folders in one call, and calls in flight. */
  readonly batch?: number;
  readonly calls?: number;
  /** Calls in flight until `widen`; left out: all. */
  readonly callsAtFirst?: number;
  /** Names that may be held for nobody yet; above it only what is asked for is listed. */
  readonly most?: number;
}

interface Folder {
  readonly path: RelPath;
  readonly listing: Promise<Listing>;
  readonly resolve: (listing: Listing) => void;
  readonly reject: (error: unknown) => void;
  state: 'waits' | 'asked' | 'here';
  /** Somebody has asked for it. */
  wanted: boolean;
  names: number;
}

const BATCH = 4;
const CALLS = 8;
const MOST = 100_000;

function folderAt(path: RelPath, wanted: boolean): Folder {
  const { promise, resolve, reject } = Promise.withResolvers<Listing>();
  // Whoever takes it hears of it; nobody else has to.
  promise.catch(() => undefined);
  return { path, listing: promise, resolve, reject, state: 'waits', wanted, names: 0 };
}

export function createListAhead(options: ListAheadOptions): ListAhead {
  const { replica, ignored, batch = BATCH, calls = CALLS, most = MOST } = options;
  const folders = new Map<RelPath, Folder>();
  /** Folders that wait: those that somebody asked for before all others, else in the order in which they were found. */
  const wanted: Folder[] = [];
  const found: Folder[] = [];
  let width = options.callsAtFirst ?? calls;
  let inFlight = 0;
  /** Names of listings that nobody has asked for yet. */
  let held = 0;
  let stopped = false;

  const next = (): Folder[] => {
    const some = wanted.splice(0, batch);
    while (some.length < batch && held < most) {
      const folder = found.shift();
      if (folder === undefined) break;
      if (folder.state === 'waits' && !folder.wanted) some.push(folder);
    }
    return some;
  };

  const descend = (listing: Listing): void => {
    if (listing.kind !== 'listing') return;
    for (const { name, entry } of listing.names) {
      const path = joinPath(listing.path, name);
      if (entry.kind !== 'directory' || folders.has(path) || ignored(path, true)) continue;
      const folder = folderAt(path, false);
      folders.set(path, folder);
      found.push(folder);
    }
  };

  const arrived = (folder: Folder, listing: Listing): void => {
    folder.state = 'here';
    folder.names = listing.kind === 'listing' ? listing.names.length : 0;
    if (!folder.wanted) held += folder.names;
    if (!stopped) descend(listing);
    folder.resolve(listing);
  };

  const ask = async (some: readonly Folder[]): Promise<void> => {
    inFlight++;
    try {
      const listings = await replica.list(some.map(({ path }) => ({ path })));
      for (const [at, folder] of some.entries()) arrived(folder, listings[at] as Listing);
    } catch (error) {
      for (const folder of some) {
        folders.delete(folder.path);
        folder.reject(error);
      }
    } finally {
      inFlight--;
      pump();
    }
  };

  const pump = (): void => {
    while (!stopped && inFlight < width) {
      const some = next();
      if (some.length === 0) return;
      for (const folder of some) folder.state = 'asked';
      ask(some).catch(() => undefined); // each folder has its answer
    }
  };

  const want = (path: RelPath): Folder => {
    const known = folders.get(path);
    if (known?.wanted === true) return known;
    const folder = known ?? folderAt(path, true);
    folder.wanted = true;
    held -= folder.names;
    folders.set(path, folder);
    if (folder.state === 'waits') wanted.push(folder);
    return folder;
  };

  const root = folderAt(ROOT, false);
  folders.set(ROOT, root);
  found.push(root);
  pump();

  return {
    async take(paths) {
      if (stopped) return await replica.list(paths.map((path) => ({ path })));
      const some = paths.map(want);
      pump();
      try {
        return await Promise.all(some.map(({ listing }) => listing));
      } finally {
        for (const { path } of some) folders.delete(path);
      }
    },
    widen() {
      width = calls;
      pump();
    },
    stop() {
      stopped = true;
      folders.clear();
      for (const folder of wanted.splice(0)) folder.reject(new Error('the walk was given up'));
      found.length = 0;
    },
  };
}
