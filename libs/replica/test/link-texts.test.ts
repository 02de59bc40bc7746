/** Texts of links by inode: of many, the last ones. */
import { expect, test } from 'vitest';
import type { RawStat } from '../src/fs-port.ts';
import { createLinkTexts } from '../src/link-texts.ts';

const link = (ino: number, more: Partial<RawStat> = {}): RawStat => ({
  kind: 'symlink',
  size: 1,
  mtimeNs: 1n,
  ctimeNs: 1n,
  atimeNs: 1n,
  birthNs: BigInt(ino),
  mode: 0o777,
  dev: 1n,
  ino: BigInt(ino),
  nlink: 1,
  ...more,
});

test('the last 10,000 are known, one that was made anew under the inode is not, and 20,000 are held at most', () => {
  const texts = createLinkTexts();
  for (let ino = 0; ino < 35_000; ino++) texts.put(link(ino), `to ${ino}`);
  for (const ino of [34_999, 30_000, 25_001]) expect(texts.get(link(ino))).toBe(`to ${ino}`);
  expect(texts.get(link(34_999, { birthNs: 1n }))).toBeUndefined();
  expect(texts.get(link(34_999, { mtimeNs: 2n }))).toBeUndefined();
  expect(texts.get(link(14_000))).toBeUndefined();
});
