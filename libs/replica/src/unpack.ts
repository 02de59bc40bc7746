/**
 * Beside the remote's disk: a pack is unpacked by the same stage and commit as an upload through the mount. It replaces
 * nothing: a name that is taken stays whoever's it is.
 */
import { ABSENT, type RelPath, type Step, type UnpackedFile, type UnpackOutcome } from '@lazysync/event-model';
import { look, mapParallel } from './entry-of.ts';
import { FsError, type FsPort } from './fs-port.ts';
import { make } from './make.ts';
import { memoryFile } from './memory-file.ts';
import { type OpenPack, openPack, type PackedFile, type PackedFolder, packPath, takenPath } from './pack-file.ts';
import { stageFrom } from './stage-upload.ts';
import { codeOf, type TreeContext, tidyName, uploadStagePath } from './tree-context.ts';
import { commitUpload } from './upload.ts';

/** Files at a time: what waits for the disk is mostly their fsync. */
const PARALLEL = 16;

function contextOn(fs: FsPort, now: () => number): TreeContext {
  return {
    side: 'remote',
    fs,
    peer: fs,
    moved: async () => undefined,
    kept: () => undefined,
    look: async (path) => {
      const [entry] = await look(fs, [path as PackedFile['path']], { anchors: [], parallel: 1 });
      return entry ?? { kind: 'unknown', reason: 'not looked at' };
    },
    anchor: '',
    now,
  };
}

async function unpackOne(
  it: TreeContext,
  pack: OpenPack,
  file: PackedFile,
  taken: string,
): Promise<UnpackedFile | null> {
  const { slot, path } = file;
  const bytes = await pack.bytes(file);
  if (bytes === null) return null;
  const source = memoryFile(bytes, file);
  const staged = await stageFrom(it, { slot }, source, () => true);
  if (staged === null) return null;
  const step: Step = { kind: 'upload', side: 'remote', path, source: staged.source, expected: ABSENT };
  // RACE: whoever withdraws the pack between this look and the link finds this one file in its place, whole.
  await it.fs.lstat(taken);
  const outcome = await commitUpload(it, { slot, step, staged });
  if (outcome.kind !== 'done' || outcome.after.kind !== 'file') return null;
  const { size, mode, mtimeNs } = outcome.after.stat;
  return { slot, size, mode, mtimeNs };
}

/** Those that are made by this. What is there already is no folder of this pack. */
async function unpackFolders(
  it: TreeContext,
  folders: readonly PackedFolder[],
  taken: string,
  signal: AbortSignal | undefined,
): Promise<readonly RelPath[]> {
  const made: RelPath[] = [];
  for (const { path, mode } of folders) {
    if (signal?.aborted === true) break;
    try {
      // RACE: as with a file: withdrawn between this look and the call, the folder is made.
      await it.fs.lstat(taken);
    } catch (error) {
      if (codeOf(error) === null) throw error;
      break;
    }
    const outcome = await make(it, { kind: 'make-directory', side: 'remote', path, mode });
    if (outcome.kind === 'done') made.push(path);
  }
  return made;
}

/** `signal`: nothing more is begun. */
export async function unpack(
  fs: FsPort,
  slot: string,
  now: () => number,
  signal?: AbortSignal,
): Promise<UnpackOutcome> {
  const taken = takenPath(slot);
  try {
    // ORDER: taken by a rename: of two that were asked one gets it.
    await fs.rename(packPath(slot), taken);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { kind: 'gone' };
    if (codeOf(error) === null) throw error;
    return { kind: 'refused', why: `the pack can not be taken (${codeOf(error)})` };
  }
  const changed = new Set<string>();
  // Each folder is synced once, before anything is told of what is in it now.
  const it = contextOn({ ...fs, syncDirectory: async (path) => void changed.add(path) }, now);
  try {
    const file = await fs.openRead(taken);
    try {
      const pack = await openPack(file);
      if (pack === null) return { kind: 'refused', why: 'it is no whole pack' };
      const folders = await unpackFolders(it, pack.folders, taken, signal);
      const files = await mapParallel(pack.files, PARALLEL, async (one) => {
        try {
          return signal?.aborted === true ? null : await unpackOne(it, pack, one, taken);
        } catch (error) {
          if (codeOf(error) === null) throw error;
          return null;
        } finally {
          // A second name of the file that is in its place, or what came to nothing.
          await tidyName(fs, uploadStagePath(one.slot));
        }
      });
      await mapParallel([...changed], PARALLEL, (path) => fs.syncDirectory(path));
      return { kind: 'unpacked', folders, files: files.filter((one) => one !== null) };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    return { kind: 'refused', why: `the pack can not be read (${error.code})` };
  } finally {
    await tidyName(fs, taken);
  }
}
