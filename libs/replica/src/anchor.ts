/**
 * The anchor `LOCAL/.lazysync/remote`, the one link through which all stubs of a pair lead, and `pair.json` beside it, by
 * which a path finds its pair. Local only, and used by the command line too, hence on real paths.
 */
import fs from 'node:fs';
import path from 'node:path';
import { anchorOf, OWN_FOLDER, parseRelPath, type RelPath } from '@lazysync/event-model';
import { errnoOf } from '@lazysync/ops';

export interface PairFile {
  readonly v: 1;
  readonly id: string;
  /** Real paths of the two roots. */
  readonly local: string;
  readonly remote: string;
  /** State folder. */
  readonly state: string;
  /** URL or socket path. */
  readonly redis: string;
}

function ownPath(localRoot: string, name: string): string {
  return path.join(localRoot, OWN_FOLDER, name);
}

/** A name for a file that is renamed into place: no other process of this host has it. */
function tempFor(target: string): string {
  return `${target}.${process.pid}`;
}

function dropIfThere(file: string): void {
  try {
    fs.unlinkSync(file);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** What the anchor leads to: a real path, `self` (the mount is away), or null when there is none. */
export function readAnchor(localRoot: string): string | 'self' | null {
  try {
    const target = fs.readlinkSync(ownPath(localRoot, 'remote'));
    return target === anchorOf(localRoot) ? 'self' : target;
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL') return null;
    throw error;
  }
}

/**
 * Turns the anchor in one atomic act. `self`: it points at itself, so that every stub answers ELOOP at once instead of
 * hanging in a dead mount, and nothing can be created through it. Makes the own folder if need be.
 */
export function pointAnchor(localRoot: string, to: 'remote' | 'self', remoteRoot: string): void {
  const target = to === 'self' ? anchorOf(localRoot) : remoteRoot;
  const anchor = ownPath(localRoot, 'remote');
  fs.mkdirSync(path.dirname(anchor), { recursive: true, mode: 0o700 });
  const now = readAnchor(localRoot);
  if (now === (to === 'self' ? 'self' : remoteRoot)) return;
  const temp = tempFor(anchor);
  dropIfThere(temp);
  fs.symlinkSync(target, temp);
  fs.renameSync(temp, anchor);
}

export function writePairFile(localRoot: string, pair: PairFile): void {
  const file = ownPath(localRoot, 'pair.json');
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const temp = tempFor(file);
  dropIfThere(temp);
  fs.writeFileSync(temp, `${JSON.stringify(pair, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  fs.renameSync(temp, file);
}

/** null: there is none, or it is none that this version understands. Never follows a link. */
export function readPairFile(localRoot: string): PairFile | null {
  let raw: unknown;
  try {
    const fd = fs.openSync(ownPath(localRoot, 'pair.json'), fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    try {
      raw = JSON.parse(fs.readFileSync(fd, 'utf8'));
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    if (error instanceof SyntaxError || errnoOf(error) !== null) return null;
    throw error;
  }
  if (typeof raw !== 'object' || raw === null) return null;
  const { v, id, local, remote, state, redis } = raw as Record<string, unknown>;
  if (v !== 1) return null;
  const texts = [id, local, remote, state, redis];
  if (!texts.every((one) => typeof one === 'string' && one !== '')) return null;
  return { v, id, local, remote, state, redis } as PairFile;
}

export interface FoundPair {
  readonly pair: PairFile;
  /** Where it was found: another than `pair.local` when LOCAL was moved. */
  readonly root: string;
  /** The start path below that root. */
  readonly path: RelPath;
}

function isFolder(file: string): boolean {
  try {
    return fs.lstatSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    // Behind a stub of a remote that is away (ELOOP), or not ours to see: no folder to begin in.
    if (errnoOf(error) === null) throw error;
    return false;
  }
}

/**
 * Walks up from a path to the folder that holds `.lazysync/pair.json`. The path itself may be a stub, dangle or not be
 * there: only the folder it lies in is resolved, never the thing itself.
 */
export function findPair(startPath: string): FoundPair | null {
  const start = path.resolve(startPath);
  let folder = path.dirname(start);
  let rest = path.basename(start);
  if (isFolder(start)) {
    folder = start;
    rest = '';
  }
  for (;;) {
    try {
      folder = fs.realpathSync(folder);
      break;
    } catch (error) {
      if (errnoOf(error) === null || folder === '/') throw error;
      rest = path.join(path.basename(folder), rest);
      folder = path.dirname(folder);
    }
  }
  for (let at = folder; ; at = path.dirname(at)) {
    const pair = readPairFile(at);
    if (pair !== null) {
      const below = parseRelPath(path.join(path.relative(at, folder), rest).replace(/^\.$/, ''));
      return below === null ? null : { pair, root: at, path: below };
    }
    if (at === '/') return null;
  }
}
