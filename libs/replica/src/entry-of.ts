/** From what the file system shows at a path to an Entry. */
import {
  ABSENT,
  type Anchors,
  type Entry,
  type FileStat,
  isStubShaped,
  MOUNTED_INSIDE,
  nameOf,
  parentOf,
  type RelPath,
  ROOT,
  type StubEntry,
  type SymlinkEntry,
  stubPoints,
} from '@lazysync/event-model';
import { FsError, type FsPort, type RawStat } from './fs-port.ts';
import { RemoteOffline } from './replica.ts';

export interface EntryContext {
  /** Through which this pair's stubs may lead. */
  readonly anchors: Anchors;
  /** Device of the root: a directory on another one is a file system mounted inside. null: not known, not checked. */
  readonly rootDev: bigint | null;
}

const WORDS = {
  fifo: 'pipe',
  socket: 'socket',
  'block-device': 'device',
  'character-device': 'device',
} as const;

const LOST: ReadonlySet<string> = new Set([
  'ENOTCONN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'EREMOTEIO',
  'ESHUTDOWN',
  'ETIMEDOUT',
]);

/** The mount itself says that it has lost its server. Rejects with RemoteOffline then. */
export function throwIfLost(error: unknown): void {
  if (error instanceof FsError && LOST.has(error.code)) {
    throw new RemoteOffline(`the mount says ${error.code}`, { cause: error });
  }
}

/** One look at the root for a whole batch. Rejects with RemoteOffline when the mount has lost its server. */
export async function entryContext(fs: FsPort, anchors: Anchors): Promise<EntryContext> {
  try {
    return { anchors, rootDev: (await fs.lstat('')).dev };
  } catch (error) {
    throwIfLost(error);
    // What else is wrong with the root shows at each path of the batch.
    if (error instanceof FsError) return { anchors, rootDev: null };
    throw error;
  }
}

export function fileStat(stat: RawStat): FileStat {
  const { size, mtimeNs, ctimeNs, mode, dev, ino, birthNs } = stat;
  return { size, mtimeNs, ctimeNs, mode, dev, ino, birthNs };
}

/** `stat`: of the link itself. */
export function linkEntry(target: string, stat: RawStat, anchors: Anchors): SymlinkEntry | StubEntry {
  if (!isStubShaped(target)) return { kind: 'symlink', target };
  const { dev, ino, birthNs } = stat;
  return { kind: 'stub', target, points: stubPoints(target, anchors), identity: { dev, ino, birthNs } };
}

/** Anything but a symlink, whose text lstat does not tell. */
export function entryFromStat(stat: RawStat, context: EntryContext): Entry {
  switch (stat.kind) {
    case 'file':
      return { kind: 'file', stat: fileStat(stat) };
    case 'directory': {
      const { dev, ino, birthNs, mode } = stat;
      if (context.rootDev !== null && dev !== context.rootDev) return { kind: 'other', what: MOUNTED_INSIDE };
      return { kind: 'directory', mode, identity: { dev, ino, birthNs } };
    }
    case 'symlink':
      return { kind: 'unknown', reason: 'a link that was not read' };
    case 'fifo':
    case 'socket':
    case 'block-device':
    case 'character-device':
      return { kind: 'other', what: WORDS[stat.kind] };
  }
}

/**
 * What an errno says about a path. ELOOP and EXDEV come from the way to it: a link lies where a parent folder should be,
 * so there is nothing at the path.
 */
export function entryFromError(code: string): Entry {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ELOOP':
    case 'EXDEV':
      return ABSENT;
    default:
      return { kind: 'unknown', reason: code };
  }
}

/** How often a path is looked at again when it changes kind between lstat and readlink. */
const TRIES = 3;

/** The entry for a path whose lstat showed `stat`. */
export async function entryFrom(fs: FsPort, path: string, stat: RawStat, context: EntryContext): Promise<Entry> {
  let now = stat;
  for (let left = TRIES; now.kind === 'symlink'; left--) {
    try {
      return linkEntry(await fs.readlink(path), now, context.anchors);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      // EINVAL: it is no link any more. ENOENT is what some mounts say of a link they can not read: look again.
      if (error.code !== 'EINVAL' && error.code !== 'ENOENT') return unreadable(error.code, now);
      if (left <= 1) return { kind: 'unknown', reason: 'changing' };
    }
    now = await fs.lstat(path);
  }
  return entryFromStat(now, context);
}

/** The link is there, only its text can not be had: never absent. */
function unreadable(code: string, { size, mtimeNs }: RawStat): Entry {
  return { kind: 'unknown', reason: code, link: { size, mtimeNs } };
}

/** lstat and readlink of a path. Rejects only for bugs. */
export async function entryOf(fs: FsPort, path: RelPath, context: EntryContext): Promise<Entry> {
  try {
    return await entryFrom(fs, path, await fs.lstat(path), context);
  } catch (error) {
    if (error instanceof FsError) return entryFromError(error.code);
    throw error;
  }
}

/** Entries of many paths, in order; `parallel` of them in flight. */
export async function look(
  fs: FsPort,
  paths: readonly RelPath[],
  options: { readonly anchors: Anchors; readonly parallel: number },
): Promise<readonly Entry[]> {
  const context = await entryContext(fs, options.anchors);
  const statsIn = fs.lstatIn?.bind(fs);
  if (statsIn !== undefined && paths.length > 1) return await lookByFolder(fs, statsIn, paths, context);
  return await mapParallel(paths, options.parallel, (path) => entryOf(fs, path, context));
}

/** Names that are looked at before anybody else has a turn. */
const IN_ONE_GO = 500;

type LstatIn = NonNullable<FsPort['lstatIn']>;

/** Each folder is opened once. */
async function lookByFolder(
  fs: FsPort,
  statsIn: LstatIn,
  paths: readonly RelPath[],
  context: EntryContext,
): Promise<readonly Entry[]> {
  const entries = new Map<RelPath, Entry>();
  for (const [folder, inside] of Map.groupBy(new Set(paths), parentOf)) {
    for (let at = 0; at < inside.length; at += IN_ONE_GO) {
      const some = inside.slice(at, at + IN_ONE_GO);
      const seen = some.includes(ROOT) ? [] : await statsOrError(statsIn, folder, some.map(nameOf));
      for (const [i, path] of some.entries()) entries.set(path, await entryOfSeen(fs, path, seen[i], context));
    }
  }
  return paths.map((path) => entries.get(path) as Entry);
}

/** As `entryOf`, of which lstat (left out: not yet) has shown this. */
async function entryOfSeen(
  fs: FsPort,
  path: RelPath,
  seen: RawStat | string | undefined,
  context: EntryContext,
): Promise<Entry> {
  if (seen === undefined) return await entryOf(fs, path, context);
  if (typeof seen === 'string') return entryFromError(seen);
  return seen.kind === 'symlink' ? await entryOf(fs, path, context) : entryFromStat(seen, context);
}

/** What is the matter with the folder is the matter with each name in it. */
async function statsOrError(
  statsIn: LstatIn,
  folder: RelPath,
  names: readonly string[],
): Promise<readonly (RawStat | string)[]> {
  try {
    return await statsIn(folder, names);
  } catch (error) {
    if (error instanceof FsError) return names.map(() => error.code);
    throw error;
  }
}

/** Like Promise.all over `map`, with at most `parallel` in flight; results in order. */
export async function mapParallel<T, R>(
  items: readonly T[],
  parallel: number,
  map: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Array<R>(items.length);
  let taken = 0;
  const work = async (): Promise<void> => {
    for (let at = taken++; at < items.length; at = taken++) results[at] = await map(items[at] as T);
  };
  await Promise.all(Array.from({ length: Math.min(Math.max(parallel, 1), items.length) }, work));
  return results;
}
