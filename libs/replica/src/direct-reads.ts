/**
 * What is read through FUSE passes by the kernel's cache. Where a server's answer is cut short (sshfs: the connection was
 * reset in the middle of it) the kernel fills the rest of its pages with zeros, and the file ends there; but if a stat has
 * told it the size once more meanwhile, the zeros are handed out as if they had been read: 25 of 30 files that were read
 * while the connection was reset. Past the cache a short answer is a short read (0 of 30).
 */
import { fileSystemOf } from '@lazysync/ops';

/** ms after which it is asked again what a number stands for: those of mounts are given to others. */
const LASTS_MS = 1_000;

/** Says of a file's `st_dev` whether it is to be read so. Never touches the mount. */
export function createDirectReads(): (dev: bigint) => boolean {
  let known = new Map<bigint, boolean>();
  let since = performance.now();
  return (dev) => {
    if (performance.now() - since > LASTS_MS) {
      known = new Map();
      since = performance.now();
    }
    let direct = known.get(dev);
    if (direct === undefined) known.set(dev, (direct = /^fuse(\.|$)/.test(fileSystemOf(dev) ?? '')));
    return direct;
  };
}
