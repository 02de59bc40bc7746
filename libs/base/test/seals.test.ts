/** A seal stands for the rows of its folder as they were: it falls with any of them. */
import type { BaseChange } from '@lazysync/event-model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Base, openBase } from '../src/index.ts';
import { at, copy, directory, stub } from './records.ts';

const SEAL = { local: 'l', remote: 'r', names: 2 };
const ALL = ['', 'd', 'd/e', 'd/e/deep', 'other'];

let base: Base;
const sealAll = (): void => base.putSeals(new Map(ALL.map((path) => [at(path), SEAL])));

beforeEach(() => {
  base = openBase(':memory:');
  const rows = [
    directory('d', 1),
    directory('d/e', 2),
    directory('d/e/deep', 3),
    directory('other', 4),
    stub('d/f', 5),
    stub('d/e/f', 6),
  ];
  base.record(
    rows.map((record) => ({ kind: 'put', record })),
    [],
  );
  sealAll();
});
afterEach(() => {
  base.close();
});

const sealed = (): string[] => ALL.filter((path) => base.seal(at(path)) !== null);
const after = (...changes: BaseChange[]): string[] => {
  base.record(changes, []);
  return sealed();
};

test('it is told as it was given, of the root too; of a folder that has no row there is none', () => {
  expect(sealed()).toEqual(ALL);
  expect(base.seal(at('d'))).toEqual(SEAL);
  base.putSeals(new Map([[at('nowhere'), SEAL]]));
  expect(base.seal(at('nowhere'))).toBeNull();
});

test('a row that is put breaks the seal of its folder alone', () => {
  expect(after({ kind: 'put', record: copy('d/f', 5) })).toEqual(['', 'd/e', 'd/e/deep', 'other']);
  expect(after({ kind: 'put', record: stub('top', 9) })).toEqual(['d/e', 'd/e/deep', 'other']);
});

test('one that is forgotten, too; with a folder those below it go', () => {
  expect(after({ kind: 'forget', path: at('d/f') })).toEqual(['', 'd/e', 'd/e/deep', 'other']);
  expect(after({ kind: 'forget', path: at('d/e') })).toEqual(['', 'other']);
  // What comes to lie there has none.
  expect(after({ kind: 'put', record: directory('d/e', 7) })).toEqual(['', 'other']);
});

test('a move breaks those of both folders, and of all that moves along: its stubs lead elsewhere', () => {
  expect(after({ kind: 'move', from: at('d/e'), to: at('other/e') })).toEqual(['']);
  expect(base.seal(at('other/e/deep'))).toBeNull();
});

test('what is buried is sealed no more, nor is what was found to lead elsewhere', () => {
  expect(after({ kind: 'bury', path: at('d/e'), trashed: at('.lazysync/trash/1/e') })).toEqual(['', 'other']);
  expect(after({ kind: 'leads', path: at('other'), to: at('before') })).toEqual(['']);
});

test('within one transaction, too', () => {
  base.together(() => {
    base.record([{ kind: 'put', record: stub('other/one', 11) }], []);
    base.putSeals(new Map([[at('other'), SEAL]]));
    base.record([{ kind: 'put', record: stub('other/two', 12) }], []);
  });
  expect(base.seal(at('other'))).toBeNull();
});

test('all of them stand for one policy', () => {
  base.keepSealsUnder('a');
  expect(sealed()).toEqual([]);
  sealAll();
  base.keepSealsUnder('a');
  expect(sealed()).toEqual(ALL);
  base.keepSealsUnder('b');
  expect(sealed()).toEqual([]);
});
