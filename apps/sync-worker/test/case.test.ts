/** A remote that takes `a` and `A` for one name, as SMB shares and USB sticks do. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

let pair: TwoFolders;
beforeEach(async () => {
  pair = await twoFolders({ foldsCase: true });
});
afterEach(async () => {
  await pair.close();
});

const write = (root: string, rel: string, text: string): void => {
  fs.mkdirSync(path.dirname(path.join(root, rel)), { recursive: true });
  fs.writeFileSync(path.join(root, rel), text);
};
const move = (from: string, to: string): void => fs.renameSync(path.join(pair.local, from), path.join(pair.local, to));
const problems = (): string[] => pair.ports.base.problems().map(({ code, path: at }) => `${code} ${at}`);

test('a second name that differs only in case is a problem, and both stay', async () => {
  write(pair.remote, 'a', 'one');
  await pair.rescan();
  write(pair.local, 'A', 'another');
  expect(await pair.change('local', 'create', 'A')).toEqual([
    'The remote side is a name that differs only in case from another; nothing is done here until that changes.',
  ]);
  await pair.rescan();
  expect(problems()).toEqual(['case-collision A']);
  expect(pair.tree('local')).toEqual({ A: 'file another', a: 'stub a' });
  expect(pair.tree('remote')).toEqual({ a: 'file one' });
  move('A', 'B');
  await pair.change('local', 'delete', 'A');
  await pair.change('local', 'create', 'B');
  await pair.rescan();
  expect(problems()).toEqual([]);
  expect(pair.tree('remote')).toEqual({ B: 'file another', a: 'file one' });
});

test.each(['stub', 'copy', 'same content'] as const)('only the case of a name changes: %s', async (form) => {
  write(pair.remote, 'a', 'one');
  write(pair.remote, 'other', 'other');
  await pair.rescan();
  if (form !== 'stub') await pair.open('a');
  move('a', 'A');
  if (form === 'same content') write(pair.local, 'A', 'one');
  await pair.change('local', 'create', 'A');
  await pair.change('local', 'delete', 'a');
  // As the retry of a problem does.
  await pair.change('local', 'modify', 'A');
  await pair.rescan();
  expect(pair.tree('remote')).toEqual({ A: 'file one', other: 'file other' });
  expect(pair.tree('local')).toEqual({ A: form === 'stub' ? 'stub A' : 'file one', other: 'stub other' });
  expect(problems()).toEqual([]);
});

test('only the case of a folder changes: it is moved as a whole', async () => {
  write(pair.remote, 'd/a', 'one');
  write(pair.remote, 'd/e/b', 'two');
  write(pair.remote, 'other', 'other');
  await pair.rescan();
  const inode = fs.statSync(path.join(pair.remote, 'd')).ino;
  move('d', 'D');
  await pair.change('local', 'create', 'D', 'D/a', 'D/e', 'D/e/b');
  await pair.change('local', 'delete', 'd', 'd/a', 'd/e', 'd/e/b');
  await pair.change('local', 'modify', 'D');
  await pair.rescan();
  expect(Object.keys(pair.tree('remote'))).toEqual(['D', 'D/a', 'D/e', 'D/e/b', 'other']);
  expect(pair.tree('local')).toMatchObject({ 'D/a': 'stub D/a', 'D/e/b': 'stub D/e/b' });
  expect(fs.statSync(path.join(pair.remote, 'D')).ino).toBe(inode);
  expect(problems()).toEqual([]);
});
