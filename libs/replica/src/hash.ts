/** The content of a file as a hash, and whether it held still meanwhile. */
import { createHash } from 'node:crypto';
import type { Anchors, FileStat, Problem, ProblemCode, RelPath, Side } from '@lazysync/event-model';
import { entryContext, entryFromStat, entryOf, fileStat, throwIfLost } from './entry-of.ts';
import { FsError, type FsPort, type OpenFile, type RawStat } from './fs-port.ts';
import { readInOrder } from './read-in-order.ts';
import type { HashOutcome } from './replica.ts';

export interface ReadContext {
  readonly side: Side;
  readonly anchors: Anchors;
}

/** Did the file hold still between two looks through one descriptor? Own links and renames move ctime alone. */
export function heldStill(before: RawStat, after: RawStat): boolean {
  return before.size === after.size && before.mtimeNs === after.mtimeNs && before.mode === after.mode;
}

/** A remote's inode numbers are dealt anew at will: there only what the file shows counts. */
function isVersion(side: Side, expected: FileStat, stat: RawStat): boolean {
  return (
    stat.kind === 'file' &&
    stat.size === expected.size &&
    stat.mtimeNs === expected.mtimeNs &&
    (side === 'remote' || stat.ino === expected.ino)
  );
}

const CODES: Readonly<Record<string, ProblemCode>> = {
  EACCES: 'no-permission',
  EPERM: 'no-permission',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EFBIG: 'no-space',
  EROFS: 'no-permission',
};

export function readProblem(side: Side, path: RelPath, code: string): Problem {
  const word = CODES[code] ?? 'unreadable';
  const why = word === 'no-permission' ? 'permission is denied' : `reading failed with ${code}`;
  return {
    code: word === 'no-permission' ? word : 'unreadable',
    path,
    side,
    message: `Could not be read in ${side}: ${why}. It is tried again.`,
  };
}

export function writeProblem(side: Side, path: RelPath, code: string): Problem {
  const word = CODES[code] ?? 'failed';
  const why = word === 'no-space' ? 'there is no space left' : `writing failed with ${code}`;
  return { code: word, path, side, message: `Could not be staged in ${side}: ${why}. It is tried again.` };
}

/** There is no such file (any more): whoever asked looks again. */
export function isElsewhere(code: string): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'EISDIR', 'ENXIO'].includes(code);
}

export async function hashFile(
  fs: FsPort,
  path: RelPath,
  expected: FileStat,
  context: ReadContext,
): Promise<HashOutcome> {
  let file: OpenFile | undefined;
  try {
    file = await fs.openRead(path);
    const before = await file.stat();
    const entries = { anchors: context.anchors, rootDev: null };
    if (!isVersion(context.side, expected, before)) return { kind: 'stale', saw: entryFromStat(before, entries) };
    const hash = createHash('sha256');
    const bytes = await readInOrder(file, before.size, (piece) => void hash.update(piece));
    const after = await file.stat();
    if (bytes !== before.size || !heldStill(before, after))
      return { kind: 'stale', saw: entryFromStat(after, entries) };
    return { kind: 'hash', hash: hash.digest('hex'), stat: fileStat(after) };
  } catch (error) {
    throwIfLost(error);
    if (!(error instanceof FsError)) throw error;
    if (isElsewhere(error.code)) {
      return { kind: 'stale', saw: await entryOf(fs, path, await entryContext(fs, context.anchors)) };
    }
    return { kind: 'failed', problem: readProblem(context.side, path, error.code) };
  } finally {
    await file?.close();
  }
}
