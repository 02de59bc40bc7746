/**
 * What a local symlink says, remembered by inode: an inode's text never changes. Reading a link moves its atime, and the
 * atime is how an open through a stub is told from one at the remote path, so our own looks should not touch it.
 */
import type { RawStat } from './fs-port.ts';

/** Some 350 bytes each; twice as many at most. What is forgotten is read once more. */
const LIMIT = 10_000;

interface Known {
  readonly birthNs: bigint;
  readonly mtimeNs: bigint;
  readonly text: string;
}

export interface LinkTexts {
  get(stat: RawStat): string | undefined;
  put(stat: RawStat, text: string): void;
}

export function createLinkTexts(): LinkTexts {
  // One device per tree: links on another one lie in a mounted folder, and are never looked at. The older half is forgotten
  // as a whole: to find the oldest entry of a map takes the longer the more have been deleted from it.
  let known = new Map<bigint, Known>();
  let older = new Map<bigint, Known>();
  return {
    get(stat) {
      const found = known.get(stat.ino) ?? older.get(stat.ino);
      if (found === undefined || found.birthNs !== stat.birthNs || found.mtimeNs !== stat.mtimeNs) return undefined;
      return found.text;
    },
    put(stat, text) {
      if (known.size >= LIMIT) {
        older = known;
        known = new Map();
      }
      known.set(stat.ino, { birthNs: stat.birthNs, mtimeNs: stat.mtimeNs, text });
    },
  };
}
