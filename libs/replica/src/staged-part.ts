/**
 * The first bytes of a transfer that was broken off: what of them may be gone on with, and when it may be said that they
 * are there. A part is known by the hash of its bytes, so that no other file, no lost write and no torn one is taken for it.
 */
import { createHash, type Hash } from 'node:crypto';
import type { StagedPart } from '@lazysync/event-model';
import { FsError, type FsPort, type OpenFile, type RawStat } from './fs-port.ts';
import { readInOrder } from './read-in-order.ts';

export interface BegunFile {
  readonly file: OpenFile;
  /** Over the bytes that are there. */
  readonly hash: Hash;
  readonly bytes: number;
}

/** The stage file, with nothing in it but the part; null: it is not there, or of another version, or not whole. */
export async function reopenPart(
  on: FsPort,
  stage: string,
  part: StagedPart | null,
  version: RawStat,
): Promise<BegunFile | null> {
  if (part === null || part.size !== version.size || part.mtimeNs !== version.mtimeNs) return null;
  let file: OpenFile | undefined;
  try {
    file = await on.reopen(stage);
    const hash = createHash('sha256');
    const bytes = await readInOrder(file, part.bytes, (piece) => void hash.update(piece));
    if (bytes === part.bytes && hash.copy().digest('hex') === part.hash) {
      // What was written behind it may not be whole, and holes are left where it would have to be written over.
      await file.truncate(bytes);
      return { file, hash, bytes };
    }
  } catch (error) {
    // Whatever is wrong with it: there is another way.
    if (!(error instanceof FsError)) throw error;
  }
  await file?.close();
  return null;
}

export interface PartKeeper {
  /** `hash`: over the first `bytes`, which are written; `open`: they end in a hole, which no write has made. */
  reached(bytes: number, hash: Hash, open: boolean): Promise<void>;
  /** Nothing is under way any more. Rejects with what went wrong beside. */
  over(): Promise<void>;
  /** A part is known, of this try or of the one before. */
  readonly told: boolean;
}

export interface KeeperOptions {
  readonly file: OpenFile;
  readonly version: RawStat;
  /** Bytes from one record to the next. */
  readonly every: number;
  readonly from: number;
  readonly tell: (part: StagedPart) => void;
}

export function createPartKeeper({ file, version, every, from, tell }: KeeperOptions): PartKeeper {
  const { size, mtimeNs } = version;
  let last = from;
  let under: Promise<void> | null = null;
  let broken: unknown = null;
  let told = from > 0;

  return {
    async reached(bytes, hash, open) {
      if (broken !== null) throw broken;
      if (under !== null || bytes - last < every || bytes >= size) return;
      last = bytes;
      const part: StagedPart = { bytes, hash: hash.copy().digest('hex'), size, mtimeNs };
      if (open) await file.truncate(bytes);
      // ORDER: told when it is on the disk. What comes next is written meanwhile.
      under = file.sync().then(() => {
        tell(part);
        told = true;
      });
      under = under
        .catch((error: unknown) => {
          broken = error;
        })
        .finally(() => {
          under = null;
        });
    },
    async over() {
      await under;
      if (broken !== null) throw broken;
    },
    get told() {
      return told;
    },
  };
}
