import { ARMED_ATIME_NS, type RelPath } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { createAccess } from '../src/access.ts';
import { FakeTimers, p } from './testing-tools.ts';

test('a folder that was just listed is armed before the rest of a big tree', () => {
  const clock = new FakeTimers();
  const atimes = new Map<RelPath, bigint>();
  const armedAt = new Map<RelPath, number>();
  const folders = Array.from({ length: 5_000 }, (_, i) => p(`d${i}`));
  const stubOf = (folder: RelPath): RelPath => p(`${folder}/f`);
  for (const folder of folders) atimes.set(stubOf(folder), 5n);
  const access = createAccess({
    // A turn of the event loop takes its time.
    timers: { now: () => clock.now(), after: (ms, call) => clock.after(Math.max(ms, 1), call) },
    stubs: {
      atime: (path) => atimes.get(path) ?? null,
      arm: (path) => {
        atimes.set(path, ARMED_ATIME_NS);
        armedAt.set(path, clock.now());
      },
    },
    stubsIn: (folder) => [stubOf(folder)],
    linkAtime: true,
    onAccess: () => undefined,
  });
  const last = p('d4999');

  access.listing(last, true);
  access.listing(last, false);
  clock.advance(490);
  access.rearm(folders);
  clock.advance(20);
  expect(armedAt.get(stubOf(last))).toBeLessThan(510);
  expect(armedAt.size).toBeLessThan(folders.length);
  clock.advance(1_000);
  expect(armedAt.size).toBe(folders.length);
  access.stop();
});

test('an open that is heard of before the rename of its stub is counted under the new name', () => {
  const timers = new FakeTimers();
  const there = new Map([[p('d/new'), ARMED_ATIME_NS + 1n]]);
  const opened: string[] = [];
  const access = createAccess({
    timers,
    stubs: { atime: (path) => there.get(path) ?? null, arm: (path) => void there.set(path, ARMED_ATIME_NS) },
    stubsIn: () => [],
    linkAtime: true,
    onAccess: (paths) => opened.push(...paths),
  });
  access.opened(p('d/old'));
  access.opened(p('never/there'));
  timers.advance(50);
  expect(opened).toEqual([]);
  access.moved(p('d/old'), p('d/new'));
  timers.advance(1_000);
  expect(opened).toEqual(['d/new']);
  access.stop();
});

test('a file that is just being made is looked for once; an open of it through its stub counts', () => {
  const timers = new FakeTimers();
  const there = new Map<RelPath, bigint>();
  const looks: string[] = [];
  const opened: string[] = [];
  const access = createAccess({
    timers,
    stubs: {
      atime: (path) => (looks.push(path), there.get(path) ?? null),
      arm: (path) => void there.set(path, ARMED_ATIME_NS),
    },
    stubsIn: () => [],
    linkAtime: true,
    onAccess: (paths) => opened.push(...paths),
  });
  access.made(p('new'));
  access.opened(p('new'));
  timers.advance(1_500);
  expect(looks).toEqual(['new']);
  there.set(p('new'), ARMED_ATIME_NS + 1n);
  access.opened(p('new'));
  timers.advance(50);
  expect(opened).toEqual(['new']);
  // Long after, its stub may have been moved like any other's.
  there.delete(p('new'));
  timers.advance(3_000);
  access.opened(p('new'));
  there.set(p('elsewhere'), ARMED_ATIME_NS + 1n);
  access.moved(p('new'), p('elsewhere'));
  timers.advance(1_000);
  expect(opened).toEqual(['new', 'elsewhere']);
  access.stop();
});
