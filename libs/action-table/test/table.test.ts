/** Every row of the action table by name, on one path, with what a reader of the table would expect. */
import type { Cause, Decision, PathView } from '@lazysync/event-model';
import { describe, expect, test } from 'vitest';
import { ACTION_TABLE, planPath } from '../src/index.ts';
import {
  ANCHOR,
  absent,
  cause,
  copyRow,
  directory,
  directoryRow,
  file,
  id,
  OLD_ANCHOR,
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
const edited = stat(3, 2000, 11);
const editedThere = stat(3, 2500, 21);
const copy = copyRow('a/f.txt', here, there);
const asStub = stubRow('a/f.txt', there, 15);
const link = stub('a/f.txt', 15);

const plan = (of: Omit<PathView, 'path'>, why: Cause = cause()): Decision => planPath(view('a/f.txt', of), why, policy);

/** The act in three words, such as `remove local again`. */
function act(decision: Decision): string {
  if (decision.kind === 'step') return `${decision.step.kind} ${decision.step.side}${decision.again ? ' again' : ''}`;
  if (decision.kind === 'nothing') return ['nothing', ...decision.changes.map((one) => one.kind)].join(' ');
  if (decision.kind === 'need') return `need ${decision.what.join(' ')}`;
  return decision.kind === 'problem' ? `problem ${decision.problem.code}` : decision.kind;
}

test('the table itself', () => {
  expect(ACTION_TABLE).toEqual({
    unchanged: { unchanged: 'settle', changed: 'take-remote', deleted: 'remove-local' },
    changed: { unchanged: 'send-local', changed: 'keep-both', deleted: 'send-local' },
    deleted: { unchanged: 'remove-remote', changed: 'take-remote-again', deleted: 'forget' },
  });
});

describe('the README’s table: the other side did not change', () => {
  test.each<[string, Omit<PathView, 'path'>, string]>([
    ['file created in remote: a stub', { base: null, local: absent, remote: file(there) }, 'make-stub local'],
    ['directory created in remote: mkdir', { base: null, local: absent, remote: directory(1) }, 'make-directory local'],
    ['link created in remote', { base: null, local: absent, remote: symlink('x') }, 'make-symlink local'],
    [
      'copy, modified in remote: a stub',
      { base: copy, local: file(here), remote: file(editedThere) },
      'dehydrate local',
    ],
    ['stub, modified in remote', { base: asStub, local: link, remote: file(editedThere) }, 'nothing put'],
    ['copy, deleted in remote', { base: copy, local: file(here), remote: absent }, 'remove local'],
    ['stub, deleted in remote', { base: asStub, local: link, remote: absent }, 'remove local'],
    [
      'link, deleted in remote',
      { base: symlinkRow('a/f.txt', 'x'), local: symlink('x'), remote: absent },
      'remove local',
    ],
    [
      'link, changed in remote',
      { base: symlinkRow('a/f.txt', 'x'), local: symlink('x'), remote: symlink('y') },
      'remove local again',
    ],
    ['file created in local: upload', { base: null, local: file(here), remote: absent, origin: null }, 'upload remote'],
    [
      'directory created in local: mkdir',
      { base: null, local: directory(1), remote: absent, origin: null },
      'make-directory remote',
    ],
    ['link created in local', { base: null, local: symlink('x'), remote: absent }, 'make-symlink remote'],
    ['modified in local: upload', { base: copy, local: file(edited), remote: file(there) }, 'upload remote'],
    ['stub replaced by a file: upload', { base: asStub, local: file(here), remote: file(there) }, 'upload remote'],
    ['copy, deleted in local', { base: copy, local: absent, remote: file(there) }, 'remove remote'],
    ['stub, deleted in local', { base: asStub, local: absent, remote: file(there) }, 'remove remote'],
    [
      'link, deleted in local',
      { base: symlinkRow('a/f.txt', 'x'), local: absent, remote: symlink('x') },
      'remove remote',
    ],
    [
      'link, changed in local',
      { base: symlinkRow('a/f.txt', 'x'), local: symlink('y'), remote: symlink('x') },
      'remove remote again',
    ],
  ])('%s', (_name, of, expected) => {
    expect(act(plan(of))).toBe(expected);
  });

  test('a stub that is opened: download what remote shows', () => {
    const decision = plan({ base: asStub, local: link, remote: file(there) }, cause('local', true));
    expect(decision).toEqual({ kind: 'download', remote: asStub.remote, why: 'opened' });
  });

  test('an opened stub needs no look at the remote', () => {
    expect(act(plan({ base: asStub, local: link }, cause('local', true)))).toBe('download');
  });

  test('an opened stub whose file is gone is not downloaded', () => {
    expect(act(plan({ base: asStub, local: link, remote: absent }, cause('both', true)))).toBe('remove local');
  });

  test('a copy that is opened: nothing', () => {
    expect(act(plan({ base: copy, local: file(here) }, cause('local', true)))).toBe('nothing');
  });
});

describe('both sides changed', () => {
  test.each<[string, Omit<PathView, 'path'>, string]>([
    [
      'deleted here, modified there: a stub (edit beats delete)',
      { base: copy, local: absent, remote: file(editedThere) },
      'make-stub local',
    ],
    [
      'stub deleted here, modified there',
      { base: asStub, local: absent, remote: file(editedThere) },
      'make-stub local',
    ],
    [
      'modified here, deleted there: upload again',
      { base: copy, local: file(edited), remote: absent },
      'upload remote',
    ],
    ['stub replaced here, deleted there', { base: asStub, local: file(edited), remote: absent }, 'upload remote'],
    ['deleted on both sides: forget', { base: copy, local: absent, remote: absent }, 'nothing forget'],
    [
      'modified on both sides, another size: keep both',
      { base: copy, local: file(edited), remote: file(stat(4, 3000, 21)) },
      'move local again',
    ],
    [
      'created on both sides, a file and a folder',
      { base: null, local: file(here), remote: directory(1) },
      'move local again',
    ],
    [
      'created on both sides, two folders: adopt',
      { base: null, local: directory(1), remote: directory(2) },
      'nothing put',
    ],
    [
      'created on both sides, the same link: adopt',
      { base: null, local: symlink('x'), remote: symlink('x') },
      'nothing put',
    ],
    ['created on both sides, two links', { base: null, local: symlink('x'), remote: symlink('y') }, 'move local again'],
    ['no base, an own stub: adopt', { base: null, local: link, remote: file(there), origin: null }, 'nothing put'],
    ['no base, an own stub: asks where it came from', { base: null, local: link, remote: file(there) }, 'need origin'],
    [
      'no base, an own stub whose file went to the trash, and a new file in remote: both stay',
      {
        base: null,
        local: link,
        remote: file(editedThere),
        origin: { record: stubRow('.lazysync/trash/1/a/f.txt', there, 15), local: absent, remote: file(there) },
      },
      'move local again',
    ],
    [
      'no base, an own stub of what is a folder now: nothing is in it',
      { base: null, local: link, remote: directory(1) },
      'remove local again',
    ],
    ['nothing anywhere', { base: null, local: absent, remote: absent }, 'nothing'],
  ])('%s', (_name, of, expected) => {
    expect(act(plan(of))).toBe(expected);
  });

  test('the same content on both sides is adopted, and looked at once more later', () => {
    const both = { base: copy, local: file(edited), remote: file(editedThere) };
    expect(act(plan(both))).toBe('need local-hash remote-hash');
    const decision = plan({ ...both, localHash: 'v2', remoteHash: 'v2' });
    expect(decision).toMatchObject({
      kind: 'nothing',
      changes: [{ kind: 'put', record: { form: 'copy', hash: 'v2', origin: 'remote', racy: true } }],
    });
  });

  test.each([
    ['other content', 'v2', 'v3'],
    ['content of the remote that can not be read', 'v2', null],
    ['content of local that can not be read', null, 'v3'],
    ['content that can be read on no side', null, null],
  ])('%s is kept on both sides', (_name, localHash, remoteHash) => {
    const decision = plan({ base: null, local: file(edited), remote: file(editedThere), localHash, remoteHash });
    expect(decision).toMatchObject({
      kind: 'step',
      step: { kind: 'move', side: 'local', from: 'a/f.txt', path: 'a/f.txt (conflict)' },
      again: true,
      also: 'a/f.txt (conflict)',
    });
  });

  test('a folder that makes room takes all that is in it along', () => {
    expect(plan({ base: null, local: directory(1), remote: file(there) })).toMatchObject({ below: true });
    expect(plan({ base: null, local: file(here), remote: directory(1) })).toMatchObject({ below: false });
  });
});

describe('a side that can not be seen', () => {
  const wholes = { base: [null, copy, asStub], entry: [absent, file(here), link] } as const;
  for (const base of wholes.base) {
    for (const entry of wholes.entry) {
      const name = `base ${base === null ? 'none' : base.form}, other side ${entry.kind}`;
      test(`${name}: a problem and no act`, () => {
        expect(act(plan({ base, local: unknown, remote: file(there) }))).toBe('problem unreadable');
        expect(act(plan({ base, local: special, remote: file(there) }))).toBe('problem special-file');
        const seen = { base, local: entry, localHash: 'v1', origin: null };
        expect(act(plan({ ...seen, remote: unknown }))).toBe('problem unreadable');
        expect(act(plan({ ...seen, remote: special }))).toBe('problem special-file');
        expect(act(plan({ ...seen, remote: otherPairStub(3) }))).toBe('problem other-pair');
      });
    }
  }

  test('a file that changes while it is read is left alone', () => {
    const touched = file({ ...here, mtimeNs: 5n });
    expect(act(plan({ base: copy, local: touched, remote: file(editedThere), localHash: null }))).toBe(
      'problem unreadable',
    );
  });
});

describe('directories', () => {
  const row = directoryRow('a/f.txt', 14);
  test.each<[string, Omit<PathView, 'path'>, string]>([
    ['deleted in local, asks for rows below', { base: row, local: absent, remote: directory(9) }, 'need children'],
    [
      'deleted in local with rows below',
      { base: row, local: absent, remote: directory(9), children: true },
      'children-first',
    ],
    ['deleted in local, empty', { base: row, local: absent, remote: directory(9), children: false }, 'remove remote'],
    ['deleted in remote, empty', { base: row, local: directory(14), remote: absent, children: false }, 'remove local'],
    [
      'deleted in remote with rows below',
      { base: row, local: directory(14), remote: absent, children: true },
      'children-first',
    ],
    [
      'a file now in remote',
      { base: row, local: directory(14), remote: file(there), children: false },
      'remove local again',
    ],
    [
      'a file now in local',
      { base: row, local: file(here), remote: directory(9), children: false },
      'remove remote again',
    ],
    [
      'a link now in local',
      { base: row, local: symlink('x'), remote: directory(9), children: false },
      'remove remote again',
    ],
    [
      'a link now in remote',
      { base: row, local: directory(14), remote: symlink('x'), children: false },
      'remove local again',
    ],
    [
      'a copy became a directory in local',
      { base: copy, local: directory(14), remote: file(there) },
      'remove remote again',
    ],
    [
      'a copy became a directory in remote',
      { base: copy, local: file(here), remote: directory(9) },
      'remove local again',
    ],
    ['a stub became a directory in remote', { base: asStub, local: link, remote: directory(9) }, 'remove local again'],
    [
      'a link became a file in local',
      { base: symlinkRow('a/f.txt', 'x'), local: file(here), remote: symlink('x') },
      'remove remote again',
    ],
    [
      'a link became a file in remote',
      { base: symlinkRow('a/f.txt', 'x'), local: symlink('x'), remote: file(there) },
      'remove local again',
    ],
    [
      'a link became a folder in local',
      { base: symlinkRow('a/f.txt', 'x'), local: directory(1), remote: symlink('x') },
      'remove remote again',
    ],
    [
      'swapped on both sides: a file here, a link there',
      { base: row, local: file(here), remote: symlink('x') },
      'move local again',
    ],
    ['chmod in local', { base: row, local: directory(14, 0o700), remote: directory(9) }, 'set-metadata remote'],
    ['chmod in remote', { base: row, local: directory(14), remote: directory(9, 0o700) }, 'set-metadata local'],
    [
      'the same chmod on both sides',
      { base: row, local: directory(14, 0o700), remote: directory(9, 0o700) },
      'nothing put',
    ],
    [
      'another chmod on each side: both stay',
      { base: row, local: directory(14, 0o700), remote: directory(9, 0o711) },
      'nothing put',
    ],
    ['made anew in local (another inode)', { base: row, local: directory(77), remote: directory(9) }, 'nothing put'],
    ['unchanged', { base: row, local: directory(14), remote: directory(9) }, 'nothing'],
  ])('%s', (_name, of, expected) => {
    expect(act(plan(of))).toBe(expected);
  });
});

describe('what stays on one side only', () => {
  const inLocal = { kind: 'residual', path: copy.path, side: 'local', why: 'ignored' } as const;
  const inRemote = { ...inLocal, side: 'remote' } as const;
  test.each<[string, Omit<PathView, 'path'>, string]>([
    ['is left alone', { base: inLocal, local: directory(1), remote: absent }, 'nothing'],
    ['is left alone in remote', { base: inRemote, local: absent, remote: directory(1) }, 'nothing'],
    ['is forgotten when it is gone', { base: inLocal, local: absent, remote: absent }, 'nothing forget'],
    [
      'is adopted when the other side makes it too',
      { base: inLocal, local: directory(1), remote: directory(2) },
      'nothing put',
    ],
    [
      'is another thing when only the other side has it',
      { base: inLocal, local: absent, remote: file(there) },
      'make-stub local',
    ],
    [
      'makes room for what the other side makes',
      { base: inRemote, local: file(here), remote: directory(2) },
      'move local again',
    ],
  ])('%s', (_name, of, expected) => {
    expect(act(plan(of))).toBe(expected);
  });

  test('that it is gone is noticed by an event of local alone', () => {
    expect(act(plan({ base: inLocal, local: absent }, cause('local')))).toBe('need remote');
  });
});

describe('stubs', () => {
  test.each<[string, Omit<PathView, 'path'>, string]>([
    [
      'through an old anchor: repointed',
      { base: asStub, local: stub('a/f.txt', 15, OLD_ANCHOR), remote: file(there) },
      'repoint local again',
    ],
    [
      'its folder was moved: repointed',
      {
        base: asStub,
        local: stub('b/f.txt', 77),
        remote: file(there),
        movedFrom: stub('b/f.txt', 1).points,
        origin: null,
      },
      'repoint local again',
    ],
    [
      'its folder was moved, and there is a new version',
      {
        base: asStub,
        local: stub('b/f.txt', 77),
        remote: file(editedThere),
        movedFrom: stub('b/f.txt', 1).points,
        origin: null,
      },
      'repoint local again',
    ],
    [
      'this very link was written down here: repointed',
      { base: asStub, local: stub('b/f.txt', 15), remote: file(there), movedFrom: null },
      'repoint local again',
    ],
    ['of another pair: a problem', { base: null, local: otherPairStub(1), remote: absent }, 'problem other-pair'],
    [
      'of another pair over a copy: a problem, nothing goes',
      { base: copy, local: otherPairStub(1), remote: file(there) },
      'problem other-pair',
    ],
    [
      'of nothing that is known: a problem',
      { base: null, local: stub('b', 3), remote: absent, origin: null },
      'problem failed',
    ],
    [
      'of nothing that is known, over the own stub: repointed',
      { base: asStub, local: stub('b', 3), remote: file(there), origin: null },
      'repoint local again',
    ],
    [
      'own, but there is nothing in remote, nor in its trash',
      { base: null, local: link, remote: absent, origin: null },
      'remove local again',
    ],
    [
      'own, away and back while its file went to the trash: the file comes back, too',
      {
        base: null,
        local: link,
        remote: absent,
        origin: { record: stubRow('.lazysync/trash/1/a/f.txt', there, 15), local: absent, remote: file(there) },
      },
      'move remote again',
    ],
    ['made by hand where the copy was', { base: copy, local: link, remote: file(there), origin: null }, 'nothing put'],
    [
      'moved away, and back over the copy that took its place: that goes to the trash first',
      {
        base: copy,
        local: link,
        remote: file(there),
        origin: { record: stubRow('.lazysync/trash/1/a/f.txt', there, 15), local: absent, remote: file(there) },
      },
      'remove remote again',
    ],
    [
      'made by hand where the copy was, with a new version',
      { base: copy, local: link, remote: file(editedThere), origin: null },
      'nothing put',
    ],
    [
      'made anew: the row learns the link',
      { base: asStub, local: stub('a/f.txt', 99), remote: file(there), origin: null },
      'nothing put',
    ],
    ['at rest', { base: asStub, local: link, remote: file(there) }, 'nothing'],
  ])('%s', (_name, of, expected) => {
    expect(act(plan(of))).toBe(expected);
  });

  test('what a stub is repointed to comes from the view', () => {
    const local = stub('a/f.txt', 15, OLD_ANCHOR);
    expect(plan({ base: asStub, local, remote: file(there) })).toMatchObject({
      step: { kind: 'repoint', side: 'local', path: 'a/f.txt', expected: local },
    });
    expect(link.target).toBe(`${ANCHOR}/a/f.txt`);
  });

  test('a stub through an old anchor is repointed before it is downloaded', () => {
    const decision = plan({ base: asStub, local: stub('a/f.txt', 15, OLD_ANCHOR) }, cause('local', true));
    expect(act(decision)).toBe('need remote');
  });
});

describe('moves and copies by identity', () => {
  const from = stubRow('o', stat(9, 900, 41), 31);
  const thereNow = file(stat(9, 900, 41));
  const movedStub = stub('o', 31);
  const copyOf = copyRow('o', stat(9, 900, 32), stat(9, 900, 41));
  const movedFile = file(stat(9, 900, 32));
  const folder = directoryRow('o', 14);
  test.each<[string, Omit<PathView, 'path'>, string]>([
    [
      'a stub that left its place: one rename',
      { base: null, local: movedStub, remote: absent, origin: { record: from, local: absent, remote: thereNow } },
      'move remote again',
    ],
    [
      'a stub that is still there: a copy in remote',
      {
        base: null,
        local: stub('o', 33),
        remote: absent,
        origin: { record: from, local: movedStub, remote: thereNow },
      },
      'copy remote again',
    ],
    [
      'a stub whose file is gone',
      { base: null, local: movedStub, remote: absent, origin: { record: from, local: absent, remote: absent } },
      'remove local again',
    ],
    [
      'a stub whose file can not be seen: nothing goes',
      { base: null, local: movedStub, remote: absent, origin: { record: from, local: absent, remote: unknown } },
      'problem failed',
    ],
    [
      'a stub over another file: that goes to the trash first',
      {
        base: asStub,
        local: movedStub,
        remote: file(there),
        origin: { record: from, local: absent, remote: thereNow },
      },
      'remove remote again',
    ],
    ['asks where a stub came from', { base: null, local: movedStub, remote: absent }, 'need origin'],
    [
      'a copy that left its place: one rename',
      { base: null, local: movedFile, remote: absent, origin: { record: copyOf, local: absent, remote: thereNow } },
      'move remote again',
    ],
    [
      'its old name holds another file now: still a move',
      {
        base: null,
        local: movedFile,
        remote: absent,
        origin: { record: copyOf, local: file(stat(1, 1, 98)), remote: thereNow },
      },
      'move remote again',
    ],
    [
      'the old name still holds it (a hard link): upload',
      { base: null, local: movedFile, remote: absent, origin: { record: copyOf, local: movedFile, remote: thereNow } },
      'upload remote',
    ],
    [
      'a reused inode: upload',
      {
        base: null,
        local: file({ ...stat(9, 900, 32), birthNs: 1n }),
        remote: absent,
        origin: { record: copyOf, local: absent, remote: thereNow },
      },
      'upload remote',
    ],
    [
      'another version in remote by now: upload',
      {
        base: null,
        local: movedFile,
        remote: absent,
        origin: { record: copyOf, local: absent, remote: file(stat(9, 901, 41)) },
      },
      'upload remote',
    ],
    [
      'gone in remote: upload',
      { base: null, local: movedFile, remote: absent, origin: { record: copyOf, local: absent, remote: absent } },
      'upload remote',
    ],
    [
      'over a file that is known: upload, the old name goes by itself',
      { base: copy, local: movedFile, remote: file(there) },
      'upload remote',
    ],
    [
      'a folder: one rename',
      {
        base: null,
        local: directory(14),
        remote: absent,
        origin: { record: folder, local: absent, remote: directory(9) },
      },
      'move remote again',
    ],
    [
      'a folder that is still there',
      {
        base: null,
        local: directory(14),
        remote: absent,
        origin: { record: folder, local: directory(14), remote: directory(9) },
      },
      'make-directory remote',
    ],
    [
      'a folder that is gone in remote',
      { base: null, local: directory(14), remote: absent, origin: { record: folder, local: absent, remote: absent } },
      'make-directory remote',
    ],
    ['asks where a folder came from', { base: null, local: directory(14), remote: absent }, 'need origin'],
    ['asks where a file came from', { base: null, local: movedFile, remote: absent }, 'need origin'],
  ])('%s', (_name, of, expected) => {
    expect(act(plan(of))).toBe(expected);
  });

  test('a moved folder is looked at below, a moved file is not', () => {
    const origin = { record: folder, local: absent, remote: directory(9) };
    expect(plan({ base: null, local: directory(14), remote: absent, origin })).toMatchObject({ below: true });
    const file = { record: copyOf, local: absent, remote: thereNow };
    expect(plan({ base: null, local: movedFile, remote: absent, origin: file })).toMatchObject({ below: false });
  });

  test('identity is more than the inode', () => {
    expect(id(14)).not.toEqual(id(15));
  });
});
