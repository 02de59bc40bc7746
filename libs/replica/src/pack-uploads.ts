/**
 * Many small uploads as one file: packed here, written into the remote's stage folder through the mount, and unpacked by
 * whoever runs beside the remote's disk. What is taken from local is read as for any upload.
 */
import type { FileStat, Step } from '@lazysync/event-model';
import { fileStat, mapParallel, throwIfLost } from './entry-of.ts';
import { createPack, type PackContent, packContents, packPath, takenPath, writePack } from './pack-file.ts';
import { readSmall } from './read-small.ts';
import type { Order, PackOutcome, PackWish } from './replica.ts';
import { openedForWriting, sameReading } from './stage-upload.ts';
import { codeOf, dropName, type TreeContext, tidyName } from './tree-context.ts';

type UploadStep = Extract<Step, { kind: 'upload' }>;

const LEFT_OUT: PackOutcome = { kind: 'left-out' };
const READS = 8;

interface Read {
  readonly bytes: Uint8Array;
  readonly source: FileStat;
}

/** null: it is another one by now, is being written, or can not be read; an upload of its own tells which. */
async function readSource(it: TreeContext, { path, source: expected }: UploadStep): Promise<Read | null> {
  try {
    if (await openedForWriting(it.peer, path, expected.mtimeNs, it.now())) return null;
    const read = await readSmall(it.peer, path, (shown) => sameReading(shown, expected));
    return read === null ? null : { bytes: read.bytes, source: fileStat(read.shown) };
  } catch (error) {
    if (codeOf(error) === null) throw error;
    return null;
  }
}

/** Answers in the order of the orders. What could not be written at all is left out as a whole. */
export async function packUploads(
  it: TreeContext,
  slot: string,
  orders: readonly Order[],
  { stepNs, limit, folders }: PackWish,
): Promise<readonly PackOutcome[]> {
  const reads = await mapParallel(orders, READS, (order) => readSource(it, order.step as UploadStep));
  const contents: PackContent[] = [];
  const outcomes = orders.map((order, i): PackOutcome => {
    const read = reads[i];
    if (read == null) return LEFT_OUT;
    const { bytes, source } = read;
    const packed = packContents(bytes);
    // What the mount will show of it: it keeps no finer times.
    const mtimeNs = source.mtimeNs - (source.mtimeNs % stepNs);
    contents.push({ ...packed, slot: order.slot, path: order.step.path, mode: source.mode, mtimeNs });
    return { kind: 'packed', hash: packed.hash, source };
  });
  if (contents.length === 0) return outcomes;
  try {
    const moved = (bytes: number, done: number): Promise<void> => it.moved(slot, bytes, done, limit);
    await writePack(await createPack(it.fs, slot), contents, moved, folders);
  } catch (error) {
    throwIfLost(error);
    if (codeOf(error) === null) throw error;
    // A full disk, say: each of them finds out for itself.
    await tidyName(it.fs, packPath(slot));
    return orders.map(() => LEFT_OUT);
  }
  return outcomes;
}

/** From now on nothing of it is unpacked any more, but for the one file that may be under way this moment. */
export async function withdrawPack(it: Pick<TreeContext, 'fs'>, slot: string): Promise<void> {
  // ORDER: the name that it lies under first: whoever takes it now finds it gone, or is stopped by the second.
  await dropName(it.fs, packPath(slot));
  await dropName(it.fs, takenPath(slot));
}
