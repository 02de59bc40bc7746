import { expect, test } from 'vitest';
import { createPacer } from '../src/pacer.ts';

test('all together stay within the limit, and what was not used is not made up for', async () => {
  let now = 0;
  const clock = {
    elapsed: () => now,
    sleep: (ms: number) => {
      now += ms;
      return Promise.resolve();
    },
  };
  const pacer = createPacer(clock);
  await pacer.moved(1_000, 1_000);
  expect(now).toBe(1_000);
  await Promise.all([pacer.moved(500, 1_000), pacer.moved(500, 1_000)]);
  expect(now).toBeGreaterThanOrEqual(2_000);
  now = 100_000;
  await pacer.moved(1_000, 1_000);
  expect(now).toBe(101_000);
});
