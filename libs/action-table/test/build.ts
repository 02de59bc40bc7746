/** Small makers of entries, rows and views, so that a test says only what matters to it. */
import {
  ABSENT,
  anchorOf,
  type Cause,
  type CopyRecord,
  type DirectoryEntry,
  type DirectoryRecord,
  type FileEntry,
  type FileStat,
  type Identity,
  joinPath,
  nameOf,
  type OtherEntry,
  type PathView,
  type Policy,
  parentOf,
  type RelPath,
  relPath,
  remotePrint,
  type StubEntry,
  type StubRecord,
  type SymlinkEntry,
  type SymlinkRecord,
  stubTarget,
  type UnknownEntry,
} from '@lazysync/event-model';

export const LOCAL_ROOT = '/home/u/local';
export const REMOTE_ROOT = '/mnt/remote';
export const ANCHOR = anchorOf(LOCAL_ROOT);
export const OLD_ANCHOR = anchorOf('/home/u/before');

export const at = (text: string): RelPath => relPath(text);

export const policy: Policy = {
  localRoot: LOCAL_ROOT,
  remoteRoot: REMOTE_ROOT,
  anchor: ANCHOR,
  compareLimit: 1_000_000,
  conflictPath: (path) => joinPath(parentOf(path), `${nameOf(path)} (conflict)`),
};

export const cause = (side: Cause['side'] = 'both', hydrate = false): Cause => ({ side, hydrate });

const SECOND = 1_000_000_000n;

/** An identity: `ino` is all that tells one from another here. */
export const id = (ino: number): Identity => ({ dev: 1n, ino: BigInt(ino), birthNs: BigInt(ino) * 7n });

/** `size` and the time of last change in seconds make a version. */
export function stat(size: number, seconds: number, ino: number, more: Partial<FileStat> = {}): FileStat {
  const mtimeNs = BigInt(seconds) * SECOND;
  return { ...id(ino), size, mtimeNs, ctimeNs: mtimeNs, mode: 0o644, ...more };
}

export const file = (of: FileStat): FileEntry => ({ kind: 'file', stat: of });
export const directory = (ino: number, mode = 0o755): DirectoryEntry => ({
  kind: 'directory',
  mode,
  identity: id(ino),
});
export const symlink = (target: string): SymlinkEntry => ({ kind: 'symlink', target });
export const stub = (points: string, ino: number, anchor = ANCHOR): StubEntry => ({
  kind: 'stub',
  target: stubTarget(anchor, at(points)),
  points: at(points),
  identity: id(ino),
});
export const otherPairStub = (ino: number): StubEntry => ({
  kind: 'stub',
  target: '/home/u/elsewhere/.lazysync/remote/x',
  points: null,
  identity: id(ino),
});
export const special: OtherEntry = { kind: 'other', what: 'socket' };
export const unknown: UnknownEntry = { kind: 'unknown', reason: 'EACCES' };
export const absent = ABSENT;

export const copyRow = (
  path: string,
  local: FileStat,
  remote: FileStat,
  more: Partial<CopyRecord> = {},
): CopyRecord => ({
  kind: 'file',
  form: 'copy',
  path: at(path),
  local,
  remote: remotePrint(remote),
  hash: 'v1',
  origin: 'remote',
  racy: false,
  ...more,
});
export const stubRow = (path: string, remote: FileStat, ino: number): StubRecord => ({
  kind: 'file',
  form: 'stub',
  path: at(path),
  remote: remotePrint(remote),
  link: id(ino),
});
export const directoryRow = (path: string, ino: number, more: Partial<DirectoryRecord> = {}): DirectoryRecord => ({
  kind: 'directory',
  path: at(path),
  local: id(ino),
  localMode: 0o755,
  remoteMode: 0o755,
  ...more,
});
export const symlinkRow = (path: string, localTarget: string, remoteTarget = localTarget): SymlinkRecord => ({
  kind: 'symlink',
  path: at(path),
  localTarget,
  remoteTarget,
});

export const view = (path: string, of: Omit<PathView, 'path'>): PathView => ({ path: at(path), ...of });
