import { closeSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stillWritingIn } from '../src/still-writing.ts';
import { type Folder, p, temporaryFolder } from './testing-tools.ts';

let folder: Folder;
beforeEach(() => {
  folder = temporaryFolder('writing');
});
afterEach(() => folder.remove());

test('a file counts as being written while a descriptor for writing is open, and no longer', () => {
  const stillWriting = stillWritingIn(folder.path);
  writeFileSync(join(folder.path, 'f'), 'text');
  expect(stillWriting(p('f'))).toBe(false);
  const reader = openSync(join(folder.path, 'f'), 'r');
  expect(stillWriting(p('f'))).toBe(false);
  const writer = openSync(join(folder.path, 'f'), 'a');
  expect(stillWriting(p('f'))).toBe(true);
  closeSync(writer);
  closeSync(reader);
  expect(stillWriting(p('f'))).toBe(false);
});

test('what is no file is not being written', () => {
  const stillWriting = stillWritingIn(folder.path);
  mkdirSync(join(folder.path, 'd'));
  symlinkSync('/dev/null', join(folder.path, 'link'));
  for (const path of ['d', 'link', 'gone', 'link/x']) expect(stillWriting(p(path)), path).toBe(false);
});
