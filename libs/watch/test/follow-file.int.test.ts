import { mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { followFile } from '../src/follow-file.ts';

test('a file is followed in place, through a rename, and over its absence; equal content is no change', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lazysync-follow-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'lazysync.yaml');
  writeFileSync(file, 'one');
  let changes = 0;
  const followed = followFile(file, () => changes++);
  onTestFinished(() => followed.close());
  const reaches = (count: number) => vi.waitUntil(() => changes === count, 20_000);
  writeFileSync(file, 'two!');
  await reaches(1);
  writeFileSync(`${file}.new`, 'three!!');
  renameSync(`${file}.new`, file);
  await reaches(2);
  unlinkSync(file);
  writeFileSync(file, 'four');
  await reaches(3);
  writeFileSync(`${file}.new`, 'four');
  renameSync(`${file}.new`, file);
  writeFileSync(file, 'five');
  await reaches(4);
  expect(changes).toBe(4);
}, 90_000);
