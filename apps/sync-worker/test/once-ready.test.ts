import { expect, test } from 'vitest';
import { onceReady } from '../src/once-ready.ts';

function timers() {
  let due: (() => void) | null = null;
  return {
    tick() {
      const call = due;
      due = null;
      call?.();
    },
    after(_ms: number, call: () => void) {
      due = call;
      return { cancel: () => void (due = null) };
    },
  };
}

test('it is done once, when the first look is over', () => {
  const clock = timers();
  let ready = false;
  let done = 0;
  onceReady({ ready: () => ready, act: async () => void done++, failed: () => undefined }, clock);
  clock.tick();
  clock.tick();
  expect(done).toBe(0);
  ready = true;
  clock.tick();
  clock.tick();
  expect(done).toBe(1);
});

test('stopped before, nothing is done; what went wrong is told', async () => {
  const clock = timers();
  let done = 0;
  const stop = onceReady({ ready: () => true, act: async () => void done++, failed: () => undefined }, clock);
  stop();
  clock.tick();
  expect(done).toBe(0);
  const failure = await new Promise((failed) => {
    onceReady({ ready: () => true, act: () => Promise.reject(new Error('away')), failed }, clock);
    clock.tick();
  });
  expect(failure).toEqual(new Error('away'));
});
