/** What is observed at a path. */
import type { RelPath } from './rel-path.ts';

/** What stat says of a regular file. Times are nanoseconds since 1970, sizes bytes, `mode` the 12 permission bits. */
export interface FileStat {
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly mode: number;
  readonly dev: bigint;
  readonly ino: bigint;
  /** 0n where the file system keeps no birth time. */
  readonly birthNs: bigint;
}

/** Says on a local file system that a thing under a new name is the old thing. */
export interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly birthNs: bigint;
}

export interface Absent {
  readonly kind: 'absent';
}
export interface FileEntry {
  readonly kind: 'file';
  readonly stat: FileStat;
}
export interface DirectoryEntry {
  readonly kind: 'directory';
  readonly mode: number;
  readonly identity: Identity;
}
/** The user's own link. */
export interface SymlinkEntry {
  readonly kind: 'symlink';
  readonly target: string;
}
/**
 * A link shaped like one of ours. `points` is the path that it stands for when it leads through this pair's anchor
 * (own if that is the path it lies at, foreign else), null when it leads through another pair's.
 */
export interface StubEntry {
  readonly kind: 'stub';
  readonly target: string;
  readonly points: RelPath | null;
  /** The link's own: a moved stub keeps it, a copied one has another. */
  readonly identity: Identity;
}
export const MOUNTED_INSIDE = 'file system mounted inside';
/** On a side that takes names for the same that differ in case only. */
export const DIFFERS_IN_CASE = 'name that differs only in case from another';
/** Device, socket, pipe, a folder in which another file system is mounted, or another name's thing. */
export interface OtherEntry {
  readonly kind: 'other';
  readonly what: string;
}
/** Could not be seen: never read as absent. */
export interface UnknownEntry {
  readonly kind: 'unknown';
  /** An errno name such as EACCES, or a word such as `timeout`. */
  readonly reason: string;
  /** A link lies there, and nobody may read it: some mounts hide the texts of links that lead out of a folder. */
  readonly link?: LinkPrint;
}

/** All that can be seen of such a link. */
export interface LinkPrint {
  /** Bytes of its text. */
  readonly size: number;
  readonly mtimeNs: bigint;
}

export function sameLink(a: LinkPrint | undefined, b: LinkPrint | undefined): boolean {
  return a !== undefined && b !== undefined && a.size === b.size && a.mtimeNs === b.mtimeNs;
}

export type Entry = Absent | FileEntry | DirectoryEntry | SymlinkEntry | StubEntry | OtherEntry | UnknownEntry;

export const ABSENT: Absent = { kind: 'absent' };

export function identityOf(entry: Entry): Identity | null {
  switch (entry.kind) {
    case 'file':
      return { dev: entry.stat.dev, ino: entry.stat.ino, birthNs: entry.stat.birthNs };
    case 'directory':
    case 'stub':
      return entry.identity;
    case 'absent':
    case 'symlink':
    case 'other':
    case 'unknown':
      return null;
  }
}

export function sameIdentity(a: Identity | null, b: Identity | null): boolean {
  return a !== null && b !== null && a.ino === b.ino && a.dev === b.dev && a.birthNs === b.birthNs;
}

/**
 * The same version of a file as far as the file system can tell. ctime is left out: our own link and rename move it.
 * Equal does not prove equal content: see `racy` in the base record.
 */
export function sameVersion(a: FileStat, b: FileStat): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.mode === b.mode && a.ino === b.ino;
}

/** What a step expects to find is what is there: the precondition of every transition. */
export function sameEntry(a: Entry, b: Entry): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'absent':
      return true;
    case 'file':
      return sameVersion(a.stat, (b as FileEntry).stat);
    case 'directory':
      return true;
    case 'symlink':
      return a.target === (b as SymlinkEntry).target;
    case 'stub':
      return a.target === (b as StubEntry).target;
    case 'unknown':
      return sameLink(a.link, (b as UnknownEntry).link);
    case 'other':
      return false;
  }
}

/** One short phrase for logs, `why` and finished jobs. */
export function describeEntry(entry: Entry): string {
  switch (entry.kind) {
    case 'absent':
      return 'absent';
    case 'file':
      return `file of ${entry.stat.size} bytes`;
    case 'directory':
      return 'directory';
    case 'symlink':
      return `link to ${entry.target}`;
    case 'stub':
      return entry.points === null ? 'stub of another pair' : `stub of ${entry.points}`;
    case 'other':
      return entry.what;
    case 'unknown':
      return `unknown (${entry.reason})`;
  }
}
