import { type BaseRecord, nameOf } from '@lazysync/event-model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Base, openBase } from '../src/index.ts';
import { at, copy, directory, stub } from './records.ts';

let base: Base;
beforeEach(() => {
  base = openBase(':memory:');
});
afterEach(() => base.close());

const put = (...records: readonly BaseRecord[]): void =>
  base.record(
    records.map((record) => ({ kind: 'put', record })),
    [],
  );

test('a folder is read page by page, folders first, and nothing is missed or shown twice', () => {
  const folders = Array.from({ length: 7 }, (_, n) => directory(`d/sub ${n}`));
  const files = Array.from({ length: 30 }, (_, n) => stub(`d/${n % 2 === 0 ? 'Ä' : 'a'}${n}`));
  put(directory('d'), ...folders, ...files, stub('d/sub 0/deep'), stub('e'));
  const seen: string[] = [];
  for (let after: { folder: boolean; name: string } | undefined; ; ) {
    const page = base.page(at('d'), { limit: 5, ...(after === undefined ? {} : { after }) });
    seen.push(...page.map(({ path }) => nameOf(path)));
    const last = page.at(-1);
    if (last === undefined) break;
    after = { folder: last.kind === 'directory', name: nameOf(last.path) };
  }
  const sorted = (names: string[]): string[] => names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const names = (rows: readonly { path: string }[]): string[] => rows.map(({ path }) => path.slice(2));
  expect(seen).toEqual([...sorted(names(folders)), ...sorted(names(files))]);
});

test('only names that begin with a text', () => {
  put(directory('abc'), stub('ab'), stub('abd'), stub('b'), stub('a%'));
  expect(base.page(at(''), { prefix: 'ab', limit: 9 }).map(({ path }) => path)).toEqual(['abc', 'ab', 'abd']);
  expect(base.page(at(''), { prefix: 'a%', limit: 9 }).map(({ path }) => path)).toEqual(['a%']);
});

test('what lies below a folder is counted, its own row left out', () => {
  put(directory('d'), stub('d/a'), directory('d/e'), copy('d/e/b'), stub('d!'), stub('d0'));
  expect(base.countsBelow(at('d'))).toMatchObject({ entries: 3, directories: 1, stubs: 1, copies: 1 });
  expect(base.countsBelow(at(''))).toEqual(base.counts());
});
