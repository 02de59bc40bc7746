import { expect, test } from 'vitest';
import { probeLater } from '../src/probe-later.ts';

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

test('the remote is probed once, when the first look is over', () => {
  const clock = timers();
  let ready = false;
  let probed = 0;
  probeLater({ ready: () => ready, probe: async () => void probed++, failed: () => undefined }, clock);
  clock.tick();
  clock.tick();
  expect(probed).toBe(0);
  ready = true;
  clock.tick();
  clock.tick();
  expect(probed).toBe(1);
});

test('stopped before, it is never probed; what went wrong is told', async () => {
  const clock = timers();
  let probed = 0;
  const stop = probeLater({ ready: () => true, probe: async () => void probed++, failed: () => undefined }, clock);
  stop();
  clock.tick();
  expect(probed).toBe(0);
  const failure = await new Promise((failed) => {
    probeLater({ ready: () => true, probe: () => Promise.reject(new Error('away')), failed }, clock);
    clock.tick();
  });
  expect(failure).toEqual(new Error('away'));
});
