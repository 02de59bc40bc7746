/** Small things that a table of acts does not show: reasons, sides of problems, order of questions, folders apart. */
import {
  type Decision,
  DIFFERS_IN_CASE,
  type Entry,
  MOUNTED_INSIDE,
  type PathView,
  type Step,
} from '@lazysync/event-model';
import { describe, expect, test } from 'vitest';
import { changesAfter, conflictPath, keepApart, planPath } from '../src/index.ts';
import {
  absent,
  at,
  cause,
  copyRow,
  directory,
  directoryRow,
  file,
  id,
  LOCAL_ROOT,
  otherPairStub,
  policy,
  special,
  stat,
  stub,
  stubRow,
  symlink,
  symlinkRow,
  unknown,
  view,
} from './build.ts';

const here = stat(2, 1000, 11);
const there = stat(2, 1000, 21);
const copy = copyRow('f', here, there);
const asStub = stubRow('f', there, 15);
const plan = (of: Omit<PathView, 'path'>, why = cause()): Decision => planPath(view('f', of), why, policy);
const why = (decision: Decision): string | undefined => ('why' in decision ? decision.why : undefined);

describe('a problem names its side', () => {
  test.each<[string, Omit<PathView, 'path'>, string]>([
    ['unreadable in local', { base: null, local: unknown, remote: absent }, 'local'],
    ['special in local', { base: null, local: special, remote: absent }, 'local'],
    ['unreadable in remote', { base: null, local: absent, remote: unknown }, 'remote'],
    ['special in remote', { base: null, local: absent, remote: special }, 'remote'],
    ['a stub in remote', { base: null, local: absent, remote: otherPairStub(1) }, 'remote'],
    ['another pair’s stub in local', { base: null, local: otherPairStub(1), remote: absent }, 'local'],
    ['a stub of nothing known', { base: null, local: stub('gone', 3), remote: absent, origin: null }, 'local'],
  ])('%s', (_name, of, side) => {
    expect(plan(of)).toMatchObject({ kind: 'problem', problem: { side, path: 'f' } });
  });
});

describe('a reason says what a person would', () => {
  test.each<[string, Omit<PathView, 'path'>, string]>([
    ['new here', { base: null, local: file(here), remote: absent, origin: null }, 'new in local'],
    ['changed here', { base: copy, local: file(stat(3, 2000, 11)), remote: file(there) }, 'changed in local'],
    ['new there', { base: null, local: absent, remote: file(there) }, 'new in remote'],
    ['deleted here', { base: copy, local: absent, remote: file(there) }, 'deleted in local'],
    ['deleted there', { base: copy, local: file(here), remote: absent }, 'deleted in remote'],
    ['a new version', { base: copy, local: file(here), remote: file(stat(3, 2000, 21)) }, 'new version in remote'],
    [
      'a folder’s mode here',
      { base: directoryRow('f', 14), local: directory(14, 0o700), remote: directory(9) },
      'mode changed in local',
    ],
    [
      'a folder’s mode there',
      { base: directoryRow('f', 14), local: directory(14), remote: directory(9, 0o700) },
      'mode changed in remote',
    ],
  ])('%s', (_name, of, expected) => {
    expect(why(plan(of))).toBe(expected);
  });
});

describe('what is asked', () => {
  test('both contents, when either is missing', () => {
    const both = { base: null, local: file(here), remote: file(there) };
    const asked = { kind: 'need', what: ['local-hash', 'remote-hash'] };
    expect(plan({ ...both, localHash: 'x' })).toEqual(asked);
    expect(plan({ ...both, remoteHash: 'x' })).toEqual(asked);
  });

  test('nothing of local alone that only the remote can tell', () => {
    expect(plan({ base: copy, local: absent }, cause('local'))).toEqual({ kind: 'need', what: ['remote'] });
    expect(plan({ base: copy, local: file(here) }, cause('local'))).toMatchObject({ kind: 'nothing' });
    expect(plan({ base: copy, local: file(here) }, cause('remote'))).toEqual({ kind: 'need', what: ['remote'] });
    expect(plan({ base: copy }, cause('local'))).toEqual({ kind: 'need', what: ['local'] });
  });

  test('no rows below of what is no folder', () => {
    const row = directoryRow('f', 14);
    const decision = plan({ base: row, local: stub('f', 3), remote: absent, origin: null });
    expect(decision).toMatchObject({ step: { kind: 'remove', side: 'local' } });
  });
});

describe('an opened stub', () => {
  test('of which remote has a new version is downloaded in that', () => {
    const remote = file(stat(3, 2000, 21));
    const decision = plan({ base: asStub, local: stub('f', 15), remote }, cause('both', true));
    expect(decision).toMatchObject({ kind: 'download', remote: { size: 3 } });
  });

  test('that leads to nothing known is repointed only over a stub of ours', () => {
    const lost = { local: stub('gone', 3), remote: file(there), origin: null };
    expect(plan({ base: asStub, ...lost })).toMatchObject({ step: { kind: 'repoint' } });
    expect(plan({ base: copy, ...lost })).toMatchObject({ kind: 'problem' });
    expect(plan({ base: symlinkRow('f', 'x'), ...lost, remote: symlink('x') })).toMatchObject({ kind: 'problem' });
  });
});

describe('a link that was made in the remote and can not be read back', () => {
  const link = { size: 4, mtimeNs: 7n };
  const row = { ...symlinkRow('f', '../x'), remoteLink: link };
  const closed = (size: number, mtimeNs = 7n): Entry => ({ kind: 'unknown', reason: 'EPERM', link: { size, mtimeNs } });

  test('is the one that was made, as long as it looks so', () => {
    expect(plan({ base: row, local: symlink('../x'), remote: closed(4) })).toMatchObject({ kind: 'nothing' });
  });
  test('goes to the trash when it was deleted in local', () => {
    expect(plan({ base: row, local: absent, remote: closed(4) })).toMatchObject({
      step: { kind: 'remove', side: 'remote', expected: closed(4) },
    });
  });
  test('gives way to another one', () => {
    expect(plan({ base: row, local: symlink('../y'), remote: closed(4) })).toMatchObject({
      step: { kind: 'remove', side: 'remote', expected: closed(4) },
      again: true,
    });
  });
  test.each([
    ['of another length', row, closed(5)],
    ['of another time', row, closed(4, 8n)],
    ['of which nothing was written down', symlinkRow('f', '../x'), closed(4)],
    ['of which nothing is shown', row, unknown],
  ])('%s it is left alone', (_, base, remote) => {
    expect(plan({ base, local: absent, remote })).toMatchObject({ kind: 'problem', problem: { code: 'unreadable' } });
  });
});

describe('a stub at its own path that the row does not know by its link', () => {
  const anew = stub('f', 99);
  test('may have been away: where it came from is asked', () => {
    expect(plan({ base: asStub, local: anew }, cause('local'))).toEqual({ kind: 'need', what: ['origin'] });
    expect(plan({ base: copy, local: anew }, cause('local'))).toEqual({ kind: 'need', what: ['origin'] });
  });

  test('came from nowhere: as good as the one that was there', () => {
    expect(plan({ base: asStub, local: anew, origin: null }, cause('local'))).toMatchObject({ kind: 'nothing' });
  });

  test('its file in the trash can not be looked at: the stub stays', () => {
    const unknown = { kind: 'unknown', reason: 'EIO' } as const;
    const origin = { record: stubRow('.lazysync/trash/s/f', there, 99), local: absent, remote: unknown };
    expect(plan({ base: null, local: anew, remote: absent, origin })).toMatchObject({ kind: 'problem' });
  });

  test('came from nowhere, over a copy: written down', () => {
    const of = { base: copy, local: anew, origin: null };
    expect(plan(of, cause('local'))).toEqual({ kind: 'need', what: ['remote'] });
    expect(plan({ ...of, remote: file(there) }, cause('local'))).toMatchObject({
      kind: 'nothing',
      changes: [{ kind: 'put', record: { form: 'stub', link: anew.identity } }],
    });
  });
});

describe('a move', () => {
  test('of a stub makes nothing below it worth a look', () => {
    const origin = { record: stubRow('o', there, 31), local: absent, remote: file(there) };
    const decision = plan({ base: null, local: stub('o', 31), remote: absent, origin });
    expect(decision).toMatchObject({ step: { kind: 'move' }, again: true, below: false });
  });

  test('of a folder onto a name that the base knows is none: that name is changed', () => {
    const origin = { record: directoryRow('o', 14), local: absent, remote: directory(9) };
    const decision = plan({ base: copy, local: directory(14), remote: absent, origin });
    expect(decision).toMatchObject({ step: { kind: 'make-directory', side: 'remote' } });
  });
});

describe('a link that reads otherwise in remote', () => {
  const row = symlinkRow('f', 'x', `${policy.remoteRoot}/x`);
  test('but means the same is written down', () => {
    expect(plan({ base: row, local: symlink('x'), remote: symlink('x') })).toMatchObject({
      kind: 'nothing',
      changes: [{ kind: 'put', record: { localTarget: 'x', remoteTarget: 'x' } }],
    });
  });

  test('and means something else makes room', () => {
    expect(plan({ base: row, local: symlink('x'), remote: symlink('y') })).toMatchObject({
      step: { kind: 'remove', side: 'local', expected: symlink('x') },
    });
  });

  test('goes up relative, from an absolute one inside the root', () => {
    expect(plan({ base: null, local: symlink(`${LOCAL_ROOT}/d/x`), remote: absent })).toMatchObject({
      step: { kind: 'make-symlink', side: 'remote', target: 'd/x' },
    });
  });

  test('is the same on both sides where both mean the same', () => {
    const of = { base: null, local: symlink(`${LOCAL_ROOT}/x`), remote: symlink(`${policy.remoteRoot}/x`) };
    expect(plan(of)).toMatchObject({ kind: 'nothing', changes: [{ kind: 'put' }] });
  });
});

describe('a folder and something else are kept apart', () => {
  const apart = (local: Entry | undefined, remote: Entry | undefined): Decision | null => {
    const seen = { ...(local === undefined ? {} : { local }), ...(remote === undefined ? {} : { remote }) };
    return keepApart(view('f', { base: directoryRow('f', 14), ...seen }), policy);
  };

  test.each<[string, Entry, Entry]>([
    ['a folder here, a file there', directory(14), file(there)],
    ['a file here, a folder there', file(here), directory(9)],
    ['a link here, a folder there', symlink('x'), directory(9)],
    ['a folder here, a link there', directory(14), symlink('x')],
  ])('%s: local takes another name', (_name, local, remote) => {
    expect(apart(local, remote)).toEqual({
      kind: 'step',
      step: { kind: 'move', side: 'local', from: 'f', path: 'f (conflict)', expected: local },
      why: 'changed on both sides',
      again: true,
      also: 'f (conflict)',
      below: local.kind === 'directory',
    });
  });

  test.each<[string, Entry | undefined, Entry | undefined]>([
    ['two folders', directory(14), directory(9)],
    ['two files', file(here), file(there)],
    ['a file and a link', file(here), symlink('x')],
    ['nothing here', absent, directory(9)],
    ['nothing there', directory(14), absent],
    ['not to be seen here', unknown, directory(9)],
    ['not to be seen there', directory(14), unknown],
    ['special here', special, directory(9)],
    ['special there', directory(14), special],
    ['not looked at here', undefined, directory(9)],
    ['not looked at there', directory(14), undefined],
  ])('not %s', (_name, local, remote) => {
    expect(apart(local, remote)).toBeNull();
  });
});

describe('what is written down', () => {
  test('the mode of the other side of a folder is what it is now, too', () => {
    const row = directoryRow('f', 14);
    const after = (side: 'local' | 'remote', entry: Entry, of: Omit<PathView, 'path'>): unknown => {
      const step: Step = { kind: 'set-metadata', side, path: at('f'), mode: 0o700, mtimeNs: null, expected: entry };
      return changesAfter({ step, after: entry }, view('f', of), null, 0n);
    };
    const seen = { base: row, local: directory(44, 0o711), remote: directory(9, 0o722) };
    const record = { ...row, local: directory(44).identity };
    expect(after('local', directory(45, 0o700), seen)).toEqual([
      {
        kind: 'put',
        record: { ...record, local: directory(45).identity, localMode: 0o700, remoteMode: 0o722, remote: id(9) },
      },
    ]);
    expect(after('remote', directory(9, 0o700), seen)).toEqual([
      { kind: 'put', record: { ...record, localMode: 0o711, remoteMode: 0o700, remote: id(9) } },
    ]);
  });

  test('where a copied stub leads, only where that is another path of this pair', () => {
    const step: Step = { kind: 'copy', side: 'remote', from: at('o'), path: at('f'), expected: file(there) };
    const kinds = (local: Entry): string[] =>
      changesAfter({ step, after: file(there) }, view('f', { base: null, local }), null, 0n).map((one) => one.kind);
    expect(kinds(stub('o', 3))).toEqual(['put', 'leads']);
    expect(kinds(stub('f', 3))).toEqual(['put']);
    expect(kinds(otherPairStub(3))).toEqual(['put']);
    expect(kinds(file(here))).toEqual([]);
  });

  test('a tombstone of what an upload replaced, only where another thing took the name', () => {
    const trashed = at('.lazysync/trash/1/f');
    const step: Step = { kind: 'upload', side: 'remote', path: at('f'), source: here, expected: file(there) };
    const kinds = (base: PathView['base'], more: object): string[] =>
      changesAfter(
        { step, after: file(there), hash: 'h', source: here, ...more },
        view('f', { base, local: file(here) }),
        null,
        0n,
      ).map((one) => one.kind);
    expect(kinds(asStub, { trashed })).toEqual(['bury', 'put']);
    expect(kinds(copyRow('f', stat(2, 1000, 12), there), { trashed })).toEqual(['bury', 'put']);
    expect(kinds(copy, { trashed })).toEqual(['put']);
    expect(kinds(asStub, {})).toEqual(['put']);
    expect(kinds(null, { trashed })).toEqual(['put']);
    expect(kinds(symlinkRow('f', 'x'), { trashed })).toEqual(['put']);
  });
});

describe('a conflict name is as long as it may be', () => {
  const named = (path: string): string => conflictPath(at(path), '2026-03-04T05:06:07Z', 'box', 1);
  test.each(['a', '\x7f', '\u0080', '\u07ff', '\u0800', '€', '\uffff', '\u{10000}', '😀'])('of %j', (char) => {
    const size = Buffer.byteLength(char);
    const name = `x${char.repeat(Math.floor(240 / size))}.txt`;
    const cut = named(name);
    const room = 255 - Buffer.byteLength(cut);
    expect(room).toBeGreaterThanOrEqual(0);
    expect(room).toBeLessThan(size);
    expect(cut.startsWith(`x${char}`)).toBe(true);
  });

  test('and its extension has up to fifteen letters', () => {
    expect(named(`a.${'e'.repeat(15)}`)).toBe(`a (conflict 2026-03-04 050607 box).${'e'.repeat(15)}`);
    expect(named(`a.${'e'.repeat(16)}`)).toBe(`a.${'e'.repeat(16)} (conflict 2026-03-04 050607 box)`);
  });
});

test.each([
  [MOUNTED_INSIDE, 'other-file-system'],
  [DIFFERS_IN_CASE, 'case-collision'],
  ['socket', 'special-file'],
])('%s is a problem of its own kind, on either side', (what, code) => {
  const other: Entry = { kind: 'other', what };
  const of = (local: Entry, remote: Entry): unknown => plan({ base: null, local, remote });
  expect(of(other, absent)).toMatchObject({ kind: 'problem', problem: { code, side: 'local' } });
  expect(of(absent, other)).toMatchObject({ kind: 'problem', problem: { code, side: 'remote' } });
  expect(of(unknown, absent)).toMatchObject({ problem: { code: 'unreadable' } });
});

describe('replace: capture', () => {
  const step = (remote: Entry, replace?: 'rename' | 'capture'): Step | null => {
    const local = file(stat(3, 2000, 11));
    const of = replace === undefined ? policy : { ...policy, replace };
    const decision = planPath(
      view('f', { base: remote.kind === 'absent' ? null : copy, local, remote, origin: null }),
      cause(),
      of,
    );
    return decision.kind === 'step' ? decision.step : null;
  };

  test('takes the old version away first, where there is one', () => {
    expect(step(file(there), 'capture')).toMatchObject({ kind: 'upload', capture: true });
    expect(step(absent, 'capture')).not.toHaveProperty('capture');
    expect(step(file(there), 'rename')).not.toHaveProperty('capture');
    expect(step(file(there))).not.toHaveProperty('capture');
    expect(step(absent, 'capture')).toMatchObject({ kind: 'upload' });
  });
});
