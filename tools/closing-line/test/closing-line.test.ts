import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const cache = join(import.meta.dirname, '../.cache'); // inside the repository, so that `vitest` is found
mkdirSync(cache, { recursive: true });
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function runOf(files: Record<string, string>): { lastLine: string | undefined; status: number | null } {
  const folder = mkdtempSync(join(cache, 'run-'));
  folders.push(folder);
  for (const [name, text] of Object.entries({ 'vitest.config.ts': 'export default {};', ...files }))
    writeFileSync(join(folder, name), text);
  const reporter = join(root, 'tools/closing-line/src/index.ts');
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', '--root', folder, '--reporter', 'default', '--reporter', reporter];
  const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: folder });
  return { lastLine: stdout.trimEnd().split('\n').at(-1), status };
}

test('tests, broken files, broken hooks and stray rejections are all counted', { timeout: 30_000 }, () => {
  const head = `import { beforeAll, describe, expect, test } from 'vitest';\n`;
  expect(
    runOf({
      'good.test.ts': `${head}test('a', () => {}); test('b', () => {}); test.skip('c', () => {}); test('d', () => expect(1).toBe(2));`,
      'import.test.ts': `import './is-not-there.ts';`,
      'hook.test.ts': `${head}describe('s', () => { beforeAll(() => { throw new Error('x'); }); test('e', () => {}); });`,
      'stray.test.ts': `${head}test('f', () => { void Promise.reject(new Error('nobody waits')); });`,
    }),
  ).toEqual({ lastLine: '3 passed, 4 failed, 2 skipped', status: 1 });
});

test('a good run says so', { timeout: 30_000 }, () => {
  const files = { 'good.test.ts': `import { test } from 'vitest';\ntest('a', () => {});` };
  expect(runOf(files)).toEqual({ lastLine: '1 passed, 0 failed', status: 0 });
});
