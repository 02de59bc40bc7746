/** Conflict names and the texts of users' links. */
import { posix } from 'node:path';
import { nameOf, parentOf, parseRelPath } from '@lazysync/event-model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { carriedTarget, conflictPath, isConflictName } from '../src/index.ts';
import { at, LOCAL_ROOT } from './build.ts';

const STAMP = '2026-03-04T05:06:07.890Z';
const bytes = (text: string): number => Buffer.byteLength(text);
const named = (path: string, host = 'box', n = 1): string => conflictPath(at(path), STAMP, host, n);

const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 255 })
  .filter((one) => parseRelPath(one) !== null && !one.includes('/') && bytes(one) <= 255);

describe('a conflict name', () => {
  test.each([
    ['a.txt', 'a (conflict 2026-03-04 050607 box).txt'],
    ['d/e/a.txt', 'd/e/a (conflict 2026-03-04 050607 box).txt'],
    ['Makefile', 'Makefile (conflict 2026-03-04 050607 box)'],
    ['.bashrc', '.bashrc (conflict 2026-03-04 050607 box)'],
    ['a.tar.gz', 'a.tar (conflict 2026-03-04 050607 box).gz'],
    ['v1.2', 'v1 (conflict 2026-03-04 050607 box).2'],
    ['ends in a dot.', 'ends in a dot (conflict 2026-03-04 050607 box).'],
    ['d.d/a', 'd.d/a (conflict 2026-03-04 050607 box)'],
    ['what. A sentence that goes on', 'what. A sentence that goes on (conflict 2026-03-04 050607 box)'],
    ['größe.ods', 'größe (conflict 2026-03-04 050607 box).ods'],
  ])('of %s', (path, expected) => {
    expect(named(path)).toBe(expected);
    expect(isConflictName(nameOf(at(expected)))).toBe(true);
  });

  test('a further one within the same second gets a number', () => {
    expect(named('a.txt', 'box', 2)).toBe('a (conflict 2026-03-04 050607 box) 2.txt');
    expect(isConflictName('a (conflict 2026-03-04 050607 box) 2.txt')).toBe(true);
  });

  test.each([
    ['a (conflict 2020-01-01 000000 elsewhere).txt', 'a (conflict 2026-03-04 050607 box).txt'],
    ['a (conflict 2020-01-01 000000 elsewhere) 12.txt', 'a (conflict 2026-03-04 050607 box).txt'],
    ['a (conflict 2020-01-01 000000 ).txt', 'a (conflict 2026-03-04 050607 box).txt'],
    [' (conflict 2020-01-01 000000 x)', ' (conflict 2026-03-04 050607 box)'],
  ])('does not breed: %s', (path, expected) => {
    expect(named(path)).toBe(expected);
  });

  test.each(['a (conflict).txt', 'a (conflict 2020-1-1 000000 x).txt', 'conflict 2020-01-01 000000 x', 'a.txt'])(
    'is not %s',
    (one) => {
      expect(isConflictName(one)).toBe(false);
    },
  );

  test('a host’s name can not break it', () => {
    expect(named('a', 'we(i)rd/host\n')).toBe('a (conflict 2026-03-04 050607 we-i-rd-host-)');
    expect(isConflictName(named('a', '()'.repeat(50)))).toBe(true);
    expect(named('a', 'h'.repeat(60))).toBe(`a (conflict 2026-03-04 050607 ${'h'.repeat(40)})`);
  });

  test('a long name is cut between characters, its extension stays', () => {
    const long = `${'ü'.repeat(125)}.txt`;
    expect(bytes(long)).toBe(254);
    const cut = named(long);
    expect(cut.startsWith('üüü')).toBe(true);
    expect(cut.endsWith(' (conflict 2026-03-04 050607 box).txt')).toBe(true);
    expect(bytes(cut)).toBeGreaterThan(253);
    expect(bytes(cut)).toBeLessThanOrEqual(255);
    expect(cut.isWellFormed()).toBe(true);
  });

  test('for any name: fits, keeps the folder, is known again, and its own conflict looks the same', () => {
    fc.assert(
      fc.property(name, fc.string(), fc.integer({ min: 1, max: 99 }), (of, host, n) => {
        const path = conflictPath(at(`d/${of}`), STAMP, host, n);
        expect(parseRelPath(path)).not.toBeNull();
        expect(parentOf(path)).toBe('d');
        expect(bytes(nameOf(path))).toBeLessThanOrEqual(255);
        expect(path.isWellFormed()).toBe(true);
        expect(isConflictName(nameOf(path))).toBe(true);
        const second = nameOf(conflictPath(path, '2027-01-01T00:00:00.000Z', host, 1));
        expect(second.match(/\(conflict \d/g)).toHaveLength(nameOf(path).match(/\(conflict \d/g)?.length ?? 0);
        expect(bytes(second)).toBeLessThanOrEqual(255);
      }),
    );
  });

  test('two numbers are two names', () => {
    fc.assert(
      fc.property(name, (of) => {
        expect(named(of, 'h', 2)).not.toBe(named(of, 'h', 3));
      }),
    );
  });
});

describe('a user’s link on the other side', () => {
  test.each([
    ['relative', 'x/y', 'a/l', 'x/y'],
    ['relative, upwards', '../../x', 'a/l', '../../x'],
    ['absolute, outside', '/etc/passwd', 'a/l', '/etc/passwd'],
    ['absolute, beside the root with the same beginning', `${LOCAL_ROOT}2/x`, 'a/l', `${LOCAL_ROOT}2/x`],
    ['absolute, inside', `${LOCAL_ROOT}/a/x`, 'a/l', 'x'],
    ['absolute, inside, elsewhere', `${LOCAL_ROOT}/b/x`, 'a/c/l', '../../b/x'],
    ['absolute, from the root', `${LOCAL_ROOT}/b/x`, 'l', 'b/x'],
    ['absolute, its own folder', `${LOCAL_ROOT}/a`, 'a/l', '.'],
    ['absolute, a folder above', `${LOCAL_ROOT}/a`, 'a/b/c/l', '../..'],
    ['the root itself', LOCAL_ROOT, 'a/b/l', '../..'],
    ['the root itself from within it', LOCAL_ROOT, 'l', '.'],
    ['the root itself with a slash', `${LOCAL_ROOT}/`, 'a/l', '..'],
    ['absolute, inside, untidy', `${LOCAL_ROOT}//b/./x/`, 'a/l', '../b/x'],
    ['absolute, inside and out again', `${LOCAL_ROOT}/b/../../x`, 'a/l', `${LOCAL_ROOT}/b/../../x`],
    ['empty', '', 'a/l', ''],
  ])('%s', (_name, target, path, expected) => {
    expect(carriedTarget(target, at(path), LOCAL_ROOT)).toBe(expected);
  });

  test('a root that is the file system’s', () => {
    expect(carriedTarget('/a/b', at('a/l'), '/')).toBe('b');
    expect(carriedTarget('/', at('a/l'), '/')).toBe('..');
  });

  test('what is carried is relative, leads to the same place and is carried no further', () => {
    const segment = fc
      .string({ minLength: 1, maxLength: 4 })
      .filter((one) => parseRelPath(one) !== null && !/\//.test(one));
    const inside = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(inside, inside, (path, to) => {
        const carried = carriedTarget(`${LOCAL_ROOT}/${to}`, at(path), LOCAL_ROOT);
        expect(posix.join(parentOf(at(path)), carried)).toBe(posix.normalize(to));
        expect(carriedTarget(carried, at(path), LOCAL_ROOT)).toBe(carried);
      }),
    );
  });
});
