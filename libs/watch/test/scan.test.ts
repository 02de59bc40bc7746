/** When a scan runs. */
import { expect, test } from 'vitest';
import { createScanLoop } from '../src/scan.ts';
import { FakeTimers } from './testing-tools.ts';

/** Lets what was due come to its end. */
const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

test('a scan that failed is tried again soon, whatever the interval is, and less and less often', async () => {
  const timers = new FakeTimers();
  const at: number[] = [];
  let fails = true;
  const loop = createScanLoop({
    timers,
    intervalMs: () => 300_000,
    scan: async () => {
      at.push(timers.now() / 1_000);
      return { published: 0, problem: fails ? 'EMFILE' : null };
    },
  });
  loop.start();
  await turns();
  for (let s = 0; s < 100; s++) {
    timers.advance(1_000);
    await turns();
  }
  expect(at).toEqual([0, 2, 6, 14, 30, 60, 90]);
  fails = false;
  for (let s = 100; s < 800; s++) {
    timers.advance(1_000);
    await turns();
  }
  expect(at.slice(7)).toEqual([120, 420, 720]);
  await loop.stop();
});
