/** What counts as a change: sizes, times, modes, hashes, ticks too coarse to tell. */
import type { Decision, PathView } from '@lazysync/event-model';
import { describe, expect, test } from 'vitest';
import { isRacy, planPath, planStaged } from '../src/index.ts';
import {
  absent,
  at,
  cause,
  copyRow,
  file,
  otherPairStub,
  policy,
  stat,
  stub,
  stubRow,
  symlinkRow,
  view,
} from './build.ts';

const here = stat(2, 1000, 11);
const there = stat(2, 1000, 21);
const copy = copyRow('f', here, there);

const plan = (of: Omit<PathView, 'path'>, more = {}): Decision =>
  planPath(view('f', of), cause(), { ...policy, ...more });

describe('a copy in local', () => {
  const remote = file(there);
  test.each([
    ['another mtime', stat(2, 1001, 11)],
    ['another ctime', { ...here, ctimeNs: 1n }],
    ['another inode', stat(2, 1000, 12)],
    ['another mode', { ...here, mode: 0o600 }],
  ])('%s and the same size: contents tell', (_name, now) => {
    const of = { base: copy, local: file(now), remote };
    expect(plan(of)).toEqual({ kind: 'need', what: ['local-hash'] });
    expect(plan({ ...of, localHash: 'v2' })).toMatchObject({ step: { kind: 'upload', source: now, expected: remote } });
    const same = plan({ ...of, localHash: 'v1' });
    expect(same.kind === 'step' ? same.step.kind : same.kind).toBe(
      now.mode !== here.mode || now.mtimeNs !== here.mtimeNs ? 'set-metadata' : 'nothing',
    );
  });

  test('another size needs no contents', () => {
    expect(plan({ base: copy, local: file(stat(3, 1000, 11)), remote })).toMatchObject({ step: { kind: 'upload' } });
  });

  test('the same fingerprint is not read again', () => {
    expect(plan({ base: copy, local: file(here), remote })).toEqual({
      kind: 'nothing',
      changes: [],
      why: 'in agreement',
    });
  });

  test('the same fingerprint from the tick of the last write is read again', () => {
    const of = { base: { ...copy, racy: true }, local: file(here), remote };
    expect(plan(of)).toEqual({ kind: 'need', what: ['local-hash'] });
    expect(plan({ ...of, localHash: 'v2' })).toMatchObject({ step: { kind: 'upload' } });
    expect(plan({ ...of, localHash: 'v1' })).toMatchObject({
      kind: 'nothing',
      changes: [{ kind: 'put', record: { racy: false, hash: 'v1' } }],
    });
  });

  test('an edit of the same size is never dehydrated away', () => {
    const decision = plan({
      base: copy,
      local: file(stat(2, 1001, 11)),
      remote: file(stat(5, 2000, 21)),
      localHash: 'v2',
    });
    expect(decision).toMatchObject({ step: { kind: 'move', side: 'local' } });
  });

  test('touch in local: the remote gets the mtime, no bytes', () => {
    const now = stat(2, 1500, 11);
    expect(plan({ base: copy, local: file(now), remote, localHash: 'v1' })).toMatchObject({
      step: { kind: 'set-metadata', side: 'remote', mode: there.mode, mtimeNs: now.mtimeNs, expected: remote },
    });
  });
});

describe('a copy, seen from the remote', () => {
  const local = file(here);
  test('the same size and another mtime: contents tell', () => {
    const of = { base: copy, local, remote: file(stat(2, 1700, 21)) };
    expect(plan(of)).toEqual({ kind: 'need', what: ['remote-hash'] });
    expect(plan({ ...of, remoteHash: 'v2' })).toMatchObject({ step: { kind: 'dehydrate', keep: false } });
    expect(plan({ ...of, remoteHash: null })).toMatchObject({ kind: 'problem', problem: { side: 'remote' } });
    expect(plan({ ...of, remoteHash: 'v1' })).toMatchObject({
      step: { kind: 'set-metadata', side: 'local', mtimeNs: stat(2, 1700, 21).mtimeNs, mode: here.mode },
    });
  });

  test('whole seconds, agreed on within the same one: contents tell, at once only where something is replaced by it', () => {
    const base = { ...copy, remoteRacy: true };
    const of = { base, local, remote: file(there) };
    const nowNs = there.mtimeNs + 1_000_000_000n;
    const later = there.mtimeNs + 4_000_000_000n;
    const edited = { ...of, local: file(stat(5, 1800, here.ino === 0n ? 1 : Number(here.ino))) };
    expect(plan({ ...of, nowNs })).toMatchObject({ kind: 'nothing', changes: [] });
    expect(plan({ ...edited, nowNs })).toEqual({ kind: 'need', what: ['remote-hash'] });
    expect(plan({ ...edited, nowNs, remoteHash: 'v1' })).toMatchObject({ step: { kind: 'upload' } });
    expect(plan({ ...edited, nowNs, remoteHash: 'v2' })).toMatchObject({ step: { kind: 'move', side: 'local' } });
    expect(plan({ ...of, nowNs: later })).toEqual({ kind: 'need', what: ['remote-hash'] });
    expect(plan({ ...of, nowNs: later, remoteHash: 'v2' })).toMatchObject({ step: { kind: 'dehydrate' } });
    const judged = plan({ ...of, nowNs: later, remoteHash: 'v1' });
    expect(judged).toMatchObject({ kind: 'nothing', changes: [{ kind: 'put', record: { form: 'copy' } }] });
    expect(JSON.stringify(judged, (_key, one: unknown) => (typeof one === 'bigint' ? `${one}` : one))).not.toContain(
      'remoteRacy',
    );
  });

  test('above the limit contents are not fetched to compare them', () => {
    const of = { base: copy, local, remote: file(stat(2, 1700, 21)) };
    expect(plan(of, { compareLimit: 1 })).toMatchObject({ step: { kind: 'dehydrate' } });
    expect(plan(of, { compareLimit: 2 })).toEqual({ kind: 'need', what: ['remote-hash'] });
  });

  test('what was written here goes to the trash when the remote replaces it', () => {
    const of = { base: { ...copy, origin: 'local' as const }, local, remote: file(stat(5, 2000, 21)) };
    expect(plan(of)).toMatchObject({ step: { kind: 'dehydrate', keep: true, expected: local } });
  });

  test('chmod in remote: local gets the mode and keeps its finer mtime', () => {
    const finer = { ...here, mtimeNs: here.mtimeNs + 123_456_789n };
    const base = copyRow('f', finer, there);
    expect(plan({ base, local: file(finer), remote: file({ ...there, mode: 0o600 }) })).toMatchObject({
      step: { kind: 'set-metadata', side: 'local', mode: 0o600, mtimeNs: finer.mtimeNs },
    });
  });

  test('a mount that shows its own modes does not put them on local when a file is touched', () => {
    const base = copyRow('f', here, { ...there, mode: 0o777 });
    const remote = file({ ...stat(2, 1700, 21), mode: 0o777 });
    expect(plan({ base, local: file(here), remote, remoteHash: 'v1' })).toMatchObject({
      step: { kind: 'set-metadata', side: 'local', mode: 0o644, mtimeNs: remote.stat.mtimeNs },
    });
  });

  test('… nor does local put its own on the remote', () => {
    const base = copyRow('f', { ...here, mode: 0o600 }, there);
    const local = file({ ...stat(2, 1500, 11), mode: 0o600 });
    expect(plan({ base, local, remote: file(there), localHash: 'v1' })).toMatchObject({
      step: { kind: 'set-metadata', side: 'remote', mode: 0o644, mtimeNs: local.stat.mtimeNs },
    });
  });

  test('touched on both sides alike: written down', () => {
    const now = stat(2, 1700, 11);
    const of = { base: copy, local: file(now), remote: file(stat(2, 1700, 21)), localHash: 'v1', remoteHash: 'v1' };
    expect(plan(of)).toMatchObject({ kind: 'nothing', changes: [{ kind: 'put' }] });
  });

  test('chmod and touch in local, of which a crash carried over only the chmod: the mtime follows', () => {
    const local = file({ ...stat(2, 1500, 11), mode: 0o600 });
    const remote = file({ ...there, mode: 0o600 });
    expect(plan({ base: copy, local, remote, localHash: 'v1' })).toMatchObject({
      step: { kind: 'set-metadata', side: 'remote', mode: 0o600, mtimeNs: local.stat.mtimeNs },
    });
  });

  test('chmod on both sides: the remote’s is taken', () => {
    const of = {
      base: copy,
      local: file({ ...here, mode: 0o600 }),
      remote: file({ ...there, mode: 0o640 }),
      localHash: 'v1',
    };
    expect(plan(of)).toMatchObject({ step: { kind: 'set-metadata', side: 'local', mode: 0o640 } });
  });
});

describe('a stub, seen from the remote', () => {
  const base = stubRow('f', there, 15);
  test('the same size and another mtime may be an edit: it beats a delete', () => {
    const of = { base, local: absent, remote: file(stat(2, 1700, 21)) };
    expect(plan(of)).toMatchObject({ step: { kind: 'make-stub' } });
  });

  test('a chmod is no edit', () => {
    const of = { base, local: absent, remote: file({ ...there, mode: 0o600 }) };
    expect(plan(of)).toMatchObject({ step: { kind: 'remove', side: 'remote' } });
  });
});

describe('a transfer that is staged', () => {
  const staged = {
    transfer: 't1',
    path: at('f'),
    remote: { size: 2, mtimeNs: there.mtimeNs, mode: 0o644 },
    staged: stat(2, 1000, 50),
    hash: 'v1',
  };
  const newer = { ...staged.remote, mtimeNs: 7n };
  const local = stub('f', 15);
  const base = stubRow('f', there, 15);
  const commit = (of: Omit<PathView, 'path'>, wanted = staged.remote): string =>
    (({ kind }) => kind)(planStaged(view('f', of), staged, wanted));

  test('takes the stub’s place', () => {
    expect(planStaged(view('f', { base, local }), staged, staged.remote)).toMatchObject({
      kind: 'step',
      step: { kind: 'hydrate', side: 'local', path: 'f', transfer: 't1', staged: staged.staged, expected: local },
      again: false,
    });
  });

  test('takes it where the row still says copy', () => {
    expect(commit({ base: copyRow('f', here, there), local })).toBe('step');
  });

  test.each<[string, Omit<PathView, 'path'>]>([
    ['a file lies there', { base, local: file(here) }],
    ['nothing lies there', { base, local: absent }],
    ['it was not looked at', { base }],
    ['a moved stub lies there', { base, local: stub('g', 15) }],
    ['another pair’s stub lies there', { base, local: otherPairStub(1) }],
    ['the base knows nothing', { base: null, local }],
    ['the base knows a link', { base: symlinkRow('f', 'x'), local }],
  ])('is dropped: %s', (_name, of) => {
    expect(commit(of)).toBe('nothing');
  });

  test('of another version than the base’s is fetched again, unless it was wanted', () => {
    const row = stubRow('f', { ...there, mtimeNs: 7n }, 15);
    expect(commit({ base: row, local }, newer)).toBe('refetch');
    expect(commit({ base: row, local })).toBe('step');
    expect(commit({ base, local }, newer)).toBe('step');
  });
});

test('a fingerprint is racy within two seconds of its mtime', () => {
  const now = 10_000_000_000n;
  expect(isRacy({ ...here, mtimeNs: now }, now)).toBe(true);
  expect(isRacy({ ...here, mtimeNs: now - 1_999_999_999n }, now)).toBe(true);
  expect(isRacy({ ...here, mtimeNs: now - 2_000_000_000n }, now)).toBe(false);
  expect(isRacy({ ...here, mtimeNs: now + 1n }, now)).toBe(true);
});
