import type { BaseReader, LoggedAct } from '@lazysync/base';
import { relPath } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { createHistory } from '../src/history.ts';

const path = relPath('a.txt');
const row = { path, kind: 'file', remote: { size: 12 } } as unknown as ReturnType<BaseReader['get']>;

/** A base that has logged `acts` and knows one file of 12 bytes. */
const baseWith = (acts: readonly LoggedAct[]): BaseReader =>
  ({
    acts: ({ after = 0, limit = 1 }) => acts.filter(({ id }) => id > after).slice(-limit),
    get: () => row,
  }) as Partial<BaseReader> as BaseReader;

test('totals are those of one moment: what is counted later does not get into some of them', () => {
  const history = createHistory(() => 1_000_000);
  history.take(baseWith([]), 0);
  const before = history.totals();
  history.take(baseWith([{ id: 1, at: 1_000_000, path, act: 'hydrate in local', why: 'opened' } as LoggedAct]), 0);
  expect([before.acts.size, before.bytesDown]).toEqual([0, 0]);
  const after = history.totals();
  expect([after.acts.get('hydrate in local'), after.bytesDown]).toEqual([1, 12]);
});
