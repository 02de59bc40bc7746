import type { BaseRecord, Entry, FileStat, Identity, RelPath, Side } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { agrees, diffListing } from '../src/diff-listing.ts';

const at = (text: string): RelPath => text as RelPath;
const identity: Identity = { dev: 1n, ino: 7n, birthNs: 3n };
const stat: FileStat = { ...identity, size: 5, mtimeNs: 100n, ctimeNs: 200n, mode: 0o644 };
const print = { size: 5, mtimeNs: 100n, mode: 0o644 };

const file = (more: Partial<FileStat> = {}): Entry => ({ kind: 'file', stat: { ...stat, ...more } });
const directory = (mode = 0o755, ino = 7n): Entry => ({ kind: 'directory', mode, identity: { ...identity, ino } });
const symlink = (target: string): Entry => ({ kind: 'symlink', target });
const stub = (points: string | null): Entry => ({
  kind: 'stub',
  target: 't',
  points: points === null ? null : at(points),
  identity,
});
const other: Entry = { kind: 'other', what: 'pipe' };
const unknown: Entry = { kind: 'unknown', reason: 'EACCES' };
const absent: Entry = { kind: 'absent' };

const rows = {
  stub: { kind: 'file', form: 'stub', path: at('d/x'), remote: print, link: identity },
  copy: {
    kind: 'file',
    form: 'copy',
    path: at('d/x'),
    remote: print,
    local: stat,
    hash: 'h',
    origin: 'remote',
    racy: false,
  },
  directory: { kind: 'directory', path: at('d/x'), local: identity, localMode: 0o755, remoteMode: 0o700 },
  symlink: { kind: 'symlink', path: at('d/x'), localTarget: 'l', remoteTarget: 'r' },
  residualHere: { kind: 'residual', path: at('d/x'), side: 'remote', why: 'ignored' },
  residualThere: { kind: 'residual', path: at('d/x'), side: 'local', why: 'ignored' },
} satisfies Record<string, BaseRecord>;

const one = (entry: Entry | null, row: BaseRecord | null, side: Side, partial = false): string => {
  const names = entry === null ? [] : [{ name: 'x', entry }];
  const events = diffListing({ path: at('d'), names, partial }, row === null ? [] : [row], side);
  return events.map((event) => `${event.kind} ${event.path}`).join();
};

test.each<[string, Entry | null, BaseRecord | null, string]>([
  ['nothing, and nothing known', null, null, ''],
  ['a new file', file(), null, 'create d/x'],
  ['a new folder', directory(), null, 'create d/x'],
  ['a new link', symlink('z'), null, 'create d/x'],
  ['a new special file', other, null, 'create d/x'],
  ['something new that can not be seen', unknown, null, ''],
  ['a name that was gone when it was looked at', absent, null, ''],
  ['the file of a stub', file(), rows.stub, ''],
  ['its inode and ctime mean nothing', file({ ino: 99n, ctimeNs: 9n, dev: 4n }), rows.stub, ''],
  ['another size', file({ size: 6 }), rows.stub, 'modify d/x'],
  ['another mtime', file({ mtimeNs: 101n }), rows.stub, 'modify d/x'],
  ['another mode', file({ mode: 0o600 }), rows.stub, 'modify d/x'],
  ['the file of a copy', file(), rows.copy, ''],
  ['the file of a copy, changed', file({ size: 0 }), rows.copy, 'modify d/x'],
  ['a file that became a folder', directory(), rows.stub, 'modify d/x'],
  ['a file that became a link', symlink('r'), rows.stub, 'modify d/x'],
  ['a file that became special', other, rows.stub, 'modify d/x'],
  ['a file that can not be seen', unknown, rows.stub, ''],
  ['a file that is gone', null, rows.stub, 'delete d/x'],
  ['a file that was gone when it was looked at', absent, rows.stub, 'delete d/x'],
  ['the folder', directory(0o700), rows.directory, ''],
  ['the folder with another mode', directory(0o755), rows.directory, 'modify d/x'],
  ['a folder that became a file', file(), rows.directory, 'modify d/x'],
  ['a folder that is gone: one event', null, rows.directory, 'delete d/x'],
  ['the link', symlink('r'), rows.symlink, ''],
  ['the link with the other side’s text', symlink('l'), rows.symlink, 'modify d/x'],
  ['a link that can not be read', unknown, rows.symlink, ''],
  ['what stays on this side', file(), rows.residualHere, ''],
  ['what stayed on this side and is gone', null, rows.residualHere, 'delete d/x'],
  ['what stays on the other side', null, rows.residualThere, ''],
  ['something new where the other side keeps its own', file(), rows.residualThere, 'create d/x'],
])('remote: %s', (_, entry, row, expected) => {
  expect(one(entry, row, 'remote')).toBe(expected);
});

test.each<[string, Entry | null, BaseRecord | null, string]>([
  ['the stub', stub('d/x'), rows.stub, ''],
  ['a stub of another path', stub('d/y'), rows.stub, 'modify d/x'],
  ['a stub of another pair', stub(null), rows.stub, 'modify d/x'],
  ['a stub that was replaced by a file', file(), rows.stub, 'modify d/x'],
  ['a stub that is gone', null, rows.stub, 'delete d/x'],
  ['the copy', file(), rows.copy, ''],
  ['another inode', file({ ino: 8n }), rows.copy, 'modify d/x'],
  ['another ctime', file({ ctimeNs: 201n }), rows.copy, 'modify d/x'],
  ['another size', file({ size: 6 }), rows.copy, 'modify d/x'],
  ['a copy that became a stub', stub('d/x'), rows.copy, 'modify d/x'],
  ['the folder', directory(0o755), rows.directory, ''],
  ['another folder of that name', directory(0o755, 8n), rows.directory, 'modify d/x'],
  ['the link', symlink('l'), rows.symlink, ''],
  ['another link', symlink('r'), rows.symlink, 'modify d/x'],
  ['what stays on the other side', null, rows.residualHere, ''],
  ['what stays on this side', file(), rows.residualThere, ''],
])('local: %s', (_, entry, row, expected) => {
  expect(one(entry, row, 'local')).toBe(expected);
});

test('a partial listing tells what it shows and takes nothing for gone', () => {
  expect(one(null, rows.stub, 'remote', true)).toBe('');
  expect(one(file({ size: 6 }), rows.stub, 'remote', true)).toBe('modify d/x');
});

test('all events are inferred, deletions come last, and the root has no slash', () => {
  const events = diffListing(
    { path: at(''), names: [{ name: 'new', entry: file() }], partial: false },
    [{ ...rows.stub, path: at('old') }],
    'remote',
  );
  expect(events).toEqual([
    { kind: 'create', side: 'remote', path: 'new', seen: false },
    { kind: 'delete', side: 'remote', path: 'old', seen: false },
  ]);
});

test('a listing of what the base says agrees with it on both sides', () => {
  expect(agrees(file(), rows.stub, 'remote')).toBe(true);
  expect(agrees(stub('d/x'), rows.stub, 'local')).toBe(true);
  expect(agrees(absent, rows.residualThere, 'remote')).toBe(true);
  expect(agrees(file(), rows.residualThere, 'remote')).toBe(false);
  expect(agrees(absent, rows.stub, 'remote')).toBe(false);
});
