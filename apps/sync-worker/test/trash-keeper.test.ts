import type { SyncEvent } from '@lazysync/event-model';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keepTrashSmall } from '../src/trash-keeper.ts';

const HOUR = 3_600_000;
const published: SyncEvent[] = [];
let setBy = 0;
let stop: () => void = () => undefined;

beforeEach(() => {
  vi.useFakeTimers();
  published.length = 0;
  setBy = 0;
  const began = Date.now();
  stop = keepTrashSmall(
    async (event) => void published.push(event),
    { keep: 30 * 24 * HOUR, maxSize: Number.POSITIVE_INFINITY },
    { now: () => Date.now() + setBy, passed: () => Date.now() - began },
  );
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

test('the trash is looked at some minutes after the start, and four times a day', () => {
  vi.advanceTimersByTime(24 * HOUR);
  expect(published.map((event) => event.kind === 'command' && event.command)).toEqual(Array(5).fill('empty-trash'));
});

test('by a clock that was set meanwhile nothing is old: a wrong one has time to be set right', () => {
  vi.advanceTimersByTime(HOUR);
  expect(published).toHaveLength(1);
  setBy = 3 * 365 * 24 * HOUR;
  vi.advanceTimersByTime(6 * HOUR);
  expect(published).toHaveLength(1);
  setBy = 0;
  vi.advanceTimersByTime(6 * HOUR);
  expect(published).toHaveLength(1);
  vi.advanceTimersByTime(6 * HOUR);
  expect(published).toHaveLength(2);
});

test('a clock that stays as it was set is the right one', () => {
  setBy = -5 * HOUR;
  vi.advanceTimersByTime(HOUR);
  expect(published).toHaveLength(0);
  vi.advanceTimersByTime(6 * HOUR);
  expect(published).toHaveLength(1);
});
