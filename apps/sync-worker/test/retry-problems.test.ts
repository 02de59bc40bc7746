import type { StoredProblem } from '@lazysync/base';
import { relPath } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { createRetryPlan } from '../src/retry-problems.ts';

const problem = (path: string, code: StoredProblem['code']): StoredProblem => ({
  code,
  path: relPath(path),
  side: 'remote',
  message: '',
  since: 0,
});

test('a problem is tried again after 2 s, then after twice as long each time, up to 5 minutes', () => {
  const plan = createRetryPlan();
  const tries: number[] = [];
  for (let now = 0; now <= 2_000_000; now += 1_000)
    if (plan([problem('a', 'no-space')], now).length > 0) tries.push(now);
  const waits = tries.map((at, i) => at - (tries[i - 1] ?? 0));
  expect(waits.slice(0, 9)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 300].map((s) => s * 1_000));
});

test('one that was gone begins anew; what only a change can mend waits for it', () => {
  const plan = createRetryPlan();
  plan([problem('a', 'failed')], 0);
  expect(plan([problem('a', 'failed')], 2_000)).toEqual(['a']);
  plan([], 3_000);
  plan([problem('a', 'failed')], 4_000);
  expect(plan([problem('a', 'failed')], 6_000)).toEqual(['a']);
  plan([problem('b', 'special-file'), problem('', 'failed')], 7_000);
  expect(plan([problem('b', 'special-file'), problem('', 'failed')], 60_000)).toEqual([]);
});

test('of many, 200 at a time', () => {
  const plan = createRetryPlan();
  const many = Array.from({ length: 450 }, (_, i) => problem(`f${i}`, 'no-permission'));
  plan(many, 0);
  expect([plan(many, 2_000), plan(many, 2_001), plan(many, 2_002), plan(many, 2_003)].map((due) => due.length)).toEqual(
    [200, 200, 50, 0],
  );
});
