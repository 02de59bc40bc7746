/**
 * The own folder of a root and its marker, by which a root is known again. An unmounted folder, another disk in the same
 * place or an emptied one has no marker, or another: then nothing may be concluded from what is not there.
 */
import { OWN_FOLDER, type Side } from '@lazysync/event-model';
import type { Clock } from '@lazysync/ops';
import { throwIfLost } from './entry-of.ts';
import { FsError, type FsPort, type OpenFile, type RawStat } from './fs-port.ts';
import { TRIAL } from './left-behind.ts';
import { type MarkerWish, RemoteOffline, type RootState } from './replica.ts';
import { dropName } from './tree-context.ts';

export interface Marker {
  readonly v: 1;
  readonly uuid: string;
  /** Id of the pair that made it. */
  readonly pair: string;
  /** ISO time. */
  readonly madeAt: string;
}

export interface MarkerOptions {
  readonly side: Side;
  /** How the root is called in sentences for people. */
  readonly root: string;
  readonly clock: Clock;
  /** What identifies a root that can not be written: file system type and mount source. */
  readonly readOnlyId: () => string;
}

export type OwnFolder =
  | { readonly kind: 'ready'; readonly uuid: string; readonly readOnly: boolean }
  | { readonly kind: 'refused'; readonly message: string };

export const MARKER = `${OWN_FOLDER}/root.json`;
const READ_ONLY = 'ro:';
const UNWRITABLE: ReadonlySet<string> = new Set(['EROFS', 'EACCES', 'EPERM']);
/** ms for which an unchanged stat vouches for the marker's content. */
const CONTENT_LASTS = 10_000;
const MARKER_LIMIT = 16 * 1024;

export function readOnlyUuid(id: string): string {
  return `${READ_ONLY}${id}`;
}

export function isReadOnlyUuid(uuid: string): boolean {
  return uuid.startsWith(READ_ONLY);
}

function parseMarker(text: string): Marker | null {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null; // a torn or foreign file is no marker; the caller says so
  }
  if (typeof raw !== 'object' || raw === null) return null;
  const { v, uuid, pair, madeAt } = raw as Record<string, unknown>;
  if (v !== 1 || typeof uuid !== 'string' || uuid === '' || typeof pair !== 'string') return null;
  return { v, uuid, pair, madeAt: typeof madeAt === 'string' ? madeAt : '' };
}

type Read =
  | { readonly kind: 'marker'; readonly marker: Marker; readonly stat: RawStat }
  | { readonly kind: 'none' }
  | { readonly kind: 'bad'; readonly why: string };

async function readMarker(fs: FsPort): Promise<Read> {
  try {
    const file = await fs.openRead(MARKER);
    try {
      const stat = await file.stat();
      const into = Buffer.alloc(MARKER_LIMIT);
      const bytes = await file.read(into, 0);
      const marker = parseMarker(into.toString('utf8', 0, bytes));
      return marker === null ? { kind: 'bad', why: 'is no marker' } : { kind: 'marker', marker, stat };
    } finally {
      await file.close();
    }
  } catch (error) {
    throwIfLost(error);
    if (!(error instanceof FsError)) throw error;
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return { kind: 'none' };
    return { kind: 'bad', why: `can not be read (${error.code})` };
  }
}

/** False: it was there. */
async function makeFolder(fs: FsPort, path: string, mode: number): Promise<boolean> {
  try {
    await fs.mkdir(path, mode);
    return true;
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== 'EEXIST') throw error;
    const { kind } = await fs.lstat(path);
    if (kind !== 'directory') throw new FsError('ENOTDIR', 'mkdir', path, error);
    return false;
  }
}

async function createAnew(fs: FsPort, path: string): Promise<OpenFile> {
  try {
    return await fs.create(path, 0o644);
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== 'EEXIST') throw error;
    await fs.unlink(path);
    return await fs.create(path, 0o644);
  }
}

/** The marker becomes visible whole, and never over another one. Gives the one that is there afterwards. */
async function writeMarker(fs: FsPort, marker: Marker): Promise<Marker> {
  const temp = `${MARKER}.${marker.uuid.slice(0, 8)}`;
  const file = await createAnew(fs, temp);
  try {
    await file.write(Buffer.from(`${JSON.stringify(marker)}\n`), 0);
    await file.sync();
  } finally {
    await file.close();
  }
  // CRASH: a temp file is left, and the next start with the same base makes another; nobody takes it for a marker.
  const publish = [
    () => fs.link(temp, MARKER),
    () => fs.renameNoReplace(temp, MARKER),
    // RACE: two clients that make the first marker of a mount without links and NOREPLACE: read below, both then
    // agree on the one that stayed, or the check says so.
    () => fs.rename(temp, MARKER),
  ];
  for (const way of publish) {
    try {
      await way();
      break;
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      if (error.code === 'EEXIST') break;
      if (way === publish.at(-1)) throw error;
    }
  }
  const shown = async (): Promise<Read> => {
    await fs.syncDirectory(OWN_FOLDER);
    return await readMarker(fs);
  };
  // Side by side: each call is a round trip.
  const [read] = await Promise.all([shown(), dropName(fs, temp)]);
  if (read.kind !== 'marker') throw new FsError('EIO', 'read', MARKER);
  return read.marker;
}

/** Makes the own folder and its marker, or takes over the ones that are there. */
export async function prepareOwnFolder(fs: FsPort, wish: MarkerWish, options: MarkerOptions): Promise<OwnFolder> {
  const { side, root, readOnlyId } = options;
  const refused = (message: string): OwnFolder => ({ kind: 'refused', message });
  const name = `${side} (${root})`;
  try {
    await fs.root?.renew();
    const found = await readMarker(fs);
    if (found.kind === 'bad') return refused(`The marker ${MARKER} of ${name} ${found.why}.`);
    const { known } = wish;
    if (found.kind === 'marker' && known !== null && found.marker.uuid !== known && !isReadOnlyUuid(known)) {
      return refused(`${name} carries the marker of another folder: is the right one mounted there?`);
    }
    if (found.kind === 'none' && known !== null && !isReadOnlyUuid(known)) {
      return refused(`${name} does not carry its marker: is it mounted? "lazysync adopt" takes it as it is.`);
    }
    const readOnly = await makeFolders(fs, side);
    if (found.kind === 'marker') return { kind: 'ready', uuid: found.marker.uuid, readOnly };
    const id = readOnlyUuid(readOnlyId());
    if (known !== null && known !== id)
      return refused(`${name} is not the read-only folder that it was: ${known} is expected.`);
    if (readOnly)
      return side === 'local' ? refused(`${name} can not be written.`) : { kind: 'ready', uuid: id, readOnly };
    const madeAt = new Date(options.clock.now()).toISOString();
    const { uuid } = await writeMarker(fs, { v: 1, uuid: wish.fresh, pair: wish.pair, madeAt });
    return { kind: 'ready', uuid, readOnly: false };
  } catch (error) {
    throwIfLost(error);
    if (!(error instanceof FsError)) throw error;
    return refused(`${name} can not be used: ${error.code === 'ESTALE' ? 'it is not there' : error.code}.`);
  }
}

/** True: the root can not be written. */
async function makeFolders(fs: FsPort, side: Side): Promise<boolean> {
  const mode = side === 'local' ? 0o700 : 0o755;
  try {
    const isNew = await makeFolder(fs, OWN_FOLDER, mode);
    await Promise.all(['stage', 'trash'].map((one) => makeFolder(fs, `${OWN_FOLDER}/${one}`, mode)));
    if (!isNew) await writeTrial(fs);
    return false;
  } catch (error) {
    if (error instanceof FsError && UNWRITABLE.has(error.code)) return true;
    throw error;
  }
}

/** An existing folder may belong to somebody else: only writing tells. */
async function writeTrial(fs: FsPort): Promise<void> {
  try {
    await (await fs.create(TRIAL, 0o600)).close();
  } catch (error) {
    // CRASH: somebody was killed in the middle of it. RACE: or another client is at it, and then it can be written, too.
    if (!(error instanceof FsError) || error.code !== 'EEXIST') throw error;
  }
  await dropName(fs, TRIAL);
}

export interface MarkerCheck {
  /**
   * Is this still the root with that marker? Cheap: reads it only when its stat has changed, or every 10 s.
   * `fresh`: reads it now, which a server that is away can not answer out of a cache.
   */
  check(uuid: string, fresh?: boolean): Promise<RootState>;
}

export function createMarkerCheck(fs: FsPort, options: MarkerOptions): MarkerCheck {
  const { side, root, clock, readOnlyId } = options;
  let last: { readonly uuid: string; readonly stat: RawStat; readonly at: number } | null = null;
  const name = `${side} (${root})`;

  const unchanged = async (uuid: string): Promise<boolean> => {
    if (last === null || last.uuid !== uuid) return false;
    if (clock.elapsed() - last.at > CONTENT_LASTS) return false;
    const { stat } = last;
    const now = await fs.lstat(MARKER);
    return now.ino === stat.ino && now.size === stat.size && now.mtimeNs === stat.mtimeNs;
  };

  const readOnlyState = async (uuid: string): Promise<RootState> => {
    await fs.root?.renew();
    const { kind } = await fs.lstat('');
    if (kind === 'directory' && readOnlyUuid(readOnlyId()) === uuid) return { kind: 'ok' };
    return { kind: 'not-ours', message: `${name} is not the read-only folder that it was.` };
  };

  const contentState = async (uuid: string): Promise<RootState> => {
    // What lies at the root's path now is looked at afresh: a remount is no stranger if it shows the same marker.
    await fs.root?.renew();
    const read = await readMarker(fs);
    if (read.kind === 'marker' && read.marker.uuid === uuid) {
      last = { uuid, stat: read.stat, at: clock.elapsed() };
      return { kind: 'ok' };
    }
    if (read.kind === 'marker') return { kind: 'not-ours', message: `${name} carries the marker of another folder.` };
    if (read.kind === 'bad') return { kind: 'not-ours', message: `The marker ${MARKER} of ${name} ${read.why}.` };
    return { kind: 'not-ours', message: `${name} does not carry its marker: is it mounted?` };
  };

  return {
    async check(uuid, fresh = false) {
      let state: RootState;
      try {
        if (isReadOnlyUuid(uuid)) return await readOnlyState(uuid);
        state = !fresh && (await unchanged(uuid).catch(asChanged)) ? { kind: 'ok' } : await contentState(uuid);
      } catch (error) {
        throwIfLost(error);
        if (error instanceof RemoteOffline || !(error instanceof FsError)) throw error;
        state = { kind: 'not-ours', message: `${name} can not be read (${error.code}).` };
      }
      if (state.kind === 'not-ours') {
        last = null;
        // Until a check succeeds nothing is seen there at all, so that nothing can be taken for deleted.
        fs.root?.distrust();
      }
      return state;
    },
  };
}

/** Whatever the quick look failed with, the slow one says it better. */
function asChanged(error: unknown): boolean {
  if (error instanceof FsError) return false;
  throw error;
}
