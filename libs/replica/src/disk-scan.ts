/** lstat of all names of one open directory. */
import fs from 'node:fs';
import fsp from 'node:fs/promises';
import { errnoOf } from '@lazysync/ops';
import type { RawName, RawStat, ScannedName } from './fs-port.ts';
import { rawStat } from './raw-stat.ts';

/**
 * ms. sshfs answers from its own cache for a while after a listing: asking it at once then costs a tenth of the CPU of
 * asking through the thread pool. A single answer slower than this, and the rest is asked in parallel.
 */
const QUICK = 1;
const PARALLEL = 16;

function sawAtOnce(at: string): RawStat | string {
  try {
    const stats = fs.lstatSync(at, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? 'ENOENT' : rawStat(stats);
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    return code;
  }
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

export async function scanDirectory(fd: number, names: readonly RawName[], local: boolean): Promise<ScannedName[]> {
  const folder = `/proc/self/fd/${fd}/`;
  const found: ScannedName[] = [];
  // A name that is not UTF-8 can not be asked for by its escape, and is never synced.
  const look = names.map((one) => one.utf8);
  let next = 0;
  for (; next < names.length; next++) {
    const one = names[next] as RawName;
    if (look[next] !== true) {
      found.push({ ...one, seen: 'EILSEQ' });
      continue;
    }
    const before = local ? 0 : performance.now();
    found.push({ name: one.name, utf8: true, seen: sawAtOnce(folder + one.name) });
    if (!local && performance.now() - before > QUICK) {
      next++;
      break;
    }
  }
  const rest = names.slice(next);
  const later = new Array<ScannedName>(rest.length);
  let taken = 0;
  const work = async (): Promise<void> => {
    for (let at = taken++; at < rest.length; at = taken++) {
      const one = rest[at] as RawName;
      later[at] = { ...one, seen: one.utf8 ? await sawLater(folder + one.name) : 'EILSEQ' };
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, rest.length) }, work));
  return found.concat(later);
}
