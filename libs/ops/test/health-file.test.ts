import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { keepHealthFile } from '../src/index.ts';

test('the file is there while it is true, and gone when it is not, when asking fails, and at the end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lazysync-health-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'healthy');
  let answer: () => boolean = () => true;
  const end = keepHealthFile(file, () => answer());
  onTestFinished(end);
  await vi.waitUntil(() => existsSync(file));
  answer = () => false;
  await vi.waitUntil(() => !existsSync(file), 10_000);
  answer = () => true;
  await vi.waitUntil(() => existsSync(file), 10_000);
  answer = () => {
    throw new Error('no');
  };
  await vi.waitUntil(() => !existsSync(file), 10_000);
  end();
  expect(existsSync(file)).toBe(false);
}, 40_000);
