/** A small file as a whole, if it held still meanwhile. */
import type { FsPort, RawStat } from './fs-port.ts';
import { fill } from './read-in-order.ts';
import { unchanged } from './stage-upload.ts';

export interface SmallFile {
  readonly bytes: Uint8Array;
  /** After it was read. */
  readonly shown: RawStat;
}

/** null: it is not the one that is wanted, or changed while it was read. Throws FsError when it can not be read. */
export async function readSmall(
  fs: FsPort,
  path: string,
  wanted: (shown: RawStat) => boolean,
): Promise<SmallFile | null> {
  const file = await fs.openRead(path);
  try {
    const before = await file.stat();
    if (!wanted(before)) return null;
    const bytes = Buffer.alloc(before.size);
    const got = await fill(file, bytes, 0);
    const shown = await file.stat();
    return got === bytes.length && unchanged(before, shown) ? { bytes, shown } : null;
  } finally {
    await file.close();
  }
}
