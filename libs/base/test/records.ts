/** Makers of rows for the tests of the base. */
import {
  type CopyRecord,
  type DirectoryRecord,
  type FileStat,
  type Identity,
  type RelPath,
  relPath,
  type StubRecord,
} from '@lazysync/event-model';

export const at = (text: string): RelPath => relPath(text);
export const id = (ino: number): Identity => ({ dev: 64n, ino: BigInt(ino), birthNs: BigInt(ino) + 5n });
export const remote = { size: 3, mtimeNs: 1_700_000_000_123_456_789n, mode: 0o644 };

export const stat = (ino: number, more: Partial<FileStat> = {}): FileStat => ({
  ...id(ino),
  size: 3,
  mtimeNs: 1_700_000_000_123_456_789n,
  ctimeNs: 1_700_000_001_000_000_001n,
  mode: 0o644,
  ...more,
});
export const stub = (path: string, ino = 1): StubRecord => ({
  kind: 'file',
  form: 'stub',
  path: at(path),
  remote,
  link: id(ino),
});
export const copy = (path: string, ino = 1, more: Partial<CopyRecord> = {}): CopyRecord => ({
  kind: 'file',
  form: 'copy',
  path: at(path),
  remote,
  local: stat(ino),
  hash: 'ab'.repeat(32),
  origin: 'local',
  racy: false,
  ...more,
});
export const directory = (path: string, ino = 1): DirectoryRecord => ({
  kind: 'directory',
  path: at(path),
  local: id(ino),
  localMode: 0o755,
  remoteMode: 0o775,
});
