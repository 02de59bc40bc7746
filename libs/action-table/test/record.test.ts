/** What goes into the base after a step: what is really there. */
import {
  type BaseChange,
  type Origin,
  type PathView,
  remotePrint,
  type Step,
  type SymlinkEntry,
} from '@lazysync/event-model';
import { describe, expect, test } from 'vitest';
import { changesAfter, type DoneStep } from '../src/index.ts';
import {
  absent,
  at,
  copyRow,
  directory,
  directoryRow,
  file,
  id,
  stat,
  stub,
  stubRow,
  symlink,
  symlinkRow,
  view,
} from './build.ts';

const NOW = 2_000_000_000_000n;
const here = stat(2, 1000, 11);
const there = stat(2, 1001, 21);
const print = remotePrint(there);
const path = at('d/f');
const link = stub('d/f', 15);

const after = (
  step: Step,
  done: Omit<DoneStep, 'step'>,
  of: Omit<PathView, 'path'>,
  nowNs = NOW,
): readonly BaseChange[] => changesAfter({ step, ...done }, view('d/f', of), null, nowNs);

const put = (...records: object[]): object[] => records.map((record) => ({ kind: 'put', record }));
const aStub = { kind: 'file', form: 'stub', path, remote: print, link: link.identity };

describe('a stub', () => {
  const make: Step = { kind: 'make-stub', side: 'local', path };
  test('is written down with the link that was made and the version it stands for', () => {
    expect(after(make, { after: link }, { base: null, remote: file(there) })).toEqual(put(aStub));
  });

  test('of a file that was not seen, or that is not there, is not written down', () => {
    expect(after(make, { after: link }, { base: null })).toEqual([]);
    expect(after(make, { after: absent }, { base: null, remote: file(there) })).toEqual([]);
    expect(after(make, { after: link }, { base: null, remote: absent })).toEqual([]);
  });

  test('takes the row of the copy whose place it took', () => {
    const step: Step = { kind: 'dehydrate', side: 'local', path, expected: file(here), keep: true };
    expect(after(step, { after: link }, { base: copyRow('d/f', here, here), remote: file(there) })).toEqual(put(aStub));
  });

  test('that was repointed is another link, of the same version', () => {
    const step: Step = { kind: 'repoint', side: 'local', path, expected: stub('o', 3) };
    const base = stubRow('d/f', there, 3);
    expect(after(step, { after: link }, { base })).toEqual([...put(aStub), { kind: 'repointed', path }]);
    expect(after(step, { after: link }, { base: null })).toEqual([]);
    expect(after(step, { after: link }, { base: copyRow('d/f', here, there) })).toEqual([]);
    expect(after(step, { after: absent }, { base })).toEqual([]);
  });

  test('that was copied here is known with the file that was made for it, and with where it still leads', () => {
    const step: Step = { kind: 'copy', side: 'remote', from: at('o'), path, expected: file(there) };
    const copied = stub('o', 15);
    expect(after(step, { after: file(there) }, { base: null, local: copied })).toEqual([
      ...put(aStub),
      { kind: 'leads', path, to: 'o' },
    ]);
    expect(after(step, { after: absent }, { base: null, local: copied })).toEqual([]);
    expect(after(step, { after: file(there) }, { base: null })).toEqual([]);
    expect(after(step, { after: file(there) }, { base: null, local: absent })).toEqual([]);
  });
});

/** JSON of what holds bigints. */
const big = (_key: string, one: unknown): unknown => (typeof one === 'bigint' ? `${one}` : one);

describe('content', () => {
  const upload: Step = { kind: 'upload', side: 'remote', path, source: here, expected: absent };
  test('that went up: the source as it was while its bytes were read, the remote as it is now', () => {
    const fine = { ...there, mtimeNs: there.mtimeNs + 7n };
    const print = remotePrint(fine);
    const done = { after: file(fine), hash: 'v1', source: here };
    const of = { base: null, local: file(stat(9, 9, 9)) };
    const record = { kind: 'file', form: 'copy', path, remote: print, local: here, hash: 'v1', origin: 'local' };
    expect(after(upload, done, of)).toEqual(put({ ...record, racy: false }));
    expect(after(upload, done, of, here.mtimeNs + 5n)).toEqual(put({ ...record, racy: true }));
  });

  test('on a remote that keeps whole seconds: racy while a write of the same size could show the same', () => {
    const done = { after: file(there), hash: 'v1', source: here };
    const marked = (nowNs: bigint) =>
      JSON.stringify(after(upload, done, { base: null }, nowNs), big).includes('remoteRacy');
    expect(marked(there.mtimeNs)).toBe(true);
    expect(marked(there.mtimeNs + 2_900_000_000n)).toBe(true);
    expect(marked(there.mtimeNs + 3_000_000_000n)).toBe(false);
    expect(marked(there.mtimeNs - 61_000_000_000n)).toBe(false);
  });

  test('of which something is not known is not written down', () => {
    expect(after(upload, { after: file(there), source: here }, { base: null })).toEqual([]);
    expect(after(upload, { after: file(there), hash: 'v1' }, { base: null })).toEqual([]);
    expect(after(upload, { after: absent, hash: 'v1', source: here }, { base: null })).toEqual([]);
  });

  test('that came down: the file as it lies there, the version that was fetched', () => {
    const step: Step = { kind: 'hydrate', side: 'local', path, transfer: 't', staged: here, expected: link };
    const content = { transfer: 't', path, remote: { ...print, mtimeNs: 7n }, staged: here, hash: 'v1' };
    const landed = { ...here, ctimeNs: 77n };
    const of = view('d/f', { base: stubRow('d/f', there, 15), local: link });
    const { remote } = content;
    const record = { kind: 'file', form: 'copy', path, remote, local: landed, hash: 'v1', origin: 'remote' };
    expect(changesAfter({ step, after: file(landed) }, of, content, NOW)).toEqual(put({ ...record, racy: false }));
    expect(changesAfter({ step, after: file(landed) }, of, content, landed.mtimeNs)).toEqual(
      put({ ...record, racy: true }),
    );
    expect(changesAfter({ step, after: absent }, of, content, NOW)).toEqual([]);
    expect(changesAfter({ step, after: file(landed) }, of, null, NOW)).toEqual([]);
  });
});

describe('a directory', () => {
  const row = directoryRow('d/f', 14, { localMode: 0o755, remoteMode: 0o700, remote: id(9) });
  test('made in local, like the remote’s', () => {
    const step: Step = { kind: 'make-directory', side: 'local', path, mode: 0o700 };
    const changes = after(step, { after: directory(14) }, { base: null, remote: directory(9, 0o700) });
    expect(changes).toEqual(put(row));
  });

  test('made in remote, like the local one', () => {
    const step: Step = { kind: 'make-directory', side: 'remote', path, mode: 0o755 };
    const changes = after(step, { after: directory(9, 0o700) }, { base: null, local: directory(14) });
    expect(changes).toEqual(put(row));
  });

  test('whose other side was not seen is not written down', () => {
    const step: Step = { kind: 'make-directory', side: 'local', path, mode: 0o700 };
    expect(after(step, { after: directory(14) }, { base: null })).toEqual([]);
    expect(after(step, { after: absent }, { base: null, remote: directory(9) })).toEqual([]);
  });

  test.each([
    ['remote', directory(9, 0o711), { localMode: 0o755, remoteMode: 0o711 }],
    ['local', directory(14, 0o711), { localMode: 0o711, remoteMode: 0o700 }],
  ] as const)('with another mode in %s', (side, now, modes) => {
    const step: Step = { kind: 'set-metadata', side, path, mode: 0o711, mtimeNs: null, expected: now };
    const of = { base: row, local: directory(14), remote: directory(9, 0o700) };
    expect(after(step, { after: now }, of)).toEqual(put({ ...row, ...modes }));
    expect(after(step, { after: now }, { base: row })).toEqual([]);
    expect(after(step, { after: absent }, of)).toEqual([]);
  });
});

describe('a link', () => {
  const row = symlinkRow('d/f', '/home/u/local/x', '../x');
  const toLocal: Step = { kind: 'make-symlink', side: 'local', path, target: '/home/u/local/x' };
  const toRemote: Step = { kind: 'make-symlink', side: 'remote', path, target: '../x' };
  test('is written down with both texts', () => {
    const here = symlink('/home/u/local/x');
    const there: SymlinkEntry = symlink('../x');
    expect(after(toLocal, { after: here }, { base: null, remote: there })).toEqual(put(row));
    expect(after(toRemote, { after: there }, { base: null, local: here })).toEqual(put(row));
  });

  test('that a mount can not read back is known by the text it was given', () => {
    const unreadable = { kind: 'unknown', reason: 'EPERM' } as const;
    expect(after(toRemote, { after: unreadable }, { base: null, local: symlink('/home/u/local/x') })).toEqual(put(row));
    expect(after(toRemote, { after: unreadable }, { base: null })).toEqual([]);
  });

  test('and by what the mount shows of it, where it shows that', () => {
    const link = { size: 4, mtimeNs: 7n };
    const closed = { kind: 'unknown', reason: 'EPERM', link } as const;
    const local = symlink('/home/u/local/x');
    expect(after(toRemote, { after: closed }, { base: null, local })).toEqual(put({ ...row, remoteLink: link }));
  });
});

describe('what is taken away or gets another name', () => {
  const remove = (side: 'local' | 'remote'): Step => ({ kind: 'remove', side, path, expected: file(here) });
  const trashed = at('.lazysync/trash/1/d/f');
  test('in the remote’s trash: a tombstone', () => {
    expect(after(remove('remote'), { after: absent, trashed }, { base: null })).toEqual([
      { kind: 'bury', path, trashed },
    ]);
  });

  test('in no trash, or in local’s: forgotten', () => {
    expect(after(remove('remote'), { after: absent }, { base: null })).toEqual([{ kind: 'forget', path }]);
    expect(after(remove('local'), { after: absent, trashed }, { base: null })).toEqual([{ kind: 'forget', path }]);
  });

  test('a moved stub whose file is gone: the row that it came from goes along', () => {
    const moved = stub('o', 15);
    const step: Step = { kind: 'remove', side: 'local', path, expected: moved };
    const record = stubRow('o', there, 15);
    const origin = { record, local: absent, remote: absent };
    const of = (origin: Origin | null): readonly BaseChange[] =>
      after(step, { after: absent }, { base: null, local: moved, origin });
    const alone = [{ kind: 'forget', path }];
    expect(of(origin)).toEqual([...alone, { kind: 'forget', path: 'o' }]);
    expect(of(null)).toEqual(alone);
    // It is still there on one of the sides, it is a copied one, or its row is a tombstone.
    expect(of({ ...origin, remote: file(there) })).toEqual(alone);
    expect(of({ ...origin, local: file(here) })).toEqual(alone);
    expect(of({ ...origin, record: stubRow('o', there, 16) })).toEqual(alone);
    expect(of({ ...origin, record: stubRow('.lazysync/trash/1/o', there, 15) })).toEqual(alone);
    expect(of({ ...origin, record: directoryRow('o', 15) })).toEqual(alone);
  });

  test('moved in remote: its rows move', () => {
    const step: Step = { kind: 'move', side: 'remote', from: at('o'), path, expected: file(there) };
    expect(after(step, { after: file(there) }, { base: null })).toEqual([{ kind: 'move', from: 'o', to: path }]);
  });

  test('moved in remote by somebody, and local went along: its rows move, and the rename has moved its ctime', () => {
    const step: Step = { kind: 'move', side: 'local', from: at('o'), path, expected: file(here), along: true };
    const moved = { kind: 'move', from: 'o', to: path };
    const record = copyRow('o', here, there);
    const renamed = { ...here, ctimeNs: 77n };
    const of = { base: null, remoteOrigin: { record, local: file(here), remote: absent } };
    const put = { kind: 'put', record: { ...record, path, local: renamed } };
    expect(after(step, { after: file(renamed) }, of)).toEqual([moved, put]);
    // Found in the journal after a crash: contents are compared instead.
    expect(after(step, { after: file(renamed) }, { base: null })).toEqual([moved]);
    const folder = {
      base: null,
      remoteOrigin: { record: directoryRow('o', 14), local: directory(14), remote: absent },
    };
    expect(after(step, { after: directory(14) }, folder)).toEqual([moved]);
  });

  test('put back out of the trash: new from now on, also when a crash came before it was written down', () => {
    for (const side of ['local', 'remote'] as const) {
      const step: Step = { kind: 'move', side, from: trashed, path, expected: file(there), restored: true };
      expect(after(step, { after: file(there) }, { base: null })).toEqual([{ kind: 'forget', path: trashed }]);
    }
  });

  test('made room in local: a conflict', () => {
    const step: Step = { kind: 'move', side: 'local', from: at('o'), path, expected: file(here) };
    expect(after(step, { after: file(here) }, { base: null })).toEqual([
      { kind: 'conflict', path: 'o', conflict: path },
    ]);
  });
});

describe('metadata of a copy', () => {
  const base = copyRow('d/f', here, there);
  const step = (side: 'local' | 'remote'): Step => ({
    kind: 'set-metadata',
    side,
    path,
    mode: 0o600,
    mtimeNs: 5n,
    expected: file(here),
  });

  test('the remote’s, as it gave it back', () => {
    const got = file({ ...there, mode: 0o640, mtimeNs: 4n });
    const changes = after(step('remote'), { after: got }, { base, local: file(here), remote: file(there) });
    expect(changes).toEqual(put({ ...base, local: here, remote: { ...print, mtimeNs: 4n, mode: 0o640 } }));
  });

  test('local’s: an mtime that was set tells nothing of a write right before, so contents are compared once', () => {
    const got = { ...here, mode: 0o600, mtimeNs: 5n, ctimeNs: NOW };
    const of = { base, local: file(here), remote: file(there) };
    expect(after(step('local'), { after: file(got) }, of)).toEqual(put({ ...base, local: got, racy: true }));
  });

  test('with a side that was not seen: not written down', () => {
    expect(after(step('local'), { after: file(here) }, { base })).toEqual([]);
    expect(after(step('remote'), { after: file(there) }, { base })).toEqual([]);
    expect(after(step('local'), { after: absent }, { base, remote: file(there) })).toEqual([]);
    expect(after(step('local'), { after: file(here) }, { base: null, remote: file(there) })).toEqual([]);
    const asStub = stubRow('d/f', there, 15);
    expect(after(step('local'), { after: file(here) }, { base: asStub, remote: file(there) })).toEqual([]);
  });
});
