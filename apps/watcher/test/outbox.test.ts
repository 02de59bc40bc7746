import type { RelPath, SyncEvent } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { createOutbox } from '../src/outbox.ts';

const event = (path: string): SyncEvent => ({ kind: 'modify', side: 'local', path: path as RelPath });
const paths = (events: readonly SyncEvent[]): string[] => events.map((one) => one.path);

function boxed(limit?: number) {
  const sent: string[][] = [];
  const errors: Error[] = [];
  const collapsed: number[] = [];
  const answers: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const outbox = createOutbox({
    publish: (events) => {
      sent.push(paths(events));
      return new Promise((resolve, reject) => answers.push({ resolve, reject }));
    },
    error: (error) => errors.push(error),
    collapsed: (events) => collapsed.push(events),
    ...(limit === undefined ? {} : { limit }),
  });
  /** Redis has the oldest batch that is under way. */
  const acknowledge = async (): Promise<void> => {
    answers.shift()?.resolve();
    await new Promise(setImmediate);
  };
  return { outbox, sent, errors, collapsed, answers, acknowledge };
}

test('batches go one after the other, in order, as they were pushed', async () => {
  const { outbox, sent, acknowledge } = boxed();
  outbox.push([event('a'), event('b')]);
  outbox.push([event('c')]);
  outbox.push([]);
  expect(sent).toEqual([['a', 'b']]);
  await acknowledge();
  expect(sent).toEqual([['a', 'b'], ['c']]);
  await acknowledge();
  await outbox.drained();
  expect(outbox.pushed()).toBe(3);
  outbox.push([event('d')]);
  expect(sent.at(-1)).toEqual(['d']);
});

test('drained waits for what was pushed meanwhile too', async () => {
  const { outbox, acknowledge } = boxed();
  outbox.push([event('a')]);
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

test('too many that wait become one rescan, and it goes on after that', async () => {
  const { outbox, sent, collapsed, acknowledge } = boxed(3);
  outbox.push([event('under way')]);
  outbox.push([event('a'), event('b')]);
  outbox.push([event('c'), event('d')]);
  expect(collapsed).toEqual([4]);
  outbox.push([event('e')]);
  await acknowledge();
  await acknowledge();
  await acknowledge();
  expect(sent).toEqual([['under way'], [''], ['e']]);
});

test('a publisher that was closed is told of, once', async () => {
  const { outbox, errors, answers } = boxed();
  outbox.push([event('a')]);
  answers[0]?.reject(new Error('closed'));
  await outbox.drained();
  expect(errors.map((error) => error.message)).toEqual(['closed']);
});
