/** lstat of all names of one open directory. */
import { hash } from 'node:crypto';
import fsp from 'node:fs/promises';
import { decodeStatx, errnoOf, STATX_BYTES, statName } from '@lazysync/ops';
import type { RawName, RawStat, ScannedDirectory, ScannedName } from './fs-port.ts';
import { isOwnFolder, isStageName } from './own-names.ts';
import { rawStat, rawStatx } from './raw-stat.ts';

/**
 * ms. sshfs answers from its own cache for a while after a listing: asking it at once then costs a fraction of the CPU of
 * asking through the thread pool. A single answer slower than this, and the rest is asked in parallel.
 */
const QUICK = 1;
const PARALLEL = 16;

// Where statx puts things: see linux/stat.h.
const MODE = 28;

const SIZE = 40;
const SIZE_END = 48;

const CTIME = 96;
const MTIME = 112;
const MTIME_END = 128;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;

/** What counts of a stat, straight from the kernel's bytes: at rest this is all that is ever made of most of them. */
function printOf(buffer: Buffer): string {
  const kind = buffer.readUInt16LE(MODE) & S_IFMT;
  // A directory's own times tell of its names, which its own listing shows.
  if (kind === S_IFDIR) return buffer.toString('latin1', MODE, SIZE);
  // Arming a stub moves its ctime.
  if (kind === S_IFLNK) return buffer.toString('latin1', MODE, SIZE_END) + buffer.toString('latin1', MTIME, MTIME_END);
  return buffer.toString('latin1', MODE, SIZE_END) + buffer.toString('latin1', CTIME, MTIME_END);
}

/** On a disk of this host: no thread is needed, and nothing is decoded while nothing has changed. */
export function scanAtOnce(fd: number, path: string, names: readonly RawName[]): ScannedDirectory {
  const all = Buffer.allocUnsafe(names.length * STATX_BYTES);
  const failures = new Map<number, string>();
  let text = '';
  for (let at = 0; at < names.length; at++) {
    const { name, utf8 } = names[at] as RawName;
    // A name that is not UTF-8 can not be asked for by its escape, and is never synced.
    const buffer = all.subarray(at * STATX_BYTES, (at + 1) * STATX_BYTES);
    const failure = utf8 ? statName(fd, name, buffer) : 'EILSEQ';
    if (failure !== null) failures.set(at, failure);
    if (isStageName(name) || isOwnFolder(path, name)) continue;
    text += `${name}\0${failure ?? printOf(buffer)}\0`;
  }
  return {
    print: hash('sha1', text, 'base64'),
    names: () =>
      names.map((one, at) => {
        const failure = failures.get(at);
        if (failure !== undefined) return { ...one, seen: failure };
        return { ...one, seen: rawStatx(decodeStatx(all.subarray(at * STATX_BYTES, (at + 1) * STATX_BYTES))) };
      }),
  };
}

async function sawLater(at: string): Promise<RawStat | string> {
  try {
    return rawStat(await fsp.lstat(at, { bigint: true }));
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    return code;
  }
}

/** On a mount. */
export async function scanLater(fd: number, names: readonly RawName[]): Promise<ScannedDirectory> {
  const buffer = Buffer.alloc(STATX_BYTES);
  const found: ScannedName[] = [];
  let next = 0;
  let quick = true;
  for (; next < names.length && quick; next++) {
    const one = names[next] as RawName;
    const before = performance.now();
    const failure = one.utf8 ? statName(fd, one.name, buffer) : 'EILSEQ';
    found.push({ ...one, seen: failure ?? rawStatx(decodeStatx(buffer)) });
    quick = performance.now() - before < QUICK;
  }
  const rest = names.slice(next);
  const later = new Array<ScannedName>(rest.length);
  let taken = 0;
  const work = async (): Promise<void> => {
    for (let at = taken++; at < rest.length; at = taken++) {
      const one = rest[at] as RawName;
      later[at] = { ...one, seen: one.utf8 ? await sawLater(`/proc/self/fd/${fd}/${one.name}`) : 'EILSEQ' };
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, rest.length) }, work));
  const all = found.concat(later);
  return { print: null, names: () => all };
}
