/** The states of the cube: what a side or the base may hold at a path, and what content stands behind it. */
import type { BaseRecord, Entry } from '@lazysync/event-model';
import {
  absent,
  at,
  copyRow,
  directory,
  directoryRow,
  file,
  OLD_ANCHOR,
  otherPairStub,
  special,
  stat,
  stub,
  stubRow,
  symlink,
  symlinkRow,
  unknown,
} from './build.ts';

/** One thing on a side. `content` is that of a file; the name of its version. */
export interface Thing {
  readonly entry: Entry;
  readonly content?: string;
}

/** A state of one side: the thing at the path, and what lies below or beside it. */
export interface SideState extends Thing {
  /** Content of a file `c` in it, for a full directory. */
  readonly child?: Thing;
  /** How the row `o`, which this thing may come from, shows: still at its place or gone. */
  readonly origin?: 'gone' | 'there';
}

export interface BaseState {
  readonly row: BaseRecord | null;
  readonly child?: BaseRecord;
  /** The content that both sides agreed on. */
  readonly content?: string;
}

export const PATH = at('p');
export const CHILD = at('p/c');
export const ORIGIN = at('o');

/** v1 and v2 have the same size. */
const here = { v1: stat(2, 1000, 11), v2: stat(2, 2000, 11), v3: stat(3, 3000, 11) };
const there = { v1: stat(2, 1000, 21), v2: stat(2, 2000, 21), v3: stat(3, 3000, 21) };
const childHere: Thing = { entry: file(stat(5, 1000, 13)), content: 'child' };
const childThere: Thing = { entry: file(stat(5, 1000, 23)), content: 'child' };

/** What `o` is: a stub in local, a file in the remote. */
export const ORIGIN_LINK = 31;
export const ORIGIN_COPY = 32;
export const originRemote: Thing = { entry: file(stat(9, 900, 41)), content: 'origin' };

export const LOCAL: Readonly<Record<string, SideState>> = {
  absent: { entry: absent },
  v1: { entry: file(here.v1), content: 'v1' },
  'v1 touched': { entry: file(stat(2, 1500, 11)), content: 'v1' },
  'v1 chmod': { entry: file({ ...here.v1, mode: 0o600, ctimeNs: 7n }), content: 'v1' },
  'v1 rewritten': { entry: file(stat(2, 1000, 12)), content: 'v1' },
  v2: { entry: file(here.v2), content: 'v2' },
  // Written within the same tick as v1: only a row that says so (racy) can know.
  'v2 hidden': { entry: file(here.v1), content: 'v2' },
  v3: { entry: file(here.v3), content: 'v3' },
  'empty directory': { entry: directory(14) },
  'full directory': { entry: directory(14), child: childHere },
  'chmod directory': { entry: directory(14, 0o700) },
  link: { entry: symlink('one') },
  'other link': { entry: symlink('two') },
  'own stub': { entry: stub('p', 15) },
  'own stub, old anchor': { entry: stub('p', 15, OLD_ANCHOR) },
  'moved stub': { entry: stub('o', ORIGIN_LINK), origin: 'gone' },
  'copied stub': { entry: stub('o', 16), origin: 'there' },
  'lost stub': { entry: stub('nowhere', 16) },
  "another pair's stub": { entry: otherPairStub(16) },
  'moved file': { entry: file(stat(9, 900, ORIGIN_COPY)), content: 'origin', origin: 'gone' },
  special: { entry: special },
  unknown: { entry: unknown },
};

export const REMOTE: Readonly<Record<string, SideState>> = {
  absent: { entry: absent },
  v1: { entry: file(there.v1), content: 'v1' },
  'v1 touched': { entry: file(stat(2, 1700, 21)), content: 'v1' },
  'v1 chmod': { entry: file({ ...there.v1, mode: 0o640 }), content: 'v1' },
  v2: { entry: file(there.v2), content: 'v2' },
  v3: { entry: file(there.v3), content: 'v3' },
  'empty directory': { entry: directory(24) },
  'full directory': { entry: directory(24), child: childThere },
  'chmod directory': { entry: directory(24, 0o711) },
  link: { entry: symlink('one') },
  'other link': { entry: symlink('two') },
  "a client's stub": { entry: otherPairStub(25) },
  special: { entry: special },
  unknown: { entry: unknown },
};

const childRow = copyRow('p/c', stat(5, 1000, 13), stat(5, 1000, 23), { hash: 'child' });

export const BASE: Readonly<Record<string, BaseState>> = {
  none: { row: null },
  stub: { row: stubRow('p', there.v1, 15), content: 'v1' },
  'copy from remote': { row: copyRow('p', here.v1, there.v1), content: 'v1' },
  'copy from local': { row: copyRow('p', here.v1, there.v1, { origin: 'local' }), content: 'v1' },
  'racy copy': { row: copyRow('p', here.v1, there.v1, { racy: true }), content: 'v1' },
  'empty directory': { row: directoryRow('p', 14) },
  'full directory': { row: directoryRow('p', 14), child: childRow },
  link: { row: symlinkRow('p', 'one'), content: 'link one' },
  'residual in local': { row: { kind: 'residual', path: PATH, side: 'local', why: 'ignored' } },
  'residual in remote': { row: { kind: 'residual', path: PATH, side: 'remote', why: 'ignored' } },
};

/** What stands behind a thing as far as a user cares: the text of a file or of a link; null: nothing of theirs. */
export function worth(thing: Thing): string | null {
  if (thing.entry.kind === 'symlink') return `link ${thing.entry.target}`;
  return thing.entry.kind === 'file' ? (thing.content ?? null) : null;
}

/** A same-tick edit behind an unchanged fingerprint is only possible where the row was marked as racy. */
export function possible(local: string, base: BaseState): boolean {
  if (local !== 'v2 hidden') return true;
  return base.row?.kind !== 'file' || base.row.form === 'stub' || base.row.racy;
}
