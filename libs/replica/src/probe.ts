/** What a tree's file system can do, found out by doing it in the own folder. What fails counts as: can not. */
import fsp from 'node:fs/promises';
import { ARMED_ATIME_NS, OWN_FOLDER, type Side } from '@lazysync/event-model';
import { errnoOf } from '@lazysync/ops';
import { throwIfLost } from './entry-of.ts';
import { FsError, type FsPort } from './fs-port.ts';
import { type MountFacts, mountFacts } from './mount-facts.ts';
import type { Probe } from './replica.ts';

export interface ProbeOptions {
  readonly side: Side;
  /** null: a tree that is on no disk. */
  readonly realRoot: string | null;
  readonly readOnly: boolean;
  /** Makes the probe's folder its own among several clients: letters, digits, dashes. */
  readonly tag: string;
  /** ms since 1970. */
  readonly now: () => number;
  readonly facts?: MountFacts;
}

/** An odd second, and digits at every step. */
const SAMPLE_NS = 1_700_000_001_123_456_789n;
const STEPS = [1n, 100n, 1_000n, 1_000_000n, 10_000_000n, 1_000_000_000n, 2_000_000_000n];
const COARSEST = 2_000_000_000n;

/** A trial that fails for a reason of the file system's is a no. */
async function can(trial: () => Promise<boolean>): Promise<boolean> {
  try {
    return await trial();
  } catch (error) {
    throwIfLost(error);
    if (error instanceof FsError || errnoOf(error) !== null) return false;
    throw error;
  }
}

async function put(fs: FsPort, path: string, text: string): Promise<void> {
  const file = await fs.create(path, 0o600);
  try {
    await file.write(Buffer.from(text), 0);
  } finally {
    await file.close();
  }
}

async function removeFolder(fs: FsPort, folder: string): Promise<void> {
  try {
    for (const { name } of await fs.readdir(folder)) await fs.unlink(`${folder}/${name}`);
    await fs.rmdir(folder);
  } catch (error) {
    throwIfLost(error);
    // Something of it stays in the own folder: ugly, harmless, and no reason not to start.
    if (!(error instanceof FsError)) throw error;
  }
}

/** The step of mtimes, from what is kept of a sample. */
export function stepOf(kept: bigint): bigint {
  const off = kept > SAMPLE_NS ? kept - SAMPLE_NS : SAMPLE_NS - kept;
  return STEPS.find((step) => kept % step === 0n && off < step) ?? COARSEST;
}

async function mtimeStep(fs: FsPort, folder: string): Promise<bigint> {
  try {
    const path = `${folder}/times`;
    await put(fs, path, 'x');
    await fs.setMtime(path, SAMPLE_NS);
    const file = await fs.openRead(path);
    try {
      return stepOf((await file.stat()).mtimeNs);
    } finally {
      await file.close();
    }
  } catch (error) {
    throwIfLost(error);
    if (error instanceof FsError) return COARSEST;
    throw error;
  }
}

async function hasHardLinks(fs: FsPort, folder: string): Promise<boolean> {
  await put(fs, `${folder}/a`, 'a');
  await fs.link(`${folder}/a`, `${folder}/b`);
  await fs.unlink(`${folder}/a`);
  return (await fs.lstat(`${folder}/b`)).kind === 'file';
}

async function hasExchange(fs: FsPort, folder: string): Promise<boolean> {
  await put(fs, `${folder}/one`, '1');
  await put(fs, `${folder}/three`, '333');
  await fs.exchange(`${folder}/one`, `${folder}/three`);
  return (await fs.lstat(`${folder}/one`)).size === 3 && (await fs.lstat(`${folder}/three`)).size === 1;
}

async function hasNoReplace(fs: FsPort, folder: string): Promise<boolean> {
  await put(fs, `${folder}/from`, '1');
  await put(fs, `${folder}/taken`, '333');
  try {
    await fs.renameNoReplace(`${folder}/from`, `${folder}/taken`);
    return false;
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== 'EEXIST') throw error;
  }
  await fs.renameNoReplace(`${folder}/from`, `${folder}/free`);
  return (await fs.lstat(`${folder}/free`)).kind === 'file';
}

async function hasOneCase(fs: FsPort, folder: string): Promise<boolean> {
  await put(fs, `${folder}/case`, 'x');
  return (await fs.lstat(`${folder}/CASE`)).kind === 'file';
}

async function hasSymlinks(fs: FsPort, folder: string): Promise<boolean> {
  await fs.symlink('target', `${folder}/link`);
  return (await fs.readlink(`${folder}/link`)) === 'target';
}

/** By the mtime of a file just written: the middle of the round trips is when the server has most likely written it. */
async function clockAhead(fs: FsPort, folder: string, now: () => number): Promise<number | null> {
  try {
    const before = now();
    await put(fs, `${folder}/clock`, 'x');
    const after = now();
    const file = await fs.openRead(`${folder}/clock`);
    try {
      return Number((await file.stat()).mtimeNs / 1_000_000n) - Math.round((before + after) / 2);
    } finally {
      await file.close();
    }
  } catch (error) {
    throwIfLost(error);
    if (error instanceof FsError) return null;
    throw error;
  }
}

/** Not by readlink, which is answered from memory: by opening the link as a program does. */
async function hasLinkAtime(fs: FsPort, folder: string, realRoot: string): Promise<boolean> {
  await put(fs, `${folder}/opened`, 'x');
  await fs.symlink('opened', `${folder}/armed`);
  for (let round = 0; round < 2; round++) {
    // Twice: where it moves once and can not be armed again, it does not help.
    await fs.setLinkAtime(`${folder}/armed`, ARMED_ATIME_NS);
    if ((await fs.lstat(`${folder}/armed`)).atimeNs !== ARMED_ATIME_NS) return false;
    await (await fsp.open(`${realRoot}/${folder}/armed`, 'r')).close();
    if ((await fs.lstat(`${folder}/armed`)).atimeNs === ARMED_ATIME_NS) return false;
  }
  return true;
}

/** What the mount table alone says. */
function factsOnly({ realRoot, readOnly, facts }: Pick<ProbeOptions, 'realRoot' | 'readOnly' | 'facts'>): Probe {
  const { fsType, seesAllChanges, listingCacheMs } = facts ?? mountFacts(realRoot);
  const cannot = {
    hardLinks: false,
    exchange: false,
    noReplace: false,
    symlinks: false,
    foldsCase: false,
    linkAtime: false,
  };
  return { fsType, seesAllChanges, listingCacheMs, readOnly, ...cannot, mtimeStepNs: COARSEST, clockAheadMs: null };
}

/**
 * What has to be known before anything is done, at the cost of one look: whether the marker is found under another case, too.
 */
export async function probeQuickly(fs: FsPort, options: ProbeOptions): Promise<Probe> {
  const other = `${OWN_FOLDER}/ROOT.JSON`;
  return { ...factsOnly(options), foldsCase: await can(async () => (await fs.lstat(other)).kind === 'file') };
}

/** The own folder is there (see prepareOwnFolder). Rejects with RemoteOffline when the mount loses its server. */
export async function probeTree(fs: FsPort, options: ProbeOptions): Promise<Probe> {
  const { side, realRoot, readOnly } = options;
  const nothing = factsOnly(options);
  if (readOnly) return nothing;
  const folder = `${OWN_FOLDER}/probe-${options.tag}`;
  await removeFolder(fs, folder);
  if (!(await can(async () => (await fs.mkdir(folder, 0o700), true)))) return nothing;
  try {
    const atime = side === 'local' && realRoot !== null ? realRoot : null;
    const [hardLinks, exchange, noReplace, symlinks, foldsCase, linkAtime, mtimeStepNs, clockAheadMs] =
      await Promise.all([
        can(() => hasHardLinks(fs, folder)),
        can(() => hasExchange(fs, folder)),
        can(() => hasNoReplace(fs, folder)),
        can(() => hasSymlinks(fs, folder)),
        can(() => hasOneCase(fs, folder)),
        atime === null ? false : can(() => hasLinkAtime(fs, folder, atime)),
        mtimeStep(fs, folder),
        clockAhead(fs, folder, options.now),
      ]);
    return { ...nothing, hardLinks, exchange, noReplace, symlinks, foldsCase, linkAtime, mtimeStepNs, clockAheadMs };
  } finally {
    await removeFolder(fs, folder);
  }
}
