import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

let pair: TwoFolders;

afterEach(async () => {
  await pair.close();
});

function write(root: string, rel: string, text = rel): void {
  fs.mkdirSync(path.dirname(path.join(root, rel)), { recursive: true });
  fs.writeFileSync(path.join(root, rel), text);
}

test('a first mirror: a stub for each file, nothing is left to do, and what local has already stays', async () => {
  pair = await twoFolders();
  for (let at = 0; at < 200; at++) write(pair.remote, `d${at % 20}/e${at % 3}/f${at}`);
  write(pair.local, 'd1/e1/f1', 'd1/e1/f1');
  write(pair.local, 'd2/e2/f2', 'of my own');
  write(pair.local, 'only/here', 'only/here');
  fs.mkdirSync(path.join(pair.local, 'd3/e0'), { recursive: true });
  fs.symlinkSync('somewhere', path.join(pair.local, 'd3/e0/f3'));
  await pair.rescan();
  const here = pair.tree('local');
  for (let at = 4; at < 200; at++) {
    const rel = `d${at % 20}/e${at % 3}/f${at}`;
    expect(here[rel]).toBe(`stub ${rel}`);
  }
  expect(here['d1/e1/f1']).toBe('file d1/e1/f1');
  expect(pair.tree('remote')['only/here']).toBe('file only/here');
  const conflicts = Object.keys(here).filter((rel) => rel.includes('(conflict'));
  expect(conflicts).toHaveLength(2);
  const { stubs, copies, entries } = pair.ports.base.counts();
  expect(stubs + copies).toBeGreaterThanOrEqual(202);
  expect(entries).toBe(Object.keys(here).length);
  const before = [pair.tree('local'), pair.tree('remote')];
  await pair.rescan();
  expect([pair.tree('local'), pair.tree('remote')]).toEqual(before);
});

test('each stub of a first mirror is a line of the log', async () => {
  pair = await twoFolders();
  for (let at = 0; at < 50; at++) write(pair.remote, `d/f${at}`);
  await pair.rescan();
  const acts = pair.ports.base.acts({ limit: 1_000 });
  expect(acts.filter(({ act }) => act === 'make-stub in local')).toHaveLength(50);
});

test('of a very large one the first lines are, and how many more there were', async () => {
  pair = await twoFolders();
  fs.mkdirSync(path.join(pair.remote, 'd'));
  for (let at = 0; at < 10_049; at++) fs.writeFileSync(path.join(pair.remote, `d/f${at}`), '');
  await pair.rescan();
  const acts = pair.ports.base.acts({ limit: 20_000 });
  expect(acts.map(({ act }) => act).filter((act) => act === 'make-directory in local')).toHaveLength(1);
  expect(acts).toHaveLength(10_002);
  expect(acts.at(-1)).toMatchObject({ path: '', why: '49 more of this look at everything' });
});
