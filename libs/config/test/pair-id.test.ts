import { defaultPairId, isPairId, slugOf } from '@lazysync/config';
import fc from 'fast-check';
import { expect, test } from 'vitest';

test.each([
  ['work', 'work'],
  ['My Photos (2024)', 'my-photos-2024'],
  ['Käse & Wein', 'kase-wein'],
  ['-x', 'x'],
  ['写真', ''],
  ['a\nb', 'a-b'],
])('the folder %j is called %j', (name, slug) => {
  expect(slugOf(name)).toBe(slug);
});

test('the same two folders always give the same usable id, others another', () => {
  const folder = fc.string({ unit: 'grapheme', minLength: 1 }).map((name) => `/${name}`);
  fc.assert(
    fc.property(folder, folder, (local, remote) => {
      const id = defaultPairId(local, remote);
      expect(isPairId(id)).toBe(true);
      expect(defaultPairId(local, remote)).toBe(id);
    }),
  );
  expect(defaultPairId('/a/work', '/r')).not.toBe(defaultPairId('/b/work', '/r'));
  expect(defaultPairId('/a/work', '/r')).not.toBe(defaultPairId('/a/work', '/s'));
});

test.each(['', 'Redis', 'redis', 'logs', '-a', 'a/b', '..', 'a b', 'ä', 'a'.repeat(64)])('%j is no id', (id) => {
  expect(isPairId(id)).toBe(false);
});
