/** A tiny run of the suite on plain folders: everything is measured, nothing is left behind. */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { readOptions } from '../src/options.ts';
import { runSuite } from '../src/suite.ts';

test('a tiny run measures each workload it is asked for', { timeout: 240_000 }, async () => {
  const options = readOptions(['a', 'b', 'f', '--where', 'plain', '--runs', '1', '--scale', '0.01']);
  if (typeof options === 'string') throw new Error(options);
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith('lazysync-bench-'));
  const said: string[] = [];
  const { rows, skipped } = await runSuite(options, (text) => said.push(text));
  expect(skipped).toEqual([]);
  expect([...new Set(rows.map((row) => row.workload))]).toEqual(['a', 'b', 'f']);
  for (const row of rows) {
    expect(row.ours.length, row.what).toBeGreaterThan(0);
    for (const value of row.ours) expect(value, row.what).toBeGreaterThan(0);
  }
  const mirror = rows[0];
  expect(mirror?.floor?.values[0]).toBeGreaterThan(0);
  expect(mirror?.processes?.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['redis', 'sync-worker', 'watcher', 'endpoint']),
  );
  expect(said.length).toBeGreaterThan(0);
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('lazysync-bench-'))).toEqual(before);
});
