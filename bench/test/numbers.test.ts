import { expect, test } from 'vitest';
import { median, quantile, seeded, short } from '../src/numbers.ts';
import { readOptions } from '../src/options.ts';
import { usedBetween } from '../src/processes.ts';
import type { Row } from '../src/row.ts';
import { markdownOf, summaryOf, verdictOf } from '../src/table.ts';

test('medians and quantiles', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(quantile([1, 2, 3, 4, 5], 0.95)).toBeCloseTo(4.8);
  expect(median([])).toBeNaN();
});

test('numbers are shown with three digits that count', () => {
  expect([12_345.6, 99.94, 1.234, 0.0123, 0, Number.NaN].map(short)).toEqual([
    '12,346',
    '99.9',
    '1.23',
    '0.012',
    '0.00',
    '-',
  ]);
});

test('a seed gives the same numbers each time, another seed others', () => {
  const of = (seed: number): number[] => Array.from({ length: 5 }, seeded(seed));
  expect(of(1)).toEqual(of(1));
  expect(of(1)).not.toEqual(of(2));
});

test('options: the defaults, and one sentence for what is wrong', () => {
  expect(readOptions([])).toMatchObject({ workloads: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], runs: 3, scale: 1 });
  expect(readOptions(['c', 'a', '--where', 'plain', '--runs', '1', '--peers'])).toMatchObject({
    workloads: ['a', 'c'],
    where: ['plain'],
    peers: true,
  });
  expect(readOptions(['z'])).toBe('There is no workload "z".');
  expect(readOptions(['--scale', '2'])).toBe('--scale lies between 0 and 1.');
  expect(readOptions(['--runs', '0'])).toBe('--runs is a whole number from 1 on.');
  expect(readOptions(['--where', 'moon'])).toBe('--where is plain, slow or both.');
});

const row = (more: Partial<Row>): Row => ({
  workload: 'a',
  where: 'plain',
  what: 'x',
  unit: 's',
  goal: null,
  floor: null,
  peers: [],
  ours: [],
  ...more,
});

test('a goal is judged by the median, a goal in times of the floor by that of the floor', () => {
  const floor = { what: 'cp -rs', values: [1, 2, 100] };
  expect(verdictOf(row({ goal: { kind: 'most', value: 6 }, ours: [1, 6, 9] }))).toBe('met');
  expect(verdictOf(row({ goal: { kind: 'most', value: 6 }, ours: [7, 7, 1] }))).toBe('missed');
  expect(verdictOf(row({ goal: { kind: 'least', value: 6 }, ours: [5] }))).toBe('missed');
  expect(verdictOf(row({ goal: { kind: 'times', value: 2 }, floor, ours: [4] }))).toBe('met');
  expect(verdictOf(row({ goal: { kind: 'times', value: 2 }, floor, ours: [4.1] }))).toBe('missed');
  expect(verdictOf(row({ ours: [4.1] }))).toBeNull();
  expect(summaryOf(row({ floor, ours: [3] })).timesFloor).toBe(1.5);
});

test('the table names floor, peers, ratio and what was used', () => {
  const text = markdownOf([
    row({
      floor: { what: 'walk', values: [2] },
      peers: [{ what: 'cp -rs', values: [8] }],
      ours: [3],
      wire: { up: 1024, down: 1024 },
      processes: [{ name: 'watcher', cpu: 1, rss: 50, peak: 60, pss: 20 }],
    }),
  ]);
  expect(text).toContain('| 2.00 (walk) | cp -rs 8.00 | 3.00 | 1.50 |');
  expect(text).toContain('CPU 1.00 s, RSS 50.0 MiB, 2.00 KiB on the wire');
});

test('use between two looks: per process, two of one name each with its own', () => {
  const at = (name: string, cpu: number) => ({ name, cpu, rss: 1, peak: 1, pss: 1 });
  const used = usedBetween(
    [at('endpoint', 1), at('endpoint', 5)],
    [at('endpoint', 2), at('endpoint', 8), at('new', 1)],
  );
  expect(used.map(({ cpu }) => cpu)).toEqual([1, 3, 1]);
});
