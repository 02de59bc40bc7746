/** Histories that once ended wrong, shrunk: each file is named after what went wrong. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import type { History } from '../src/history.ts';
import { runHistory } from '../src/run.ts';

const folder = join(import.meta.dirname, 'cases');
const files = globSync('*.json', { cwd: folder }).sort();

test.each(files.map((file) => [basename(file, '.json').replaceAll('-', ' '), file]))('%s', async (_name, file) => {
  const history = JSON.parse(readFileSync(join(folder, file), 'utf8')) as History;
  const report = await runHistory(history);
  expect(report.violations).toEqual([]);
});
