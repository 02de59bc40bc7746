import { MAX_EVENTS, type RelPath, type SyncEvent } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { createOutbox } from '../src/outbox.ts';

const event = (path: string): SyncEvent => ({ kind: 'modify', side: 'local', path: path as RelPath });
const open = (path: string): SyncEvent => ({ kind: 'access', side: 'local', path: path as RelPath });
const paths = (events: readonly SyncEvent[]): string[] => events.map((one) => one.path);

function boxed(limit?: number) {
  const sent: string[][] = [];
  const errors: Error[] = [];
  const collapsed: number[] = [];
  const stopping = new AbortController();
  /** Jobs in the lane; null: Redis is away. */
  const lane: { jobs: number | null } = { jobs: 0 };
  const pauses: (() => void)[] = [];
  const answers: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const outbox = createOutbox({
    publish: (events) => {
      sent.push(paths(events));
      return new Promise((resolve, reject) => answers.push({ resolve, reject }));
    },
    jobsInLane: async () => {
      if (lane.jobs === null) throw new Error('Redis is away');
      return lane.jobs;
    },
    pause: () => new Promise((resolve) => pauses.push(resolve)),
    stopping: stopping.signal,
    error: (error) => errors.push(error),
    collapsed: (events) => collapsed.push(events),
    ...(limit === undefined ? {} : { limit }),
  });
  /** Redis has the oldest batch that is under way. */
  const acknowledge = async (): Promise<void> => {
    answers.shift()?.resolve();
    await new Promise(setImmediate);
  };
  const passTime = async (): Promise<void> => {
    pauses.shift()?.();
    await new Promise(setImmediate);
  };
  return { outbox, sent, errors, collapsed, answers, acknowledge, lane, passTime, stopping };
}
/** After so many looks at a lane that is at work nothing is held back any more. */
const HELD = 20;
const many = (from: number, to: number): SyncEvent[] =>
  Array.from({ length: to - from }, (_, i) => event(`f${from + i}`));

test('batches go one after the other, in order, as they were pushed', async () => {
  const { outbox, sent, acknowledge } = boxed();
  outbox.push([event('a'), event('b')]);
  await new Promise(setImmediate);
  outbox.push([event('c')]);
  outbox.push([]);
  await new Promise(setImmediate);
  expect(sent).toEqual([['a', 'b']]);
  await acknowledge();
  expect(sent).toEqual([['a', 'b'], ['c']]);
  await acknowledge();
  await outbox.drained();
  expect(outbox.pushed()).toBe(3);
  outbox.push([event('d')]);
  await new Promise(setImmediate);
  expect(sent.at(-1)).toEqual(['d']);
});

test('what comes while the lane is at work goes as one job, when that is done or after a while', async () => {
  const { outbox, sent, acknowledge, lane, passTime } = boxed();
  outbox.push([event('a')]);
  await new Promise(setImmediate);
  await acknowledge();
  lane.jobs = 1;
  outbox.push([event('b')]);
  await passTime();
  outbox.push([event('c'), open('c')]);
  await passTime();
  expect(sent).toEqual([['a']]);
  lane.jobs = 0;
  await passTime();
  expect(sent).toEqual([['a'], ['b', 'c', 'c']]);
  await acknowledge();
  lane.jobs = 1;
  outbox.push([event('d')]);
  await new Promise(setImmediate);
  for (let look = 0; look < HELD - 1; look++) await passTime();
  expect(sent.length).toBe(2);
  await passTime();
  expect(sent.at(-1)).toEqual(['d']);
});

test('nothing is held back that is a whole job, may not go along, or that somebody waits for', async () => {
  const { outbox, sent, acknowledge, lane, passTime } = boxed();
  const push = async (...batches: SyncEvent[][]): Promise<void> => {
    for (const batch of batches) outbox.push(batch);
    await new Promise(setImmediate);
    await acknowledge();
  };
  lane.jobs = 5;
  await push([event('first')]);
  await push(many(0, MAX_EVENTS));
  await push(many(0, MAX_EVENTS - 1), many(0, 2));
  expect(sent.length).toBe(2);
  await passTime();
  expect(sent.map((one) => one.length)).toEqual([1, MAX_EVENTS, MAX_EVENTS - 1]);
  await acknowledge();
  await push([{ kind: 'rescan', side: 'local', path: '' as RelPath, why: 'test' }]);
  await passTime();
  await acknowledge();
  expect(sent.map((one) => one.length)).toEqual([1, MAX_EVENTS, MAX_EVENTS - 1, 2, 1]);
  await acknowledge();
  await push([{ kind: 'delete', side: 'remote', path: 'x' as RelPath, seen: false }]);
  await push([{ kind: 'delete', side: 'remote', path: 'y' as RelPath, seen: false }]);
  expect(sent.slice(5)).toEqual([['x'], ['y']]);
  outbox.push([event('last')]);
  const drained = outbox.drained();
  await new Promise(setImmediate);
  await passTime();
  await acknowledge();
  await drained;
  expect(sent.at(-1)).toEqual(['last']);
});

test('a Redis that is away holds nothing back: the publication waits for it', async () => {
  const { outbox, sent, acknowledge, lane } = boxed();
  outbox.push([event('a')]);
  await new Promise(setImmediate);
  await acknowledge();
  lane.jobs = null;
  outbox.push([event('b')]);
  await new Promise(setImmediate);
  expect(sent).toEqual([['a'], ['b']]);
});

test('drained waits for what was pushed meanwhile too', async () => {
  const { outbox, acknowledge } = boxed();
  outbox.push([event('a')]);
  await new Promise(setImmediate);
  let done = false;
  const drained = outbox.drained().then(() => {
    done = true;
  });
  outbox.push([event('b')]);
  await acknowledge();
  expect(done).toBe(false);
  await acknowledge();
  await drained;
});

test('too many that wait become one rescan, which stands for what comes before it leaves, and opens are kept', async () => {
  const { outbox, sent, collapsed, acknowledge } = boxed(40);
  outbox.push([event('under way')]);
  await new Promise(setImmediate);
  outbox.push([...many(0, 20), open('f0'), open('f1'), open('f0')]);
  outbox.push(many(20, 40));
  expect(collapsed).toEqual([43]);
  outbox.push([event('covered'), open('f2')]);
  for (let i = 0; i < 2; i++) await acknowledge();
  outbox.push([event('later')]);
  await acknowledge();
  expect(sent).toEqual([['under way'], [''], ['f0', 'f1', 'f2'], ['later']]);
  expect(outbox.pushed()).toBe(1 + 23 + 20 + 2 + 1);
});

test('a lane that holds too much is left alone until half of it is done, then looked at as a whole', async () => {
  const { outbox, sent, collapsed, acknowledge, lane, passTime } = boxed(100);
  for (let batch = 0; batch < 9; batch++) {
    lane.jobs = batch;
    outbox.push(many(10 * batch, 10 * batch + 10));
    await new Promise(setImmediate);
    for (let look = 0; look < HELD; look++) await passTime();
    await acknowledge();
  }
  // 7 jobs of 10 events and what each costs by itself: no eighth.
  expect(sent.length).toBe(7);
  expect(collapsed).toEqual([10]);
  expect(outbox.pushed()).toBe(90);
  for (const [jobs, expected] of [
    [7, 7],
    [null, 7],
    [4, 7],
    [3, 8],
  ] as const) {
    lane.jobs = jobs;
    await passTime();
    await passTime();
    expect([jobs, sent.length]).toEqual([jobs, expected]);
  }
  expect(sent.at(-1)).toEqual(['']);
  await acknowledge();
  outbox.push([event('later')]);
  await new Promise(setImmediate);
  for (let look = 0; look < HELD; look++) await passTime();
  expect(sent.at(-1)).toEqual(['later']);
});

test('a stop does not wait for a full lane', async () => {
  const { outbox, sent, lane, passTime, stopping, acknowledge } = boxed(10);
  lane.jobs = 1_000;
  outbox.push(many(0, 6));
  await new Promise(setImmediate);
  await acknowledge();
  outbox.push(many(6, 12));
  await new Promise(setImmediate);
  expect(sent.length).toBe(1);
  stopping.abort();
  await passTime();
  expect(sent.at(-1)).toEqual(['']);
});

test('a publisher that was closed is told of, once', async () => {
  const { outbox, errors, answers } = boxed();
  outbox.push([event('a')]);
  await new Promise(setImmediate);
  answers[0]?.reject(new Error('closed'));
  await outbox.drained();
  expect(errors.map((error) => error.message)).toEqual(['closed']);
});
