/** What the base keeps beside its rows: journal, transfers, problems, commands, and words of the pair. */
import type { Problem, RelPath, Step } from '@lazysync/event-model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Base, type Intent, openBase, type Transfer } from '../src/index.ts';
import { at, remote, stat, stub } from './records.ts';

let base: Base;
beforeEach(() => {
  base = openBase(':memory:');
});
afterEach(() => {
  base.close();
});

const upload: Step = {
  kind: 'upload',
  side: 'remote',
  path: at('a/ü 😀.txt'),
  source: stat(7, { mtimeNs: 2n ** 70n, ino: 2n ** 64n - 1n }),
  expected: { kind: 'file', stat: stat(8) },
};
const intent = (slot: string, more: Partial<Intent> = {}): Intent => ({
  slot,
  side: 'remote',
  step: upload,
  at: 1_700_000_000_123,
  ...more,
});

describe('the journal', () => {
  test('keeps a step exactly, until it is cleared with what it came to', () => {
    base.begin([intent('s1'), intent('s2')]);
    expect(base.intents()).toEqual([intent('s1'), intent('s2')]);
    base.record([{ kind: 'put', record: stub('a') }], ['s1']);
    expect(base.intents()).toEqual([intent('s2')]);
    base.record([], ['s2']);
    expect(base.intents()).toEqual([]);
    expect(base.get(at('a'))).not.toBeNull();
  });

  test('is written a second time once the content is staged', () => {
    base.begin([intent('s')]);
    const staged = { stat: stat(9), hash: 'ff', source: stat(10) };
    base.begin([intent('s', { staged })]);
    expect(base.intents()).toEqual([intent('s', { staged })]);
  });

  test('a slot that is not there may be cleared', () => {
    base.record([], ['nothing']);
    expect(base.intents()).toEqual([]);
  });
});

test('one record is one transaction: what fails leaves nothing behind', () => {
  base.begin([intent('s')]);
  const bad = { ...stub('b'), remote: { ...remote, size: {} as number } };
  expect(() =>
    base.record(
      [
        { kind: 'put', record: stub('a') },
        { kind: 'put', record: bad },
      ],
      ['s'],
    ),
  ).toThrow();
  expect(base.get(at('a'))).toBeNull();
  expect(base.intents()).toHaveLength(1);
  base.record([{ kind: 'put', record: stub('a') }], ['s']);
  expect(base.get(at('a'))).not.toBeNull();
});

test('transfers: put, put again, dropped', () => {
  const transfer = (id: string, more: Partial<Transfer> = {}): Transfer => ({
    id,
    path: at('a'),
    state: 'queued',
    remote,
    bytes: 0,
    staged: null,
    ...more,
  });
  base.putTransfer(transfer('t1'));
  base.putTransfer(transfer('t2', { bytes: 5_000_000_000_000 }));
  expect(base.transfers()).toEqual([transfer('t1'), transfer('t2', { bytes: 5_000_000_000_000 })]);
  const done = transfer('t1', { state: 'staged', staged: { stat: stat(4), hash: 'aa', remote } });
  base.putTransfer(done);
  base.dropTransfer('t2');
  base.dropTransfer('t3');
  expect(base.transfers()).toEqual([done]);
});

describe('problems', () => {
  const problem = (path: string, more: Partial<Problem> = {}): Problem => ({
    code: 'failed',
    path: at(path),
    side: null,
    message: 'It failed.',
    ...more,
  });

  test('one per path, with the time since when', () => {
    expect(base.hasProblems()).toBe(false);
    base.putProblem(problem('b'), 5);
    expect(base.hasProblems()).toBe(true);
    base.putProblem(problem('a', { side: 'remote' }), 6);
    base.putProblem(problem('b', { code: 'no-space', side: 'local', message: 'Full.' }), 7);
    expect(base.problems()).toEqual([
      { ...problem('a', { side: 'remote' }), since: 6 },
      { ...problem('b', { code: 'no-space', side: 'local', message: 'Full.' }), since: 5 },
    ]);
  });

  test('cleared at a path, and at and below one', () => {
    for (const path of ['d', 'd/x', 'd/e/y', 'd.x', 'd0', 'dx']) base.putProblem(problem(path), 1);
    base.clearProblem(at('d/x'));
    base.clearProblem(at('nothing'));
    expect(base.problems()).toHaveLength(5);
    base.clearProblemsBelow(at('d'));
    expect(base.problems().map((one) => one.path)).toEqual(['d.x', 'd0', 'dx']);
    base.putProblem(problem('\u{10FFFF}x'), 1);
    base.clearProblemsBelow(at(''));
    expect(base.problems()).toEqual([]);
  });
});

test('what came of a command is kept, the first time', () => {
  expect(base.commandResult('a')).toBeNull();
  base.putCommand('a', 'first');
  base.putCommand('a', 'again');
  expect(base.commandResult('a')).toBe('first');
});

test('words of the pair', () => {
  expect(base.meta('state')).toBeNull();
  base.setMeta('state', 'idle');
  base.setMeta('state', 'syncing');
  base.setMeta('why', '');
  expect([base.meta('state'), base.meta('why')]).toEqual(['syncing', '']);
});

test('the root can be no row, and is never forgotten', () => {
  const base = openBase(':memory:');
  const record = { kind: 'residual', path: '' as RelPath, side: 'local', why: 'w' } as const;
  expect(() => base.record([{ kind: 'put', record }], [])).toThrow(/root/);
  expect(() => base.record([{ kind: 'forget', path: '' as RelPath }], [])).toThrow(/root/);
  base.close();
});

describe('what was done', () => {
  const act = (path: string, why = 'new in local') => ({ path: at(path), act: 'upload remote', why });

  test('is told oldest first, the newest ones, of all or of one path', () => {
    base.record([], [], [act('a'), act('b')], 5);
    base.record([{ kind: 'put', record: stub('a') }], ['s'], [act('a', 'changed in local')], 6);
    const all = base.acts({ limit: 10 });
    expect(all.map(({ at: when, path, why }) => [when, path, why])).toEqual([
      [5, 'a', 'new in local'],
      [5, 'b', 'new in local'],
      [6, 'a', 'changed in local'],
    ]);
    expect(base.acts({ limit: 2 })).toEqual(all.slice(1));
    expect(base.acts({ limit: 10, after: all[1]?.id ?? 0 })).toEqual(all.slice(2));
    expect(base.acts({ limit: 10, path: at('a') }).map((one) => one.at)).toEqual([5, 6]);
    expect(base.acts({ limit: 1, path: at('a') }).map((one) => one.at)).toEqual([6]);
    expect(base.acts({ limit: 10, path: at('c') })).toEqual([]);
  });

  test('a long time ago is forgotten', () => {
    const many = Array.from({ length: 20_010 }, (_, i) => act(`f${i}`));
    base.record([], [], many, 1);
    const left = base.acts({ limit: 50_000 });
    expect(left).toHaveLength(20_000);
    expect([left[0]?.path, left.at(-1)?.path]).toEqual(['f10', 'f20009']);
  });

  test('does not outlive a record that failed', () => {
    const bad = { ...stub('b'), remote: { ...remote, size: {} as number } };
    expect(() => base.record([{ kind: 'put', record: bad }], [], [act('b')], 1)).toThrow();
    expect(base.acts({ limit: 5 })).toEqual([]);
  });
});

test('pins: a set of patterns', () => {
  for (const pattern of ['b/**', '*.txt', 'b/**']) base.putPin(pattern);
  expect(base.pins()).toEqual(['*.txt', 'b/**']);
  base.dropPin('b/**');
  base.dropPin('never there');
  expect(base.pins()).toEqual(['*.txt']);
});
