import { expect, test } from 'vitest';
import { createWatchTable } from '../src/watch-table.ts';
import { p } from './testing-tools.ts';

test('a folder that moves takes its watches along', () => {
  const table = createWatchTable();
  table.set(p(''), 1);
  table.set(p('a'), 2);
  table.set(p('a/b'), 3);
  table.set(p('ab'), 4);
  expect(table.move(p('a'), p('c/d'))).toEqual([]);
  expect([1, 2, 3, 4].map((wd) => table.pathOf(wd))).toEqual(['', 'c/d', 'c/d/b', 'ab']);
  expect(table.wdOf(p('a'))).toBeUndefined();
  expect(table.wdOf(p('c/d/b'))).toBe(3);
});

test('a folder that moves over another one replaces its watches', () => {
  const table = createWatchTable();
  table.set(p('a'), 2);
  table.set(p('b'), 3);
  table.set(p('b/x'), 4);
  expect(table.move(p('a'), p('b'))).toEqual([3, 4]);
  expect(table.pathOf(2)).toBe('b');
  expect(table.pathOf(4)).toBeUndefined();
  expect(table.size()).toBe(1);
});

test('the same number under another path is the same folder, moved', () => {
  const table = createWatchTable();
  table.set(p('a'), 2);
  expect(table.set(p('b'), 2)).toBeNull();
  expect(table.wdOf(p('a'))).toBeUndefined();
  expect(table.pathOf(2)).toBe('b');
});

test('another number for a path makes the old one stale', () => {
  const table = createWatchTable();
  table.set(p('a'), 2);
  expect(table.set(p('a'), 5)).toBe(2);
  expect(table.pathOf(2)).toBeUndefined();
  expect(table.set(p('a'), 5)).toBeNull();
  table.drop(5);
  expect(table.size()).toBe(0);
  expect(table.wdOf(p('a'))).toBeUndefined();
});

test('dropping a folder drops what is below, and nothing beside', () => {
  const table = createWatchTable();
  for (const [i, path] of ['a', 'a/b', 'ab', 'c'].entries()) table.set(p(path), i + 1);
  expect(table.dropBelow(p('a'))).toEqual([1, 2]);
  expect(table.size()).toBe(2);
});
