/**
 * Holes are kept by not writing zeros. All bytes are read all the same: their hash is needed, and file systems have told
 * of holes where there was data not yet on the disk (SEEK_HOLE on ZFS before 2.2.2).
 */
import type { OpenFile } from './fs-port.ts';

/** Runs of zeros of this size, and in this step, stay holes. */
const BLOCK = 64 * 1024;
const ZEROS = Buffer.alloc(BLOCK);

function isZeros(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0;
}

export interface Written {
  /** Bytes. */
  readonly count: number;
  /** They end with a hole, which only a truncate makes if nothing is written behind it. */
  readonly open: boolean;
}

/** Writes a piece without its blocks of zeros. The file has to be empty there. */
export async function writeSparse(file: OpenFile, bytes: Uint8Array, at: number): Promise<Written> {
  let from = 0;
  let count = 0;
  for (let block = 0; block < bytes.length; block += BLOCK) {
    const end = Math.min(block + BLOCK, bytes.length);
    if (end - block < BLOCK || !isZeros(bytes.subarray(block, end))) continue;
    if (block > from) await file.write(bytes.subarray(from, block), at + from);
    count += block - from;
    from = end;
  }
  if (from < bytes.length) await file.write(from === 0 ? bytes : bytes.subarray(from), at + from);
  return { count: count + bytes.length - from, open: from === bytes.length };
}
