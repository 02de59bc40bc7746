/** Can these folders be a pair? Pure: judges what was seen of them. Every answer is one sentence that says what to do. */
import path from 'node:path';
import { type Mount, mountAmong } from '@lazysync/ops';
import type { FolderFacts, FolderLook } from './look-at-folder.ts';
import { isNetworkStorage } from './network-storage.ts';

/** A pair as it was asked for: absolute paths, and what was seen there. */
export interface PairWish {
  readonly remote: string;
  readonly local: string;
  readonly remoteLook: FolderLook;
  readonly localLook: FolderLook;
  /** The remote that LOCAL is paired with already: that one may be away for now. */
  readonly knownRemote?: string | null;
}

export interface JudgedPair {
  /** Real paths; `local` may still have to be made. */
  readonly remote: string;
  readonly local: string;
  readonly makeLocal: boolean;
  /** The pair named in the remote's marker. */
  readonly remoteMarker: string | null;
  /** What a person should know, one sentence each. */
  readonly notices: readonly string[];
}

export type Judgement =
  | { readonly kind: 'good'; readonly pairs: readonly JudgedPair[] }
  /** `why` environment: the folders are fine as such, but something does not answer. */
  | { readonly kind: 'refused'; readonly why: 'folders' | 'environment'; readonly message: string };

type Directory = Extract<FolderFacts, { kind: 'directory' }>;

/** A path as one can read and paste it: control characters and the like in JSON notation. */
export function showPath(file: string): string {
  return /[\p{C}"\\]|^\s|\s$/u.test(file) ? JSON.stringify(file) : file;
}

class Refusal extends Error {
  readonly why: 'folders' | 'environment';
  constructor(message: string, why: 'folders' | 'environment' = 'folders') {
    super(message);
    this.why = why;
  }
}

function because(code: string): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'this user may not enter a folder on the way to it';
    case 'ELOOP':
      return 'its links lead in a circle';
    case 'ENAMETOOLONG':
      return 'its name is too long';
    default:
      return AWAY.has(code) ? `its mount is broken (${code}); mount it again` : code;
  }
}

/** What a mount answers that is dead, or that nobody mends for now. */
const AWAY: ReadonlySet<string> = new Set(['ENOTCONN', 'ESTALE', 'EIO', 'EHOSTDOWN', 'ETIMEDOUT', 'ECONNABORTED']);

function isAway(look: FolderLook): boolean {
  return look.kind === 'silent' || (look.kind === 'error' && AWAY.has(look.code));
}

function judgeRemote(file: string, look: FolderLook): Directory {
  const shown = showPath(file);
  switch (look.kind) {
    case 'silent':
      throw new Refusal(
        `The remote folder ${shown} does not answer within ${Math.round(look.ms / 1000)} s: is its mount alive?`,
        'environment',
      );
    case 'absent':
      throw new Refusal(
        look.dangling
          ? `The remote folder ${shown} is a link that leads nowhere: mount what it should lead to, or name another folder.`
          : `The remote folder ${shown} does not exist: mount it, or check the name after --remote.`,
      );
    case 'not-a-directory':
      throw new Refusal(`The remote folder ${shown} is a file, not a folder: name the folder it lies in.`);
    case 'error':
      throw new Refusal(`The remote folder ${shown} can not be looked at: ${because(look.code)}.`);
    case 'directory':
      if (!look.canRead)
        throw new Refusal(
          `The remote folder ${shown} can not be read by this user: give it the right to list and enter it.`,
        );
      if (!look.canWrite && !look.readOnly)
        throw new Refusal(
          `The remote folder ${shown} can not be written by this user: give it the right to write there, or mount it read-only to only download.`,
        );
      return look;
  }
}

/** Of a remote that was looked at when the pair was made. */
function unseen(real: string): Directory {
  return { kind: 'directory', real, chain: [], canRead: true, canWrite: true, readOnly: false, marker: null };
}

function judgeLocal(file: string, look: FolderLook): { readonly place: Directory; readonly make: boolean } {
  const shown = showPath(file);
  switch (look.kind) {
    case 'silent':
      throw new Refusal(
        `The local folder ${shown} does not answer within ${Math.round(look.ms / 1000)} s.`,
        'environment',
      );
    case 'not-a-directory':
      throw new Refusal(`The local folder ${shown} is a file, not a folder: choose another name for --local.`);
    case 'error':
      throw new Refusal(`The local folder ${shown} can not be looked at: ${because(look.code)}.`);
    case 'directory':
      if (!look.canRead || !look.canWrite)
        throw new Refusal(
          `The local folder ${shown} can not be ${look.canRead ? 'written' : 'read'} by this user: choose one of your own folders.`,
        );
      return { place: look, make: false };
    case 'absent': {
      if (look.dangling)
        throw new Refusal(`The local folder ${shown} is a link that leads nowhere: remove it, or make its target.`);
      const { parent } = look;
      const above = showPath(path.dirname(file));
      if (parent === null || parent.kind === 'absent')
        throw new Refusal(
          `The local folder ${shown} can not be made: the folder ${above} does not exist; make that first.`,
        );
      if (parent.kind === 'not-a-directory')
        throw new Refusal(`The local folder ${shown} can not be made: ${above} is a file.`);
      if (parent.kind === 'error')
        throw new Refusal(`The local folder ${shown} can not be made: ${because(parent.code)}.`);
      if (!parent.canWrite)
        throw new Refusal(`The local folder ${shown} can not be made: this user may not write in ${above}.`);
      return { place: { ...parent, real: path.join(parent.real, path.basename(file)), marker: null }, make: true };
    }
  }
}

/** Does `outer` hold `inner`, or is it the same? By name, and by what the folders are: bind mounts have two names. */
function holds(outer: { real: string; id: string | null }, inner: { real: string; chain: readonly string[] }): boolean {
  if (inner.real === outer.real || inner.real.startsWith(outer.real === '/' ? '/' : `${outer.real}/`)) return true;
  return outer.id !== null && inner.chain.includes(outer.id);
}

interface Root {
  readonly what: 'remote' | 'local';
  readonly pair: number;
  readonly shown: string;
  readonly real: string;
  /** null: not made yet. */
  readonly id: string | null;
  readonly chain: readonly string[];
}

function rootsOf(pair: number, wish: PairWish, remote: Directory, local: Directory, make: boolean): [Root, Root] {
  return [
    {
      what: 'remote',
      pair,
      shown: showPath(wish.remote),
      real: remote.real,
      id: remote.chain[0] ?? null,
      chain: remote.chain,
    },
    {
      what: 'local',
      pair,
      shown: showPath(wish.local),
      real: local.real,
      id: make ? null : (local.chain[0] ?? null),
      chain: local.chain,
    },
  ];
}

function judgeTwo(a: Root, b: Root): void {
  if (a.what === 'remote' && b.what === 'remote') return; // two local folders may show one remote
  const same = a.real === b.real || (a.id !== null && a.id === b.id);
  const [remote, local] = a.what === 'remote' ? [a, b] : [b, a];
  const ofOne = a.pair === b.pair;
  if (same) {
    if (ofOne)
      throw new Refusal(
        `The remote and the local folder are the same folder (${a.shown}): choose an empty folder for --local.`,
      );
    if (a.what === b.what)
      throw new Refusal(
        `The local folder ${a.shown} is named for two pairs: every pair needs a local folder of its own.`,
      );
    throw new Refusal(
      `The folder ${a.shown} is the local folder of one pair and the remote of another: pairs can not be chained.`,
    );
  }
  const inside = holds(a, b) ? [b, a] : holds(b, a) ? [a, b] : null;
  const [inner, outer] = inside ?? [];
  if (inner === undefined || outer === undefined) return;
  if (!ofOne)
    throw new Refusal(
      `The folder ${inner.shown} of one pair lies inside ${outer.shown} of another: the folders of pairs must not hold each other.`,
    );
  const names = inner === local ? [local, remote] : [remote, local];
  throw new Refusal(
    `The ${inner.what} folder ${names[0]?.shown ?? ''} lies inside the ${outer.what} folder ${names[1]?.shown ?? ''}: choose folders that do not hold each other.`,
  );
}

function judgeStorage(what: string, shown: string, real: string, mounts: readonly Mount[]): void {
  const mount = mountAmong(mounts, real);
  if (mount !== null && isNetworkStorage(mount))
    throw new Refusal(
      `The ${what} ${shown} lies on network storage (${mount.fsType} at ${showPath(mount.mountPoint)}): choose a folder on a disk of this machine.`,
    );
}

/** Each with those before it, for the sentence; only roots that somebody shares or holds need that. */
function judgeAll(roots: readonly Root[]): void {
  const reals = new Map<string, number>();
  const ids = new Map<string, number>();
  for (const { real, id } of roots) {
    reals.set(real, (reals.get(real) ?? 0) + 1);
    if (id !== null) ids.set(id, (ids.get(id) ?? 0) + 1);
  }
  const isTouched = ({ real, id, chain }: Root): boolean => {
    if ((reals.get(real) ?? 0) > 1 || (id !== null && (ids.get(id) ?? 0) > 1)) return true;
    if (chain.some((one) => one !== id && ids.has(one))) return true;
    for (let at = path.dirname(real); ; at = path.dirname(at)) {
      if (reals.has(at)) return true;
      if (at === path.dirname(at)) return false;
    }
  };
  for (const [index, root] of roots.entries()) {
    if (!isTouched(root)) continue;
    for (const [at, other] of roots.entries()) {
      if (other.pair === root.pair) continue;
      if (at < index) judgeTwo(other, root);
      else judgeTwo(root, other);
    }
  }
}

/** Judges all pairs of a start together. `mounts`: of this process, in order. */
export function judgeFolders(wishes: readonly PairWish[], mounts: readonly Mount[]): Judgement {
  try {
    const roots: Root[] = [];
    const pairs = wishes.map((wish, index): JudgedPair => {
      const away = isAway(wish.remoteLook) && wish.knownRemote === wish.remote;
      const remote = away ? unseen(wish.remote) : judgeRemote(wish.remote, wish.remoteLook);
      const { place: local, make } = judgeLocal(wish.local, wish.localLook);
      const [there, here] = rootsOf(index, wish, remote, local, make);
      judgeTwo(there, here);
      judgeStorage('local folder', here.shown, local.real, mounts);
      roots.push(there, here);
      const notices = [
        ...(away ? [`The remote folder ${there.shown} does not answer: copies work, and changes wait for it.`] : []),
        ...(remote.readOnly
          ? [`The remote folder ${there.shown} is mounted read-only: changes made in ${here.shown} stay there.`]
          : []),
      ];
      return { remote: remote.real, local: local.real, makeLocal: make, remoteMarker: remote.marker, notices };
    });
    judgeAll(roots);
    return { kind: 'good', pairs };
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refused', why: error.why, message: error.message };
    throw error;
  }
}

function judgeStateToBe(file: string, { parent, dangling }: Extract<FolderFacts, { kind: 'absent' }>): void {
  const shown = showPath(file);
  const above = showPath(path.dirname(file));
  if (dangling) throw new Refusal(`The state folder ${shown} is a link that leads nowhere: name another with --state.`);
  if (parent?.kind === 'not-a-directory')
    throw new Refusal(`The state folder ${shown} can not be made: ${above} is a file; name another with --state.`);
  if (parent?.kind === 'directory' && !parent.canWrite)
    throw new Refusal(
      `The state folder ${shown} can not be made: this user may not write in ${above}; name another with --state.`,
    );
}

/** The state folder may have to be made, with all folders above it. null: fine. */
export function judgeState(
  file: string,
  look: FolderLook,
  pairs: readonly JudgedPair[],
  mounts: readonly Mount[],
): string | null {
  const shown = showPath(file);
  try {
    if (look.kind === 'silent') throw new Refusal(`The state folder ${shown} does not answer.`);
    if (look.kind === 'not-a-directory')
      throw new Refusal(`The state folder ${shown} is a file: name another with --state.`);
    if (look.kind === 'error')
      throw new Refusal(`The state folder ${shown} can not be looked at: ${because(look.code)}.`);
    if (look.kind === 'directory' && !look.canWrite)
      throw new Refusal(`The state folder ${shown} can not be written by this user: name another with --state.`);
    if (look.kind === 'absent') judgeStateToBe(file, look);
    const real = look.kind === 'directory' ? look.real : file;
    judgeStorage('state folder', shown, real, mounts);
    for (const pair of pairs)
      for (const root of [pair.local, pair.remote])
        if (holds({ real: root, id: null }, { real, chain: [] }))
          throw new Refusal(
            `The state folder ${shown} lies inside ${showPath(root)}, a folder of a pair: name another with --state.`,
          );
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}
