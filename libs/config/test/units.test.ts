import { expandHome, parseDuration, parseSize, stateDir } from '@lazysync/config';
import { expect, test } from 'vitest';

test.each([
  ['8MiB', 8 * 2 ** 20],
  ['2GiB', 2 * 2 ** 30],
  ['2 GB', 2e9],
  ['1.5k', 1536],
  ['0', 0],
  ['512', 512],
  ['512 b', 512],
  ['Infinity', Infinity],
  ['', null],
  ['-1', null],
  ['8 MiBs', null],
  ['MiB', null],
  ['1e3', null],
  ['99999999TiB', null],
])('the size %j is %s bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each([
  ['200ms', 200],
  ['2s', 2000],
  ['5m', 300_000],
  ['1.5h', 5_400_000],
  ['30d', 30 * 86_400_000],
  ['0', 0],
  ['5', null],
  ['', null],
  ['soon', null],
  ['-2s', null],
])('the duration %j is %s ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test('the state folder: as asked for, else LAZYSYNC_STATE, else as XDG has it', () => {
  expect(stateDir('/a', { LAZYSYNC_STATE: '/b' })).toBe('/a');
  expect(stateDir(undefined, { LAZYSYNC_STATE: '/b', XDG_STATE_HOME: '/c' })).toBe('/b');
  expect(stateDir(undefined, { XDG_STATE_HOME: '/c', HOME: '/home/x' })).toBe('/c/lazysync');
  expect(stateDir(undefined, { XDG_STATE_HOME: 'relative', HOME: '/home/x' })).toBe('/home/x/.local/state/lazysync');
  expect(stateDir(undefined, { HOME: '/home/x' })).toBe('/home/x/.local/state/lazysync');
});

test('a tilde is read as a shell reads it', () => {
  const env = { HOME: '/home/x' };
  expect(expandHome('~', env)).toBe('/home/x');
  expect(expandHome('~/a b', env)).toBe('/home/x/a b');
  expect(expandHome('~other/a', env)).toBe('~other/a');
  expect(expandHome('/a/~', env)).toBe('/a/~');
});
