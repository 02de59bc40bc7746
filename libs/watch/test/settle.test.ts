import type { ChangeEvent, Side } from '@lazysync/event-model';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSettle, type SettleOptions } from '../src/settle.ts';
import { FakeTimers, hintOf, p } from './testing-tools.ts';

function settling(options: Partial<SettleOptions> = {}) {
  const timers = new FakeTimers();
  const left: { at: number; events: readonly ChangeEvent[] }[] = [];
  const collapsed: Side[] = [];
  const settle = createSettle({
    timers,
    onDue: (events) => left.push({ at: timers.now(), events }),
    onCollapse: (side) => collapsed.push(side),
    ...options,
  });
  const shown = () => left.map(({ at, events }) => [at, events.map((e) => `${e.side} ${e.kind} ${e.path}`)]);
  return { timers, settle, left, collapsed, shown };
}

test('a path leaves once, after 200 ms of quiet', () => {
  const { timers, settle, shown } = settling();
  settle.hint(hintOf('local', 'a', 'create'));
  timers.advance(150);
  settle.hint(hintOf('local', 'a', 'modify'));
  timers.advance(199);
  expect(shown()).toEqual([]);
  timers.advance(1);
  expect(shown()).toEqual([[350, ['local create a']]]);
  timers.advance(100_000);
  expect(shown()).toHaveLength(1);
  expect(timers.pending).toBe(0);
});

test('a new folder leaves with all that came into it, when nothing more does', () => {
  const { timers, settle, shown } = settling();
  settle.hint(hintOf('local', 'd', 'create'));
  timers.advance(150);
  settle.hint(hintOf('local', 'd/e', 'create'));
  for (const name of ['d/a', 'd/e/b', 'd/c']) {
    timers.advance(150);
    settle.hint(hintOf('local', name, 'create'));
  }
  timers.advance(199);
  expect(shown()).toEqual([]);
  timers.advance(1);
  const all = ['d', 'd/e', 'd/a', 'd/e/b', 'd/c'].map((name) => `local create ${name}`);
  expect(shown()).toEqual([[800, all]]);
  expect(timers.pending).toBe(0);
});

test('a new folder that goes on being filled leaves after a second, and what comes then leaves by itself', () => {
  const { timers, settle, left } = settling();
  settle.hint(hintOf('local', 'd', 'create'));
  for (let i = 0; i < 15; i++) {
    timers.advance(100);
    settle.hint(hintOf('local', `d/f${i}`, 'create'));
  }
  timers.advance(200);
  expect(left[0]?.at).toBe(1_000);
  expect(left[0]?.events.map(({ path }) => path)).toEqual(['d', ...Array.from({ length: 8 }, (_, i) => `d/f${i}`)]);
  expect(left.slice(1).flatMap(({ events }) => events)).toHaveLength(7);
  expect(timers.pending).toBe(0);
});

test.each([
  ['a known folder', 'local', 'modify'],
  ['a new folder of the remote', 'remote', 'create'],
] as const)('%s is not waited for', (_what, side, kind) => {
  const { timers, settle, left } = settling();
  settle.hint(hintOf(side, 'd', kind));
  timers.advance(150);
  settle.hint(hintOf(side, 'd/a', 'create'));
  timers.advance(300);
  expect(left.map(({ at }) => at)).toEqual([200, 350]);
});

test('a file that is being written in a new folder does not hold it up', () => {
  const { timers, settle, shown } = settling();
  settle.hint(hintOf('local', 'd', 'create'));
  settle.hint(hintOf('local', 'd/a', 'create'));
  settle.writing('local', p('d/a'), true);
  timers.advance(5_000);
  expect(shown()).toEqual([[200, ['local create d']]]);
  settle.writing('local', p('d/a'), false);
  timers.advance(200);
  expect(shown().slice(1)).toEqual([[5_200, ['local create d/a']]]);
});

test('a path that never comes to rest leaves at the ceiling', () => {
  const { timers, settle, left } = settling();
  for (let i = 0; i < 120; i++) {
    settle.hint(hintOf('local', 'log', 'modify'));
    timers.advance(100);
  }
  expect(left[0]?.at).toBe(10_000);
});

test.each([
  [['create'], 'create'],
  [['modify'], 'modify'],
  [['delete'], 'delete'],
  [['create', 'modify'], 'create'],
  [['create', 'delete'], 'modify'],
  [['delete', 'create'], 'modify'],
  [['delete', 'modify'], 'modify'],
  [['modify', 'delete'], 'delete'],
  [['create', 'delete', 'create'], 'create'],
  [['modify', 'delete', 'create', 'modify'], 'modify'],
] as const)('%j in one window is %s', (kinds, net) => {
  const { timers, settle, shown } = settling();
  for (const kind of kinds) settle.hint(hintOf('local', 'a', kind));
  timers.advance(300);
  expect(shown()).toEqual([[200, [`local ${net} a`]]]);
});

test('both halves of a rename leave as one window, in the order they were told', () => {
  const { timers, settle, shown } = settling();
  settle.hint(hintOf('local', 'old', 'delete'));
  timers.advance(3);
  settle.hint(hintOf('local', 'new', 'create'));
  timers.advance(1_000);
  expect(shown()).toEqual([[200, ['local delete old', 'local create new']]]);
});

test('what is due within 50 ms goes along, what is later does not', () => {
  const { timers, settle, shown } = settling();
  settle.hint(hintOf('local', 'a', 'modify'));
  timers.advance(50);
  settle.hint(hintOf('local', 'b', 'modify'));
  timers.advance(1);
  settle.hint(hintOf('local', 'c', 'modify'));
  timers.advance(1_000);
  expect(shown()).toEqual([
    [200, ['local modify a', 'local modify b']],
    [251, ['local modify c']],
  ]);
});

test('sides do not mix, and seen is kept if any source saw it', () => {
  const { timers, settle, left } = settling();
  settle.hint(hintOf('remote', 'a', 'modify', false));
  settle.hint(hintOf('local', 'a', 'delete', false));
  settle.hint(hintOf('local', 'a', 'delete', true));
  timers.advance(300);
  expect(left.flatMap(({ events }) => events)).toEqual([
    { kind: 'delete', side: 'local', path: 'a', seen: true },
    { kind: 'modify', side: 'remote', path: 'a', seen: false },
  ]);
});

// In local a new folder is waited for, with what was made in it.
test.each([
  ['remote', 200],
  ['local', 350],
] as const)('in %s a folder leaves no later than what was made in it', (side, at) => {
  const { timers, settle, shown } = settling();
  settle.hint(hintOf(side, 'd', 'create'));
  settle.hint(hintOf(side, 'd/x', 'create'));
  timers.advance(150);
  settle.hint(hintOf(side, 'd', 'modify'));
  timers.advance(at - 151);
  expect(shown()).toEqual([]);
  timers.advance(1);
  expect(shown()).toEqual([[at, [`${side} create d`, `${side} create d/x`]]]);
});

test('a file that is being written stays until it is closed, whatever the ceiling says', () => {
  const { timers, settle, shown } = settling();
  for (let i = 0; i < 40; i++) {
    settle.writing('local', p('big'), true);
    settle.hint(hintOf('local', 'big', 'modify'));
    timers.advance(1_000);
  }
  expect(shown()).toEqual([]);
  settle.writing('local', p('big'), false);
  settle.hint(hintOf('local', 'big', 'modify'));
  timers.advance(1_000);
  expect(shown()).toEqual([[40_200, ['local modify big']]]);
});

test('a file that stays open for writing leaves after 60 s without a write', () => {
  const { timers, settle, shown } = settling();
  settle.hint(hintOf('local', 'db', 'create'));
  settle.writing('local', p('db'), true);
  timers.advance(59_999);
  expect(shown()).toEqual([]);
  timers.advance(1);
  expect(shown()).toEqual([[60_000, ['local create db']]]);
});

test('a write that nobody can close is held only until the kernel was asked', () => {
  const open = new Set(['db']);
  const { timers, settle, shown } = settling({ stillWriting: (_, path) => open.has(path) });
  settle.writing('local', p('touched'), true);
  settle.writing('local', p('db'), true);
  timers.advance(1_000);
  expect(shown()).toEqual([[200, ['local modify touched']]]);
  timers.advance(50_000);
  expect(shown()).toHaveLength(1);
  settle.writing('local', p('db'), false);
  timers.advance(1_000);
  expect(shown()[1]).toEqual([51_200, ['local modify db']]);
});

test('a file that was deleted is not held for its writer', () => {
  const { timers, settle, shown } = settling();
  settle.writing('local', p('tmp'), true);
  settle.hint(hintOf('local', 'tmp', 'modify'));
  settle.hint(hintOf('local', 'tmp', 'delete'));
  timers.advance(200);
  expect(shown()).toEqual([[200, ['local delete tmp']]]);
});

test('flush lets all go but what is being written, and says how many stay', () => {
  const { timers, settle, shown } = settling();
  settle.hint(hintOf('local', 'a', 'modify'));
  settle.hint(hintOf('remote', 'b', 'create'));
  settle.writing('local', p('open'), true);
  expect(settle.flush()).toBe(1);
  expect(shown()).toEqual([
    [0, ['local modify a']],
    [0, ['remote create b']],
  ]);
  expect(settle.waits('local', p('open'))).toBe(true);
  expect(settle.waits('local', p('a'))).toBe(false);
  timers.advance(60_000);
  expect(shown()).toHaveLength(3);
});

test('too many paths collapse to a rescan, and it goes on after that', () => {
  const { timers, settle, shown, collapsed } = settling({ limit: 100 });
  for (let i = 0; i < 101; i++) settle.hint(hintOf('local', `f${i}`, 'create'));
  expect(collapsed).toEqual(['local']);
  expect(settle.size()).toBe(0);
  settle.hint(hintOf('local', 'after', 'create'));
  timers.advance(1_000);
  expect(shown()).toEqual([[200, ['local create after']]]);
});

test('nothing leaves after stop', () => {
  const { timers, settle, shown } = settling();
  settle.hint(hintOf('local', 'a', 'create'));
  settle.stop();
  settle.hint(hintOf('local', 'b', 'create'));
  timers.advance(100_000);
  expect(shown()).toEqual([]);
  expect(timers.pending).toBe(0);
});

const act = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('create', 'modify', 'delete'), at: fc.nat(11) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('written', 'closed'), at: fc.nat(11) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait'), at: fc.nat(400) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush'), at: fc.constant(0) }) },
);

test('no path is ever lost: each hint is followed by an event of its path, or by a rescan', () => {
  const names = ['a', 'a/b', 'a/b/c', 'a/d', 'e', 'e/f', 'g', 'h', 'i', 'j', 'k', 'l'];
  fc.assert(
    fc.property(fc.array(act, { maxLength: 80 }), fc.integer({ min: 3, max: 20 }), (acts, limit) => {
      /** Paths whose last hint no event has followed yet. */
      const owed = new Set<string>();
      const timers = new FakeTimers();
      const settle = createSettle({
        timers,
        limit,
        onDue: (events) => {
          for (const event of events) {
            // Nothing is made up, and nothing is told twice.
            expect(owed.delete(event.path)).toBe(true);
          }
        },
        onCollapse: () => owed.clear(),
      });
      for (const one of acts) {
        const path = names[one.at] ?? 'a';
        if (one.do === 'wait') timers.advance(one.at);
        else if (one.do === 'flush') settle.flush();
        else if (one.do === 'closed') settle.writing('local', p(path), false);
        else {
          owed.add(path);
          if (one.do === 'written') settle.writing('local', p(path), true);
          else settle.hint(hintOf('local', path, one.do as 'create'));
        }
      }
      timers.advance(60_001);
      expect([...owed]).toEqual([]);
      expect(settle.size()).toBe(0);
      expect(timers.pending).toBe(0);
    }),
    { numRuns: 500 },
  );
});
