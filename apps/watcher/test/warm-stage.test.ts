import { relPath } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { createWarmStage } from '../src/warm-stage.ts';

test('the stage folders are looked at with the first change after a second of quiet, and what fails does no harm', async () => {
  let now = 0;
  let looks = 0;
  const folders = [relPath('.lazysync/stage/0')];
  const failures: unknown[] = [];
  const warm = createWarmStage({
    timers: { now: () => now },
    look: async (asked) => {
      expect(asked).toBe(folders);
      looks++;
      if (looks === 2) throw new Error('offline');
    },
    folders,
    failed: (error) => failures.push(error),
  });
  warm.heard();
  expect(looks).toBe(1);
  for (now = 900; now <= 5_400; now += 900) warm.heard();
  expect(looks).toBe(1);
  now += 1_000;
  warm.heard();
  expect(looks).toBe(2);
  await expect.poll(() => failures.length).toBe(1);
  now += 1_000;
  warm.heard();
  expect(looks).toBe(3);
});
