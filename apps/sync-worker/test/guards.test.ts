/** What is asked for before anything goes: an emptied root, a mass delete; and a person's no, however often it is broken off. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { forgetEmptied } from '../src/guards.ts';
import { emptiedRoot } from '../src/holds.ts';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

let pair: TwoFolders;
beforeEach(async () => {
  pair = await twoFolders();
});
afterEach(async () => {
  await pair.close();
});

function fill(root: string, names: readonly string[]): void {
  for (const name of names) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    fs.writeFileSync(path.join(root, name), name);
  }
}
const names = (count: number, folder = ''): string[] => Array.from({ length: count }, (_, i) => `${folder}f${i}`);
const clear = (root: string): void => {
  for (const name of fs.readdirSync(root))
    if (name !== '.lazysync') fs.rmSync(path.join(root, name), { recursive: true });
};

test('a lone folder with much in it is no small thing either', async () => {
  fill(pair.remote, names(30, 'd/'));
  await pair.rescan();
  clear(pair.remote);
  await expect(pair.rescan()).rejects.toThrow('suddenly empty');
  expect(fs.readdirSync(path.join(pair.local, 'd')).length).toBe(30);
});

test('the last small folder is deleted like any other', async () => {
  fill(pair.remote, names(3, 'd/'));
  await pair.rescan();
  clear(pair.remote);
  await pair.rescan();
  expect(pair.tree('local')).toEqual({});
});

test('an emptied root is one, also when something that is never synced is left in it', async () => {
  fill(pair.remote, ['a', 'b', 'c']);
  await pair.rescan();
  clear(pair.remote);
  fill(pair.remote, ['left.tmp']);
  await expect(pair.rescan()).rejects.toThrow('suddenly empty');
  expect(Object.keys(pair.tree('local'))).toEqual(['a', 'b', 'c']);
});

test('a flat root is not listed for every file that goes', async () => {
  fill(pair.remote, names(60));
  await pair.rescan();
  for (const name of names(40)) fs.rmSync(path.join(pair.remote, name));
  const { list } = pair.ports.remote;
  let listed = 0;
  pair.ports.remote.list = (queries) => {
    listed++;
    return list(queries);
  };
  await pair.change('remote', 'delete', ...names(40));
  expect(Object.keys(pair.tree('local')).length).toBe(20);
  expect(listed).toBe(1);
});

test.each([1, 60])('a rejected mass delete that is broken off after %i files is still rejected', async (broken) => {
  fill(pair.local, ['stays', ...names(105)]);
  await pair.rescan();
  for (const name of names(105)) fs.rmSync(path.join(pair.remote, name));
  const held = await pair.rescan().catch((error: unknown) => error);
  pair.ports.holds.show((held as { hold: Parameters<typeof pair.ports.holds.show>[0] }).hold);
  pair.ports.holds.decide('reject');
  const { stage } = pair.ports.remote;
  let left = broken;
  pair.ports.remote.stage = (order) =>
    left-- > 0 ? stage(order) : Promise.reject(new Error('killed in the middle of it'));
  await expect(pair.rescan()).rejects.toThrow('killed');
  pair.ports.remote.stage = stage;
  await pair.rescan();
  await pair.rescan();
  expect(Object.keys(pair.tree('remote')).length).toBe(106);
  expect(pair.tree('remote')).toEqual(pair.tree('local'));
  expect(pair.trash('local')).toEqual([]);
});

test('a yes for an emptied root counts until it is carried out', async () => {
  fill(pair.remote, ['a', 'b']);
  await pair.rescan();
  clear(pair.remote);
  const held = await pair.rescan().catch((error: unknown) => error);
  pair.ports.holds.show((held as { hold: Parameters<typeof pair.ports.holds.show>[0] }).hold);
  pair.ports.holds.decide('approve');
  await pair.rescan();
  expect(pair.tree('local')).toEqual({});
  forgetEmptied(pair.ports);
  fill(pair.remote, ['c', 'd']);
  await pair.rescan();
  expect(pair.ports.holds.decision(emptiedRoot('remote'))).toBe(null);
  clear(pair.remote);
  await expect(pair.rescan()).rejects.toThrow('suddenly empty');
});

/** As of a mount whose listing is from before these were made. */
function listOldWithout(gone: ReadonlySet<string>): void {
  const { list } = pair.ports.remote;
  pair.ports.remote.list = async (queries) =>
    (await list(queries)).map((one) =>
      one.kind === 'listing' ? { ...one, names: one.names.filter(({ name }) => !gone.has(name)) } : one,
    );
}

test('what only an old listing does not show is not gone: nothing is held, and nothing goes', async () => {
  fill(pair.remote, ['stays', ...names(150)]);
  await pair.rescan();
  const before = pair.tree('local');
  listOldWithout(new Set(names(150)));
  await pair.rescan();
  expect(pair.tree('local')).toEqual(before);
});

test('a mass delete in local is asked for, also while the listing of the remote is an old one', async () => {
  fill(pair.local, ['stays', ...names(150)]);
  await pair.rescan();
  for (const name of names(150)) fs.rmSync(path.join(pair.local, name));
  listOldWithout(new Set(names(150)));
  await expect(pair.rescan()).rejects.toThrow('150 of 151 entries are gone in local');
  expect(Object.keys(pair.tree('remote'))).toHaveLength(151);
});
