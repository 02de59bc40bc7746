/** lstat of all names of one open directory. */
import fsp from 'node:fs/promises';
import { decodeStatx, errnoOf, STATX_BYTES, statName } from '@lazysync/ops';
import { digestOfPrints, type NamePrint, printOf } from './folder-print.ts';
import type { RawName, RawStat, ScannedDirectory, ScannedName } from './fs-port.ts';
import { isOwnFolder, isStageName } from './own-names.ts';
import { rawStat, rawStatx } from './raw-stat.ts';

/**
 * ms. sshfs answers from its own cache for a while after a listing, but for those beside which something was written:
 * asking it in place then costs a fraction of the CPU of asking in threads. A single answer slower than this, and the rest
 * is asked in threads, in parallel.
 */
const QUICK = 1;
/** ms. The first name is asked for in a thread: where the server is asked, it is not the whole process that waits for it. */
const FROM_CACHE = 5;
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

/** Has it settled after so many ms? A loop that was held up itself hears of what is there before it says no. */
async function settlesWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(() => setImmediate(late.resolve), ms);
  const done = promise.then(() => {
    settled = true;
  });
  try {
    await Promise.race([done, late.promise]);
  } finally {
    clearTimeout(timer);
  }
  return settled;
}

/** On a mount. */
export async function scanLater(fd: number, names: readonly RawName[]): Promise<ScannedDirectory> {
  const buffer = Buffer.alloc(STATX_BYTES);
  const all = new Array<ScannedName>(names.length);
  let next = 0;
  const ask = async (at: number): Promise<void> => {
    const one = names[at] as RawName;
    all[at] = { ...one, seen: one.utf8 ? await sawLater(`/proc/self/fd/${fd}/${one.name}`) : 'EILSEQ' };
  };
  const first = names.length === 0 ? undefined : ask(next++);
  for (let quick = first !== undefined && (await settlesWithin(FROM_CACHE, first)); next < names.length && quick; ) {
    const one = names[next] as RawName;
    const before = performance.now();
    const failure = one.utf8 ? statName(fd, one.name, buffer) : 'EILSEQ';
    all[next++] = { ...one, seen: failure ?? rawStatx(decodeStatx(buffer)) };
    quick = performance.now() - before < QUICK;
  }
  const work = async (): Promise<void> => {
    while (next < names.length) await ask(next++);
  };
  await Promise.all([first, ...Array.from({ length: Math.min(PARALLEL, names.length - next) }, work)]);
  return { print: null, names: () => all };
}
