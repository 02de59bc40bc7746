/**
 * The narrow file-system interface under everything that reads or writes a user's tree. Two homes: `disk-fs.ts` (the
 * real one) and the simulation's in-memory one. Paths are relative to the root, `''` is the root. Nothing here follows
 * a symlink, neither in the last segment nor on the way.
 */

/** An expected failure of a call, by its errno name: ENOENT, EEXIST, EACCES, ENOSPC, EIO ... */
export class FsError extends Error {
  readonly code: string;
  readonly path: string;
  constructor(code: string, call: string, path: string, cause?: unknown) {
    super(`${code}: ${call} ${path}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
  }
}

export type NodeKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'block-device' | 'character-device';

export interface RawStat {
  readonly kind: NodeKind;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly atimeNs: bigint;
  readonly birthNs: bigint;
  /** The 12 permission bits. */
  readonly mode: number;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly nlink: number;
}

export interface RawName {
  /** The name; where it is not valid UTF-8, a readable escape of it that leads nowhere. */
  readonly name: string;
  readonly utf8: boolean;
}

/** A name of a directory and what lstat said of it: its stat, or an errno name. */
export interface ScannedName extends RawName {
  readonly seen: RawStat | string;
}

export interface ScannedDirectory {
  /**
   * Changes when a name or what it shows does (atimes, and ctimes of links, left out); our own names are not in it.
   * null: to be made from `names`.
   */
  readonly print: string | null;
  names(): readonly ScannedName[];
}

export interface OpenFile {
  /** What the descriptor shows, fetched anew from a mount's server (statx FORCE_SYNC on the descriptor). */
  stat(): Promise<RawStat>;
  /** The same as the kernel knows it: enough for a file that nobody else can reach, and on a mount a round trip less. */
  known(): Promise<RawStat>;
  /** Bytes read, 0 at the end. */
  read(into: Uint8Array, at: number): Promise<number>;
  write(bytes: Uint8Array, at: number): Promise<void>;
  truncate(size: number): Promise<void>;
  chmod(mode: number): Promise<void>;
  /** Sets mtime (ns precision as far as the file system keeps it), leaves atime. */
  setMtime(mtimeNs: bigint): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface NewLink {
  readonly name: string;
  readonly target: string;
}

export interface NewLinks {
  readonly folder: string;
  readonly links: readonly NewLink[];
}

export interface FsPort {
  lstat(path: string): Promise<RawStat>;
  readlink(path: string): Promise<string>;
  readdir(path: string): Promise<readonly RawName[]>;
  mkdir(path: string, mode: number): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** EEXIST if `to` exists; EINVAL where the file system has no such call. */
  renameNoReplace(from: string, to: string): Promise<void>;
  /** Swaps two names in one act; EINVAL where the file system has no such call. */
  exchange(a: string, b: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  setMtime(path: string, mtimeNs: bigint): Promise<void>;
  /** A directory's own times become now; ENOTDIR and ELOOP for anything else. A mount forgets what it knew of its names. */
  touchDirectory(path: string): Promise<void>;
  /** Sets the atime of a symlink itself, leaves its mtime: how a stub's read detection is armed. */
  setLinkAtime(path: string, atimeNs: bigint): Promise<void>;
  /** Read-only, regular files only (EISDIR, ELOOP, ENXIO else), never blocks on a fifo. */
  openRead(path: string): Promise<OpenFile>;
  /** As `openRead`, for writing, too. */
  reopen(path: string): Promise<OpenFile>;
  /** New file for writing; EEXIST if there is one. */
  create(path: string, mode: number): Promise<OpenFile>;
  /** Does any process have the file open for writing? */
  openForWriting(path: string): Promise<'no' | 'yes' | 'unknown'>;
  /** Makes renames in a directory durable; does nothing where that proves nothing. */
  syncDirectory(path: string): Promise<void>;
  /** `readdir` and `lstat` of each name in one go, where that is cheaper. */
  scan?(path: string): Promise<ScannedDirectory>;
  /** `lstat` of many names in one folder, where that is cheaper; in order, each its stat or an errno name. */
  lstatIn?(folder: string, names: readonly string[]): Promise<readonly (RawStat | string)[]>;
  /**
   * Many links in some folders with this atime, in one go, where that is cheaper. One after the other, in order: what lies
   * under each name then, or the errno name of what failed; a link may have been made even so.
   */
  makeLinks?(folders: readonly NewLinks[], atimeNs: bigint): Promise<readonly (RawStat | string)[]>;
  /**
   * Only where the root can be replaced under us (unmounted, mounted over, renamed): every call fails with ESTALE from
   * then on, until `renew` accepts what lies at the root's path now, or again after `distrust`.
   */
  readonly root?: RootControl;
}

export interface RootControl {
  renew(): Promise<void>;
  distrust(): void;
}
