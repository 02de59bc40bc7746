/** Paths relative to a root: what is one, and the laws by which they are taken apart and put together. */
import { posix } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ancestorsOf,
  depthOf,
  isBelow,
  isOwn,
  isSameOrBelow,
  joinPath,
  nameOf,
  parentOf,
  parseRelPath,
  type RelPath,
  ROOT,
  rebase,
  relPath,
} from '../src/index.ts';

const segment = fc.oneof(
  fc.constantFrom('a', 'b', 'a.b', 'a-b', 'ab', '...', ' ', '%', '_', 'Ä', '😀', 'a\nb', '\\', '\u{10FFFF}'),
  fc
    .string({ unit: 'binary', minLength: 1, maxLength: 5 })
    .filter((one) => parseRelPath(one) !== null && !one.includes('/')),
);
const path = fc.array(segment, { maxLength: 5 }).map((parts) => relPath(parts.join('/')));
const inner = path.filter((one) => one !== '');

describe('a relative path', () => {
  test.each(['', 'a', 'a/b', '...', ' ', 'a\nb', 'a\\b', '..a', 'a..', '.a', '😀/ü', '%00'])('is %j', (text) => {
    expect(parseRelPath(text)).toBe(text);
    expect(relPath(text)).toBe(text);
  });

  test.each([
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    './a',
    'a/.',
    'a/./b',
    'a/..',
    '../a',
    'a/../b',
    'a\0',
    '\0',
    '\ud800',
    'a/\udc00b',
    'a'.repeat(16_385),
    null,
    undefined,
    7,
    {},
    ['a'],
  ])('is not %j', (text) => {
    expect(parseRelPath(text)).toBeNull();
    expect(() => relPath(text as string)).toThrow(/not a relative path/);
  });

  test('may be as long as any system allows', () => {
    expect(parseRelPath('a'.repeat(16_384))).not.toBeNull();
  });

  test('is never one that leads out of its root', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('.', '/', 'a', '\0') })), (text) => {
        const parsed = parseRelPath(text);
        if (parsed === null) return;
        expect(parsed).toBe(text);
        const at = posix.join('/root', parsed);
        expect(at === '/root' ? parsed === '' : at === `/root/${parsed}`).toBe(true);
      }),
    );
  });
});

describe('taken apart', () => {
  test('parent and name give the path again', () => {
    fc.assert(
      fc.property(inner, (one) => {
        expect(joinPath(parentOf(one), nameOf(one))).toBe(one);
        expect(nameOf(one)).not.toContain('/');
        expect(isBelow(one, parentOf(one))).toBe(true);
        expect(depthOf(one)).toBe(depthOf(parentOf(one)) + 1);
      }),
    );
  });

  test('the root is above all and has no name', () => {
    expect([parentOf(ROOT), nameOf(ROOT), depthOf(ROOT), ancestorsOf(ROOT)]).toEqual(['', '', 0, []]);
    expect([isBelow(ROOT, ROOT), isSameOrBelow(ROOT, ROOT)]).toEqual([false, true]);
    expect(isBelow(relPath('a'), ROOT)).toBe(true);
  });

  test('ancestors, the nearest last', () => {
    expect(ancestorsOf(relPath('a'))).toEqual([]);
    expect(ancestorsOf(relPath('a/b/c'))).toEqual(['a', 'a/b']);
    fc.assert(
      fc.property(inner, (one) => {
        const chain = [...ancestorsOf(one), one];
        expect(chain).toHaveLength(depthOf(one));
        chain.forEach((at, i) => {
          expect(parentOf(at)).toBe(chain[i - 1] ?? '');
        });
      }),
    );
  });

  test('below is by segments, not by letters', () => {
    expect(isBelow(relPath('ab'), relPath('a'))).toBe(false);
    expect(isBelow(relPath('a.b'), relPath('a'))).toBe(false);
    expect(isBelow(relPath('a/b'), relPath('a'))).toBe(true);
    expect(isBelow(relPath('a'), relPath('a'))).toBe(false);
    expect(isBelow(relPath('a'), relPath('a/b'))).toBe(false);
    fc.assert(
      fc.property(inner, inner, (a, b) => {
        expect(isBelow(a, b)).toBe(ancestorsOf(a).includes(b));
        expect(isSameOrBelow(a, b)).toBe(a === b || isBelow(a, b));
      }),
    );
  });
});

describe('rebased', () => {
  test('a path keeps what it is below the ancestor', () => {
    const at = relPath;
    expect(rebase(at('a/b/c'), at('a'), at('x/y'))).toBe('x/y/b/c');
    expect(rebase(at('a'), at('a'), at('x'))).toBe('x');
    expect(rebase(at('a/b'), at('a'), ROOT)).toBe('b');
    expect(rebase(at('a/b'), ROOT, at('x'))).toBe('x/a/b');
    expect(rebase(at('a/b'), at('a/b'), ROOT)).toBe('');
  });

  test('and back it is the same', () => {
    fc.assert(
      fc.property(path, path, path, (from, to, rest) => {
        const whole = rest === '' ? from : from === '' ? rest : relPath(`${from}/${rest}`);
        const there = rebase(whole, from, to);
        expect(isSameOrBelow(there, to)).toBe(true);
        expect(rebase(there, to, from)).toBe(whole);
      }),
    );
  });
});

test('the own folder is own, whatever is only named like it is not', () => {
  const own = (text: string): boolean => isOwn(text as RelPath);
  expect([own('.lazysync'), own('.lazysync/remote'), own('.lazysync/trash/1/a')]).toEqual([true, true, true]);
  expect([own('.lazysync2'), own('a/.lazysync'), own('.lazysyn'), own('')]).toEqual([false, false, false, false]);
});
