import type { RelPath } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { createScanRounds, type ScanRounds } from '../src/scan-rounds.ts';
import { p } from './testing-tools.ts';

const folders = (count: number): RelPath[] => Array.from({ length: count }, (_, at) => p(`d${at}`));

/** Rounds every 2 s for some time; a folder takes `each` ms. Answers when each folder was listed. */
function play(rounds: ScanRounds, from: number, seconds: number, each: number): Map<RelPath, number[]> {
  const seen = new Map<RelPath, number[]>();
  for (let at = from; at < from + seconds * 1000; at += 2_000) {
    const some = rounds.next(at);
    for (const path of some) seen.set(path, [...(seen.get(path) ?? []), at]);
    rounds.listed(at, some, some.length * each);
  }
  return seen;
}

function longestGap(times: readonly number[], from: number, to: number): number {
  const all = [from, ...times, to];
  return Math.max(...all.slice(1).map((at, i) => at - (all[i] as number)));
}

test('a small tree is looked at as a whole within 6 s, for ever, however slow the mount is', () => {
  for (const [count, each] of [
    [1, 10],
    [16, 10],
    [40, 10],
    [40, 500],
  ] as const) {
    const rounds = createScanRounds();
    rounds.whole(0, folders(count), count * each);
    const seen = play(rounds, 2_000, 3600, each);
    for (const path of folders(count)) {
      const gap = longestGap(seen.get(path) ?? [], 2_000, 3_602_000);
      expect(gap, `${path} of ${count}`).toBeLessThanOrEqual(6_000);
    }
  }
});

test('a large one takes a twentieth of the time at most, and less the longer nothing changes', () => {
  const rounds = createScanRounds();
  rounds.whole(0, folders(2_000), 2_000 * 10);
  const first = [...play(rounds, 2_000, 600, 10).values()].flat().length * 10;
  expect(first / 600_000).toBeLessThanOrEqual(0.055);
  expect(first / 600_000).toBeGreaterThan(0.02);
  const few = createScanRounds();
  few.whole(0, folders(500), 500 * 9);
  play(few, 2_000, 7200, 9);
  const later = [...play(few, 7_202_000, 3600, 9).values()].flat().length;
  expect(later).toBeLessThanOrEqual(500 * 4 + 500);
  expect(later).toBeGreaterThanOrEqual(500 * 3);
});

test('no folder is forgotten: each is looked at within a quarter of an hour', () => {
  const rounds = createScanRounds();
  rounds.whole(0, folders(500), 500 * 9);
  const seen = play(rounds, 2_000, 7200, 9);
  for (const path of folders(500)) {
    expect(longestGap(seen.get(path) ?? [], 2_000, 7_202_000)).toBeLessThanOrEqual(16 * 60_000);
  }
});

test('where something happened is listed in every round for five minutes, the latest ones first', () => {
  const rounds = createScanRounds();
  rounds.whole(0, folders(1_000), 10_000);
  rounds.touch(p('d7'), 1_000);
  const seen = play(rounds, 2_000, 280, 10);
  expect(longestGap(seen.get(p('d7')) ?? [], 2_000, 282_000)).toBeLessThanOrEqual(2_000);
  const after = play(rounds, 302_000, 120, 10);
  expect(longestGap(after.get(p('d7')) ?? [], 302_000, 422_000)).toBeGreaterThan(9_000);
  for (let at = 0; at < 100; at++) rounds.touch(p(`d${at}`), 500_000 + at);
  expect(rounds.next(501_000).slice(0, 16)).toEqual(Array.from({ length: 16 }, (_, i) => `d${99 - i}`));
});

test('folders come and go', () => {
  const rounds = createScanRounds();
  rounds.whole(0, folders(2), 10);
  rounds.add(p('new'), 10);
  rounds.drop(p('d0'));
  rounds.touch(p('never-heard-of'), 20);
  expect([...rounds.next(2_000)].sort()).toEqual(['d1', 'new']);
  rounds.whole(3_000, folders(1), 10);
  expect(rounds.next(6_000)).toEqual(['d0']);
});

test('what it costs and how old it is can be told', () => {
  const rounds = createScanRounds();
  rounds.whole(1_000, folders(10), 600);
  rounds.touch(p('d1'), 2_000);
  expect(rounds.facts(11_000)).toEqual({ folders: 10, hot: 1, oldestMs: 10_000, duty: 0.01 });
});
