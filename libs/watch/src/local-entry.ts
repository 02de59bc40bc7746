/** What local shows at a path, told without reading a stub: reading would move its atime. */
import { type BigIntStats, lstatSync, readlinkSync } from 'node:fs';
import { agrees } from '@lazysync/action-table';
import {
  type BaseRecord,
  type DirectoryRecord,
  type Entry,
  type Identity,
  identityOf,
  sameIdentity,
} from '@lazysync/event-model';
import { errnoOf } from '@lazysync/ops';

/** null: nothing is there; a text: the errno name of why it can not be told. */
export function statOf(path: string): BigIntStats | string | null {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === null) throw error;
    return errno;
  }
}

/** What a link shows, as far as it can be told without reading a stub: reading would move its atime. */
function linkAt(path: string, stat: BigIntStats, row: BaseRecord | undefined): Entry {
  const identity = { dev: stat.dev, ino: stat.ino, birthNs: stat.birthtimeNs };
  if (row?.kind === 'file' && row.form === 'stub') {
    // The text of an inode never changes.
    const same = stat.ino === row.link.ino && stat.birthtimeNs === row.link.birthNs;
    return { kind: 'stub', target: '', points: same ? row.path : null, identity };
  }
  if (row?.kind !== 'symlink') return { kind: 'symlink', target: `inode ${stat.ino}` };
  try {
    return { kind: 'symlink', target: readlinkSync(path) };
  } catch (error) {
    const reason = errnoOf(error);
    if (reason === null) throw error;
    return { kind: 'unknown', reason };
  }
}

/** `row`: of this path, by which a stub is known. `rootDev`: a folder on another device is a file system mounted inside. */
export function entryAt(path: string, row: BaseRecord | undefined, rootDev: bigint): Entry {
  const stat = statOf(path);
  if (stat === null) return { kind: 'absent' };
  if (typeof stat === 'string') return { kind: 'unknown', reason: stat };
  const mode = Number(stat.mode) & 0o7777;
  if (stat.isSymbolicLink()) return linkAt(path, stat, row);
  const { dev, ino, birthtimeNs: birthNs } = stat;
  if (stat.isDirectory()) {
    if (dev !== rootDev) return { kind: 'other', what: 'another file system' };
    return { kind: 'directory', mode, identity: { dev, ino, birthNs } };
  }
  if (!stat.isFile()) return { kind: 'other', what: 'special file' };
  const { mtimeNs, ctimeNs } = stat;
  return { kind: 'file', stat: { size: Number(stat.size), mtimeNs, ctimeNs, mode, dev, ino, birthNs } };
}

/** Is what lies there the very link that is known of a stub? Told only where inodes have births. */
export function isThatStub(path: string, known: Identity): boolean {
  if (known.birthNs === 0n) return false;
  const stat = statOf(path);
  if (stat === null || typeof stat === 'string' || !stat.isSymbolicLink()) return false;
  return sameIdentity({ dev: stat.dev, ino: stat.ino, birthNs: stat.birthtimeNs }, known);
}

/** The same of a folder and its row. */
export function isThatFolder(path: string, row: DirectoryRecord): boolean {
  if (row.local.birthNs === 0n) return false;
  const entry = entryAt(path, row, row.local.dev);
  return sameIdentity(identityOf(entry), row.local) && agrees(entry, row, 'local');
}
