/** What every transition works with, and the words they share. */
import {
  type Entry,
  OWN_FOLDER,
  type Problem,
  type ProblemCode,
  type RelPath,
  relPath,
  type Side,
  type StagedPart,
  type StepOutcome,
  sameLink,
} from '@lazysync/event-model';
import { FsError, type FsPort } from './fs-port.ts';

export interface TreeContext {
  readonly side: Side;
  readonly fs: FsPort;
  /** The other side's tree: read for uploads. */
  readonly peer: FsPort;
  /** `bytes` more of what is staged have moved, `done` in all; waits if there is a limit, bytes per second. */
  readonly moved: (slot: string, bytes: number, done: number, limit?: number) => Promise<void>;
  /** That much of what is staged can be gone on with. */
  readonly kept: (slot: string, part: StagedPart) => void;
  /** Bytes after which a part is told; left out: what suits a mount. */
  readonly part?: number;
  /** lstat and readlink, as an entry; never throws for what a file system can answer. */
  readonly look: (path: string) => Promise<Entry>;
  /** What the stubs' texts begin with. */
  readonly anchor: string;
  /** ms since 1970. */
  readonly now: () => number;
}

export function stagePath(slot: string): string {
  return `${OWN_FOLDER}/stage/${slot}`;
}

/** On a mount the kernel lets one change at a time into a folder: what is staged side by side lies in folders of its own. */
export const STAGE_FOLDERS = 16;

export function stageFolders(): readonly RelPath[] {
  return Array.from({ length: STAGE_FOLDERS }, (_, n) => relPath(stagePath(String(n))));
}

/** Where an upload's content lies. Slots end in a count, so that those of one moment lie in different folders. */
export function uploadStagePath(slot: string): string {
  const count = Number(/\d{1,9}$/.exec(slot)?.[0] ?? 0);
  return stagePath(`${count % STAGE_FOLDERS}/${slot}`);
}

/** Where an order's content lies until it is committed. */
export function stagedAt({ slot, under }: { readonly slot: string; readonly under?: string }): string {
  return under === undefined ? uploadStagePath(slot) : stagePath(under);
}

export function trashPath(slot: string, path: RelPath): RelPath {
  return relPath(`${OWN_FOLDER}/trash/${slot}/${path}`);
}

export function codeOf(error: unknown): string | null {
  return error instanceof FsError ? error.code : null;
}

const PROBLEMS: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  ENOSPC: ['no-space', 'there is no space left'],
  EDQUOT: ['no-space', 'the quota is used up'],
  EACCES: ['no-permission', 'permission is denied'],
  EPERM: ['no-permission', 'this is not permitted'],
  EROFS: ['no-permission', 'it is read-only'],
  ENAMETOOLONG: ['name-refused', 'the name is too long for it'],
  EINVAL: ['name-refused', 'it refuses this name'],
  EILSEQ: ['name-refused', 'it refuses this name'],
  ENOTEMPTY: ['not-empty', 'the folder is not empty'],
  EBUSY: ['failed', 'it is in use'],
};

/** An expected failure as a value; bugs and lost infrastructure are thrown on. */
export function failure(error: unknown, side: Side, path: RelPath): Extract<StepOutcome, { kind: 'failed' }> {
  const code = codeOf(error);
  if (code === null) throw error;
  const [word, why] = PROBLEMS[code] ?? ['failed', `the call failed with ${code}`];
  const problem: Problem = {
    code: word,
    path,
    side,
    message: `Could not be written in ${side}: ${why}. It is tried again.`,
  };
  return { kind: 'failed', problem };
}

/** Runs an act of which ENOENT, EEXIST and the like mean that the precondition does not hold (any more). */
export async function guarded(it: TreeContext, path: RelPath, act: () => Promise<StepOutcome>): Promise<StepOutcome> {
  try {
    return await act();
  } catch (error) {
    const code = codeOf(error);
    if (
      code === 'ENOENT' ||
      code === 'EEXIST' ||
      code === 'ENOTDIR' ||
      code === 'EISDIR' ||
      code === 'ELOOP' ||
      code === 'EXDEV'
    ) {
      return { kind: 'stale', saw: await it.look(path) };
    }
    return failure(error, it.side, path);
  }
}

/**
 * What came out is what the plan expected. A remote's inode numbers and ctimes prove nothing (hard links show different
 * inodes through sshfs); our own rename moves the local ctime.
 */
export function isExpected(side: Side, expected: Entry, found: Entry): boolean {
  if (expected.kind !== found.kind) return false;
  if (expected.kind === 'file' && found.kind === 'file') {
    const a = expected.stat;
    const b = found.stat;
    return a.size === b.size && a.mtimeNs === b.mtimeNs && a.mode === b.mode && (side === 'remote' || a.ino === b.ino);
  }
  if (expected.kind === 'symlink' && found.kind === 'symlink') return expected.target === found.target;
  if (expected.kind === 'stub' && found.kind === 'stub') return expected.target === found.target;
  if (expected.kind === 'unknown' && found.kind === 'unknown') return sameLink(expected.link, found.link);
  return expected.kind === 'directory' || expected.kind === 'absent';
}

/**
 * A look that did not answer (EIO, say) proves nothing about how far a step has come: it is left as it is, and the journal
 * keeps it. EPERM is an answer: links that a mount never lets anybody read.
 */
export function sure(found: Entry, path: string): Entry {
  if (found.kind !== 'unknown' || !/^E[A-Z]+$/.test(found.reason) || found.reason === 'EPERM') return found;
  throw new FsError(found.reason, 'look', path);
}

/** Removes a name that may be gone already. */
export async function dropName(fs: FsPort, path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Removes our own stage file after a failure, if that is possible now. If it is not (the disk became read-only), the
 * failure that came first is what counts: the journal names the file, and recovery removes it later.
 */
export async function tidyName(fs: FsPort, path: string): Promise<void> {
  await tidied(dropName(fs, path));
}

export async function tidied(tidying: Promise<void>): Promise<void> {
  try {
    await tidying;
  } catch (error) {
    if (codeOf(error) === null) throw error;
  }
}

const NO_SUCH_CALL: ReadonlySet<string> = new Set(['EINVAL', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP']);

/** The file system has no such call (or, for links, refuses it): another way is taken. */
export function isUnsupported(error: unknown, ...more: readonly string[]): boolean {
  const code = codeOf(error);
  return code !== null && (NO_SUCH_CALL.has(code) || more.includes(code));
}
