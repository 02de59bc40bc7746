/** Stage names of what is done are removed when the lane has time for it. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSweeper, type Sweeper } from '../src/sweeper.ts';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

const ONE = '20300101t000000-abc123-1';
const TWO = '20300101t000000-abc123-2';

let pair: TwoFolders;
let sweeper: Sweeper;
let due: (() => void)[];

beforeEach(async () => {
  pair = await twoFolders();
  due = [];
  const timers = {
    now: () => 0,
    soon: (call: () => void) => queueMicrotask(call),
    after: (_ms: number, call: () => void) => {
      due.push(call);
      return { cancel: () => void (due = due.filter((one) => one !== call)) };
    },
  };
  sweeper = createSweeper({ ...pair.ports, timers });
});
afterEach(async () => {
  await sweeper.close();
  await pair.close();
});

const nameOf = (slot: string): string =>
  path.join(pair.remote, '.lazysync/stage', slot.slice(slot.lastIndexOf('-') + 1), slot);
function leave(slot: string): void {
  fs.mkdirSync(path.dirname(nameOf(slot)), { recursive: true });
  fs.writeFileSync(nameOf(slot), 'a second name');
  sweeper.add(slot);
}
function passTime(): void {
  const calls = due;
  due = [];
  for (const call of calls) call();
}

test('nothing is removed while a job is at work; afterwards all of it is', async () => {
  sweeper.atWork(true);
  leave(ONE);
  passTime();
  leave(TWO);
  passTime();
  await new Promise(setImmediate);
  expect([sweeper.left, fs.existsSync(nameOf(ONE)), fs.existsSync(nameOf(TWO))]).toEqual([2, true, true]);
  sweeper.atWork(false);
  expect(due.length).toBe(1);
  passTime();
  await expect.poll(() => sweeper.left).toBe(0);
  expect([fs.existsSync(nameOf(ONE)), fs.existsSync(nameOf(TWO))]).toEqual([false, false]);
});

test('a close removes what is left, whatever is at work', async () => {
  leave(ONE);
  sweeper.atWork(true);
  await sweeper.close();
  expect([sweeper.left, fs.existsSync(nameOf(ONE))]).toEqual([0, false]);
});
