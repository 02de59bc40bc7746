/** What lies in directories, with a digest by which an unchanged one is known again. */
import { hash } from 'node:crypto';
import {
  type Anchors,
  type Entry,
  MOUNTED_INSIDE,
  type RelPath,
  relPath,
  sameIdentity,
  stubTarget,
} from '@lazysync/event-model';
import { type EntryContext, entryContext, entryFrom, entryFromStat, linkEntry, mapParallel } from './entry-of.ts';
import { digestOfPrints, printOfStat } from './folder-print.ts';
import {
  FsError,
  type FsPort,
  type RawName,
  type RawStat,
  type ScannedDirectory,
  type ScannedName,
} from './fs-port.ts';
import { isOwnFolder, isStageName } from './own-names.ts';
import type { DirectoryQuery, ListedName, Listing } from './replica.ts';

export interface ListOptions {
  readonly anchors: Anchors;
  /** Directories in flight at once: 1 on a local disk, >= 16 on a mount. */
  readonly parallel: number;
  /**
   * Inodes and ctimes mean something (a local disk), so they are in the digest. On a mount they change by themselves
   * there, and links are read for the digest instead.
   */
  readonly exact: boolean;
}

export async function list(
  fs: FsPort,
  queries: readonly DirectoryQuery[],
  options: ListOptions,
): Promise<readonly Listing[]> {
  const context = await entryContext(fs, options.anchors);
  return await mapParallel(queries, options.parallel, (query) => listOne(fs, query, context, options));
}

async function scan(fs: FsPort, path: RelPath): Promise<ScannedDirectory> {
  if (fs.scan !== undefined) return await fs.scan(path);
  const names = await fs.readdir(path);
  const all = await mapParallel<RawName, ScannedName>(names, 16, async (one) => {
    if (!one.utf8) return { ...one, seen: 'EILSEQ' };
    try {
      return { ...one, seen: await fs.lstat(below(path, one.name)) };
    } catch (error) {
      if (error instanceof FsError) return { ...one, seen: error.code };
      throw error;
    }
  });
  return { print: null, names: () => all };
}

function below(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}

async function listOne(
  fs: FsPort,
  query: DirectoryQuery,
  context: EntryContext,
  options: ListOptions,
): Promise<Listing> {
  const { path } = query;
  try {
    const self = path === '' || context.rootDev === null ? null : await fs.lstat(path);
    if (self !== null && self.kind !== 'directory') return { kind: 'gone', path };
    if (self !== null && self.dev !== context.rootDev) return { kind: 'unreadable', path, reason: MOUNTED_INSIDE };
    return await read(fs, query, context, options);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    switch (error.code) {
      case 'ENOENT':
      case 'ENOTDIR':
      case 'ELOOP':
      case 'EXDEV':
        return { kind: 'gone', path };
      default:
        return { kind: 'unreadable', path, reason: error.code };
    }
  }
}

interface Seen {
  readonly name: string;
  readonly stat: RawStat | null;
  readonly entry: Entry | null;
}

async function read(fs: FsPort, query: DirectoryQuery, context: EntryContext, options: ListOptions): Promise<Listing> {
  const { path, known } = query;
  const scanned = await scan(fs, path);
  const print = options.exact ? scanned.print : null;
  if (print !== null && print === known) return { kind: 'same', path };
  const unsyncable: string[] = [];
  const seen: Seen[] = [];
  let partial = false;
  for (const { name, utf8, seen: what } of scanned.names()) {
    if (isOwnFolder(path, name)) continue;
    if (!utf8) {
      unsyncable.push(name);
    } else if (typeof what !== 'string') {
      if (what.kind === 'file' && isStageName(name)) continue;
      seen.push({ name, stat: what, entry: what.kind === 'symlink' ? null : entryFromStat(what, context) });
    } else if (what !== 'ENOENT') {
      partial = true;
      seen.push({ name, stat: null, entry: { kind: 'unknown', reason: what } });
    }
  }
  seen.sort((a, b) => (a.name < b.name ? -1 : 1));
  unsyncable.sort();

  const withLinks = async (): Promise<readonly ListedName[]> =>
    await mapParallel(seen, options.exact ? 1 : 16, async ({ name, stat, entry }) => {
      if (entry !== null || stat === null) return { name, entry: entry as Entry };
      const stub = options.exact ? knownStub(query, name, stat, context.anchors) : null;
      if (stub !== null) return { name, entry: stub };
      return { name, entry: await linkAt(fs, below(path, name), stat, context) };
    });
  // ORDER: on a local disk the digest is made first: an unchanged directory's links are not read, which would move
  // their atimes.
  let names = options.exact ? null : await withLinks();
  const digest = print ?? (names === null ? digestOnDisk(seen, unsyncable) : digestOnMount(seen, names, unsyncable));
  if (known !== undefined && known === digest) return { kind: 'same', path };
  names ??= await withLinks();
  const present = names.filter((one) => one.entry.kind !== 'absent');
  return { kind: 'listing', path, names: present, unsyncable, digest, partial };
}

/** A link that leads through another anchor says something else, and an inode without a birth may be another one's by now. */
function knownStub({ path, stubs }: DirectoryQuery, name: string, stat: RawStat, anchors: Anchors): Entry | null {
  const known = stubs?.().get(name);
  const [anchor, ...others] = anchors;
  if (known === undefined || anchor === undefined || others.length > 0) return null;
  if (stat.birthNs === 0n || !sameIdentity(known, stat)) return null;
  return linkEntry(stubTarget(anchor, relPath(below(path, name))), stat, anchors);
}

async function linkAt(fs: FsPort, path: string, stat: RawStat, context: EntryContext): Promise<Entry> {
  try {
    return await entryFrom(fs, path, stat, context);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    return error.code === 'ENOENT' ? { kind: 'absent' } : { kind: 'unknown', reason: error.code };
  }
}

/** What a link said; by the time it was read it may have been anything. */
function wordsOf(entry: Entry): string {
  switch (entry.kind) {
    case 'symlink':
    case 'stub':
      return `> ${entry.target}`;
    case 'unknown':
      return `?${entry.reason}`;
    case 'absent':
    case 'file':
    case 'directory':
    case 'other':
      return `=${entry.kind}`;
  }
}

/** On a mount, where inodes and ctimes are dealt anew. atimes are left out. */
function digestOnMount(seen: readonly Seen[], links: readonly ListedName[], unsyncable: readonly string[]): string {
  let text = '';
  for (let i = 0; i < seen.length; i++) {
    const { name, stat, entry } = seen[i] as Seen;
    text += `${name}\0`;
    if (stat === null) text += `?${entry?.kind === 'unknown' ? entry.reason : ''}`;
    // Its own times tell of its names, which its own listing shows.
    else if (stat.kind === 'directory') text += `d${stat.mode} ${entry?.kind}`;
    else {
      text += `${stat.kind} ${stat.size} ${stat.mtimeNs} ${stat.mode}`;
      const link = links[i]?.entry;
      if (stat.kind === 'symlink' && link !== undefined) text += wordsOf(link);
    }
    text += '\0';
  }
  for (const name of unsyncable) text += `!${name}\0`;
  return hash('sha1', text, 'base64');
}

/** On a disk that has told no print of its own. */
function digestOnDisk(seen: readonly Seen[], unsyncable: readonly string[]): string {
  const prints = seen.map(({ name, stat, entry }) => {
    const print = stat === null ? `?${entry?.kind === 'unknown' ? entry.reason : ''}` : printOfStat(stat);
    return { name, print };
  });
  return digestOfPrints([...prints, ...unsyncable.map((name) => ({ name, print: '!' }))]);
}
