/** When two looks saw the same, and how a thing is known under another name. */
import { describe, expect, test } from 'vitest';
import {
  ABSENT,
  anchorOf,
  type BaseRecord,
  describeEntry,
  type Entry,
  type FileStat,
  type Identity,
  identityOf,
  isStubShaped,
  otherSide,
  recordIdentity,
  recordRemoteIdentity,
  relPath,
  remotePrint,
  sameEntry,
  sameIdentity,
  samePrint,
  sameVersion,
  stubPoints,
  stubTarget,
} from '../src/index.ts';

const identity: Identity = { dev: 1n, ino: 7n, birthNs: 3n };
const stat: FileStat = { ...identity, size: 5, mtimeNs: 100n, ctimeNs: 200n, mode: 0o644 };
const file = (more: Partial<FileStat> = {}): Entry => ({ kind: 'file', stat: { ...stat, ...more } });
const directory = (ino = 7n): Entry => ({ kind: 'directory', mode: 0o755, identity: { ...identity, ino } });
const symlink = (target: string): Entry => ({ kind: 'symlink', target });
const stub = (target: string): Entry => ({ kind: 'stub', target, points: relPath('a'), identity });
const other: Entry = { kind: 'other', what: 'socket' };
const unknown: Entry = { kind: 'unknown', reason: 'EIO' };
const kinds: readonly Entry[] = [ABSENT, file(), directory(), symlink('x'), stub('x'), other, unknown];

describe('the same entry', () => {
  test.each<[string, Entry, Entry, boolean]>([
    ['absent', ABSENT, { kind: 'absent' }, true],
    ['a file', file(), file(), true],
    ['a file whose ctime moved by our own link', file(), file({ ctimeNs: 9n }), true],
    ['a file of another size', file(), file({ size: 6 }), false],
    ['a file of another mtime', file(), file({ mtimeNs: 101n }), false],
    ['a file of another mode', file(), file({ mode: 0o600 }), false],
    ['another file', file(), file({ ino: 8n }), false],
    ['a directory, whatever it is called inside', directory(7n), directory(8n), true],
    ['a link', symlink('x'), symlink('x'), true],
    ['a link with another text', symlink('x'), symlink('y'), false],
    ['a stub', stub('x'), stub('x'), true],
    ['a stub with another text', stub('x'), stub('y'), false],
  ])('%s', (_name, a, b, same) => {
    expect(sameEntry(a, b)).toBe(same);
    expect(sameEntry(b, a)).toBe(same);
  });

  test('is of one kind, and what can not be seen is never the same', () => {
    for (const a of kinds) {
      for (const b of kinds) {
        if (a !== b) expect(sameEntry(a, b)).toBe(false);
        else expect(sameEntry(a, b)).toBe(a.kind !== 'other' && a.kind !== 'unknown');
      }
    }
  });

  test('a version is a file without its ctime', () => {
    expect(sameVersion(stat, { ...stat, ctimeNs: 1n, birthNs: 0n, dev: 5n })).toBe(true);
    expect(sameVersion(stat, { ...stat, mtimeNs: 101n })).toBe(false);
  });
});

describe('identity', () => {
  test.each<[string, Entry, Identity | null]>([
    ['absent', ABSENT, null],
    ['file', file(), identity],
    ['directory', directory(), identity],
    ['symlink', symlink('x'), null],
    ['stub', stub('x'), identity],
    ['other', other, null],
    ['unknown', unknown, null],
  ])('of %s', (_name, entry, expected) => {
    expect(identityOf(entry)).toEqual(expected);
  });

  test('is the same only where all of it is', () => {
    expect(sameIdentity(identity, { ...identity })).toBe(true);
    expect(sameIdentity(identity, { ...identity, ino: 8n })).toBe(false);
    expect(sameIdentity(identity, { ...identity, dev: 8n })).toBe(false);
    expect(sameIdentity(identity, { ...identity, birthNs: 8n })).toBe(false);
    expect(sameIdentity(null, null)).toBe(false);
    expect(sameIdentity(identity, null)).toBe(false);
    expect(sameIdentity(null, identity)).toBe(false);
  });

  test('of rows', () => {
    const path = relPath('a');
    const remote = remotePrint(stat);
    const rows: readonly [BaseRecord, Identity | null][] = [
      [{ kind: 'file', form: 'stub', path, remote, link: identity }, identity],
      [{ kind: 'file', form: 'copy', path, remote, local: stat, hash: '', origin: 'local', racy: false }, identity],
      [{ kind: 'directory', path, local: identity, localMode: 0, remoteMode: 0 }, identity],
      [{ kind: 'symlink', path, localTarget: '', remoteTarget: '' }, null],
      [{ kind: 'residual', path, side: 'local', why: '' }, null],
    ];
    for (const [row, expected] of rows) expect(recordIdentity(row)).toEqual(expected);
  });

  test('of the remote is what a copy or a folder may be known by there', () => {
    const path = relPath('a');
    const remote = { size: 1, mtimeNs: 1n, mode: 0 };
    const print = { ...remote, identity };
    const copy = { kind: 'file', form: 'copy', path, local: stat, hash: '', origin: 'local', racy: false } as const;
    const folder = { kind: 'directory', path, local: identity, localMode: 0, remoteMode: 0 } as const;
    const rows: readonly [BaseRecord, Identity | null][] = [
      [{ ...copy, remote: print }, identity],
      [{ ...copy, remote }, null],
      [{ kind: 'file', form: 'stub', path, remote: print, link: identity }, null],
      [{ ...folder, remote: identity }, identity],
      [folder, null],
      [{ kind: 'symlink', path, localTarget: '', remoteTarget: '' }, null],
    ];
    for (const [row, expected] of rows) expect(recordRemoteIdentity(row)).toEqual(expected);
  });
});

test('a remote print is what the mount shows of a version', () => {
  const print = remotePrint(stat);
  expect(print).toEqual({ size: 5, mtimeNs: 100n, mode: 0o644, identity });
  expect(remotePrint({ ...stat, birthNs: 0n })).toEqual({ size: 5, mtimeNs: 100n, mode: 0o644 });
  expect(samePrint(print, { ...print })).toBe(true);
  for (const other of [{ size: 6 }, { mtimeNs: 1n }, { mode: 0 }])
    expect(samePrint(print, { ...print, ...other })).toBe(false);
});

test('an entry in words', () => {
  expect(kinds.map(describeEntry)).toEqual([
    'absent',
    'file of 5 bytes',
    'directory',
    'link to x',
    'stub of a',
    'socket',
    'unknown (EIO)',
  ]);
  expect(describeEntry({ kind: 'stub', target: 'x', points: null, identity })).toBe('stub of another pair');
});

test('the other side', () => {
  expect([otherSide('local'), otherSide('remote')]).toEqual(['remote', 'local']);
});

describe('the text of a stub', () => {
  const anchor = anchorOf('/home/u/l');
  const old = anchorOf('/home/u/before');
  const path = relPath('a b/ü\n.txt');

  test('leads through the anchor', () => {
    expect(anchor).toBe('/home/u/l/.lazysync/remote');
    expect(anchorOf('/')).toBe('/.lazysync/remote');
    expect(stubTarget(anchor, path)).toBe('/home/u/l/.lazysync/remote/a b/ü\n.txt');
    expect(isStubShaped(stubTarget(anchor, path))).toBe(true);
  });

  test('says which path it stands for, through today’s anchor or an old one', () => {
    expect(stubPoints(stubTarget(anchor, path), [anchor])).toBe(path);
    expect(stubPoints(stubTarget(old, path), [anchor, old])).toBe(path);
    expect(stubPoints(stubTarget(old, path), [anchor])).toBeNull();
    expect(stubPoints(stubTarget(anchor, path), [])).toBeNull();
  });

  test.each([
    ['the anchor itself', anchor],
    ['nothing behind it', `${anchor}/`],
    ['a way out of the root', `${anchor}/../../x`],
    ['an anchor with the same beginning', `${anchor}2/x`],
    ['a relative text', '.lazysync/remote/x'],
  ])('%s stands for nothing', (_name, target) => {
    expect(stubPoints(target, [anchor])).toBeNull();
  });

  test.each([
    ['/x/.lazysync/remote/y', true],
    ['../.lazysync/remote/y', true],
    ['/x/.lazysync/remote', false],
    ['/x/.lazysync/trash/y', false],
    ['.lazysync/remote/y', false],
    ['y', false],
  ])('%s is stub-shaped: %s', (target, shaped) => {
    expect(isStubShaped(target)).toBe(shaped);
  });
});
