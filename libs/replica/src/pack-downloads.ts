/** Many small downloads as one file: packed beside the remote's disk, read through the mount, taken apart in local. */
import { type FileStat, OWN_FOLDER, type PackAnswer, type PackRequest } from '@lazysync/event-model';
import { fileStat, mapParallel, throwIfLost } from './entry-of.ts';
import type { FetchContext } from './fetch.ts';
import type { FsPort } from './fs-port.ts';
import { memoryFile } from './memory-file.ts';
import {
  openPack,
  PACK_BYTES,
  PACK_FILE_BYTES,
  PACKED_SIZE,
  type PackContent,
  type PackedFile,
  packContents,
  packPath,
  writePack,
} from './pack-file.ts';
import { readInOrder } from './read-in-order.ts';
import { readSmall } from './read-small.ts';
import type { FetchedOfPack } from './replica.ts';
import { codeOf, dropName, tidyName } from './tree-context.ts';

const READS = 16;
const WRITES = 16;

/** Beside the remote's disk. What can not be read, is too large by now or does not hold still is left out. */
export async function packFiles(fs: FsPort, { slot, files }: PackRequest): Promise<PackAnswer> {
  let room = PACK_BYTES;
  const contents = await mapParallel(files, READS, async (file): Promise<PackContent | null> => {
    try {
      const read = await readSmall(fs, file.path, ({ kind, size }) => {
        if (kind !== 'file' || size > PACKED_SIZE || size > room) return false;
        room -= size;
        return true;
      });
      if (read === null) return null;
      const { mode, mtimeNs } = read.shown;
      return { ...packContents(read.bytes), slot: file.slot, path: file.path, mode, mtimeNs };
    } catch (error) {
      if (codeOf(error) === null) throw error;
      return null;
    }
  });
  try {
    // ORDER: what is not there any more is not made again: whoever wanted it has removed it, and would never hear of it.
    const file = await fs.reopen(packPath(slot));
    await writePack(
      file,
      contents.filter((one) => one !== null),
      async () => undefined,
    );
    return { kind: 'packed' };
  } catch (error) {
    const code = codeOf(error);
    if (code === null) throw error;
    return code === 'ENOENT' ? { kind: 'gone' } : { kind: 'refused', why: `the pack can not be written (${code})` };
  }
}

async function readPack(fs: FsPort, slot: string): Promise<Uint8Array | null> {
  const file = await fs.openRead(packPath(slot));
  try {
    const { size } = await file.stat();
    if (size > PACK_FILE_BYTES) return null;
    const bytes = Buffer.alloc(size);
    const got = await readInOrder(file, size, (piece, at) => void bytes.set(piece, at));
    return got === size ? bytes : null;
  } finally {
    await file.close();
  }
}

async function stage(local: FsPort, { slot, mode, hash }: PackedFile, bytes: Uint8Array, remote: FileStat) {
  const path = `${OWN_FOLDER}/stage/${slot}`;
  await dropName(local, path);
  const file = await local.create(path, 0o600);
  try {
    await file.write(bytes, 0);
    await file.chmod(mode);
    await file.sync();
    await file.setMtime(remote.mtimeNs);
    return { slot, remote, staged: fileStat(await file.stat()), hash };
  } finally {
    await file.close();
  }
}

/** Those of `wanted` that were in it and are staged now; `stepNs`: the finest difference of times that the mount shows. */
export async function fetchPack(
  { remote, local }: Pick<FetchContext, 'remote' | 'local'>,
  { slot, files: wanted }: PackRequest,
  stepNs: bigint,
): Promise<readonly FetchedOfPack[]> {
  const paths = new Map(wanted.map((one) => [one.slot, one.path]));
  let bytes: Uint8Array | null;
  try {
    bytes = await readPack(remote, slot);
  } catch (error) {
    throwIfLost(error);
    if (codeOf(error) === null) throw error;
    return [];
  }
  const pack = bytes === null ? null : await openPack(memoryFile(bytes, { mode: 0, mtimeNs: 0n }));
  if (pack === null) return [];
  const mine = pack.files.filter((file) => paths.get(file.slot) === file.path);
  const fetched = await mapParallel(mine, WRITES, async (file): Promise<FetchedOfPack | null> => {
    const { size, mode } = file;
    const content = await pack.bytes(file);
    if (content === null) return null;
    const mtimeNs = file.mtimeNs - (file.mtimeNs % stepNs);
    // As the mount shows it; inodes of the disk behind it mean nothing here.
    const shown: FileStat = { size, mode, mtimeNs, ctimeNs: mtimeNs, dev: 0n, ino: 0n, birthNs: 0n };
    try {
      return await stage(local, file, content, shown);
    } catch (error) {
      if (codeOf(error) === null) throw error;
      // A full disk, say: a download of its own tells, and must not find it full by half a file.
      await tidyName(local, `${OWN_FOLDER}/stage/${file.slot}`);
      return null;
    }
  });
  return fetched.filter((one) => one !== null);
}
