/** lstat of all names of one open directory. */
import fsp from 'node:fs/promises';
import { decodeStatx, errnoOf, STATX_BYTES, statName } from '@lazysync/ops';
import { digestOfPrints, type NamePrint, printOf } from './folder-print.ts';
import type { RawName, RawStat, ScannedDirectory, ScannedName } from './fs-port.ts';
import { isOwnFolder, isStageName } from './own-names.ts';
import { rawStat, rawStatx } from './raw-stat.ts';

/**
 * ms. sshfs answers from its own cache for a while after a listing: asking it at once then costs a fraction of the CPU of
 * asking through the thread pool. A single answer slower than this, and the rest is asked in parallel.
 */
const QUICK = 1;
const PARALLEL = 16;

/** On a disk of this host: no thread is needed, and nothing is decoded while nothing has changed. */
export function scanAtOnce(fd: number, path: string, names: readonly RawName[]): ScannedDirectory {
  const all = Buffer.allocUnsafe(names.length * STATX_BYTES);
  const failures = new Map<number, string>();
  const prints: NamePrint[] = [];
  for (let at = 0; at < names.length; at++) {
    const { name, utf8 } = names[at] as RawName;
    // A name that is not UTF-8 can not be asked for by its escape, and is never synced.
    const buffer = all.subarray(at * STATX_BYTES, (at + 1) * STATX_BYTES);
    const failure = utf8 ? statName(fd, name, buffer) : 'EILSEQ';
    if (failure !== null) failures.set(at, failure);
    if (isStageName(name) || isOwnFolder(path, name)) continue;
    prints.push({ name, print: failure ?? printOf(buffer) });
  }
  return {
    print: digestOfPrints(prints),
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
