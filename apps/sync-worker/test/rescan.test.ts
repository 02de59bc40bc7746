/** A look at everything: the folders that come next are listed while these are dealt with. */
import fs from 'node:fs';
import path from 'node:path';
import { ROOT, relPath, type SyncEvent } from '@lazysync/event-model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

/** More than are listed at once. */
const FOLDERS = Array.from({ length: 100 }, (_one, n) => `d${String(n).padStart(3, '0')}`);
const [FIRST = '', LAST = ''] = [FOLDERS[0], FOLDERS.at(-1)];

let pair: TwoFolders;

beforeEach(async () => {
  pair = await twoFolders();
  for (const folder of FOLDERS) {
    fs.mkdirSync(path.join(pair.remote, folder));
    fs.writeFileSync(path.join(pair.remote, folder, 'f'), folder);
  }
  await pair.rescan();
});

afterEach(async () => {
  await pair.close();
});

/** How often each folder of the remote is listed from now on. */
function listings(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const there = pair.ports.remote;
  const { list } = there;
  Object.assign(there, {
    list: async (...args: Parameters<typeof list>) => {
      for (const query of args[0]) counts.set(query.path, (counts.get(query.path) ?? 0) + 1);
      return await list(...args);
    },
  });
  return counts;
}

test('where nothing has changed each folder is listed once', async () => {
  const counts = listings();
  await pair.rescan();
  expect(counts.size).toBe(1 + FOLDERS.length);
  expect(new Set(counts.values())).toEqual(new Set([1]));
});

test('of full folders few are listed at once', async () => {
  for (const folder of FOLDERS)
    for (let n = 0; n < 200; n++) fs.writeFileSync(path.join(pair.remote, folder, `f${n}`), '');
  await pair.rescan();
  const calls: number[] = [];
  const there = pair.ports.remote;
  const { list } = there;
  Object.assign(there, {
    list: async (...args: Parameters<typeof list>) => {
      calls.push(args[0].length);
      return await list(...args);
    },
  });
  await pair.rescan();
  // The root does not tell how full they are; after that 400 names for each, of both sides.
  expect(calls.slice(0, 2)).toEqual([1, 16]);
  expect(Math.max(...calls.slice(2))).toBeLessThan(60);
  expect(calls.reduce((sum, one) => sum + one)).toBe(1 + FOLDERS.length);
});

test('a move out of a folder that was listed ahead', async () => {
  fs.renameSync(path.join(pair.local, LAST, 'f'), path.join(pair.local, FIRST, 'moved'));
  await pair.rescan();
  expect(fs.readdirSync(path.join(pair.local, LAST))).toEqual([]);
  expect(fs.readdirSync(path.join(pair.remote, LAST))).toEqual([]);
  expect(fs.readFileSync(path.join(pair.remote, FIRST, 'moved'), 'utf8')).toBe(LAST);
  expect(fs.readFileSync(path.join(pair.local, FIRST, 'moved'), 'utf8')).toBe(LAST);
});

describe('many deletes that nobody saw happening', () => {
  const gone = (count: number, from = 0): SyncEvent[] =>
    Array.from({ length: count }, (_one, n) => ({
      kind: 'delete',
      side: 'local',
      path: relPath(`nothing ${from + n}`),
      seen: false,
    }));

  test('one look at everything is enough for all jobs that waited then', async () => {
    const counts = listings();
    const published = Date.now() - 1;
    await pair.workAt(published, ...gone(200));
    expect(counts.get(ROOT)).toBe(1);
    await pair.workAt(published, ...gone(200, 200));
    expect(counts.get(ROOT)).toBe(1);
  });

  test('not for what was published later, or by another host, or by a clock that was set', async () => {
    const counts = listings();
    await pair.workAt(Date.now() - 1, ...gone(200));
    await pair.workAt(Date.now() + 1, ...gone(200));
    expect(counts.get(ROOT)).toBe(2);
    const published = Date.now() - 1;
    await pair.workAt(Date.now(), ...gone(200));
    expect(counts.get(ROOT)).toBe(3);
    const pushed: SyncEvent = { kind: 'modify', side: 'remote', path: relPath('x'), pushed: { kind: 'absent' } };
    await pair.workAt(published, ...gone(200), pushed);
    expect(counts.get(ROOT)).toBe(4);
    const { now } = pair.ports;
    Object.assign(pair.ports, { now: () => now() - 3_600_000 });
    await pair.workAt(published, ...gone(200));
    expect(counts.get(ROOT)).toBe(5);
  });
});
