/** Links are made the same, in this thread or in the one beside it. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { decodeStatx, STATX_BYTES } from '@lazysync/ops';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLinkMaker, type LinkMaker, portionsOf } from '../src/link-thread.ts';

let dir: string;
let rootFd: number;
let maker: LinkMaker;
let turns: number;

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-links-'));
  for (const folder of ['a', 'b']) fs.mkdirSync(path.join(dir, folder));
  fs.writeFileSync(path.join(dir, 'a/taken'), 'mine');
  rootFd = fs.openSync(dir, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  turns = 0;
});
afterEach(() => {
  maker.close();
  fs.closeSync(rootFd);
  fs.rmSync(dir, { recursive: true, force: true });
});

const makerAfter = (many: number, idleMs = 60_000): LinkMaker =>
  createLinkMaker({ many, idleMs, turn: async () => void turns++ });
const order = (...names: string[]) => ({
  rootFd,
  atimeNs: 7_000_000_000n,
  folders: ['a', 'gone', 'b'].map((folder) => ({
    folder,
    links: names.map((name) => ({ name, target: `/to/${folder}/${name}` })),
  })),
});

test.each([
  ['in this thread', 1_000, 3],
  ['in one beside it', 1, 0],
])('%s', async (_where, many, turnsWanted) => {
  maker = makerAfter(many);
  const { stats, failures } = await maker.make(order('taken', 'new'));
  expect(turns).toBe(turnsWanted);
  expect(failures).toEqual([
    [0, 'EEXIST'],
    [2, 'ENOENT'],
    [3, 'ENOENT'],
  ]);
  expect(fs.readFileSync(path.join(dir, 'a/taken'), 'utf8')).toBe('mine');
  for (const [at, link] of [[1, 'a/new'] as const, [4, 'b/taken'] as const, [5, 'b/new'] as const]) {
    expect(fs.readlinkSync(path.join(dir, link))).toBe(`/to/${link}`);
    const stat = decodeStatx(Buffer.from(stats.buffer, stats.byteOffset + at * STATX_BYTES, STATX_BYTES));
    expect(stat.ino).toBe(fs.lstatSync(path.join(dir, link), { bigint: true }).ino);
    expect(stat.atimeNs).toBe(7_000_000_000n);
  }
});

test('orders that are given at once are carried out in order, and answered each for itself', async () => {
  maker = makerAfter(1);
  const [one, two] = await Promise.all([maker.make(order('x')), maker.make(order('x', 'y'))]);
  expect(one.failures.map(([at]) => at)).toEqual([1]);
  expect(two.failures).toEqual([
    [0, 'EEXIST'],
    [2, 'ENOENT'],
    [3, 'ENOENT'],
    [4, 'EEXIST'],
  ]);
});

test('the thread ends when nothing more is to be made, and begins again', async () => {
  maker = makerAfter(1, 50);
  await maker.make(order('x'));
  expect(maker.hasThread()).toBe(true);
  await expect.poll(() => maker.hasThread(), { timeout: 10_000 }).toBe(false);
  await maker.make(order('y', 'z'));
  expect(maker.hasThread()).toBe(true);
  expect(fs.readlinkSync(path.join(dir, 'b/z'))).toBe('/to/b/z');
});

test('what is under way when it is closed is answered, and the thread ends', async () => {
  maker = makerAfter(0);
  const made = maker.make(order('x'));
  maker.close();
  expect((await made).failures.map(([at]) => at)).toEqual([1]);
  await expect.poll(() => maker.hasThread(), { timeout: 10_000 }).toBe(false);
});

test('where the thread can not do its work, this one does', async () => {
  const main = path.join(dir, 'broken.mjs');
  fs.writeFileSync(
    main,
    "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => { throw 1 });",
  );
  maker = createLinkMaker({ many: 0, idleMs: 60_000, turn: async () => void turns++, main: pathToFileURL(main) });
  const all = await Promise.all([maker.make(order('x')), maker.make(order('y'))]);
  expect(all.map(({ failures }) => failures.map(([at]) => at))).toEqual([[1], [1]]);
  expect(fs.readlinkSync(path.join(dir, 'b/y'))).toBe('/to/b/y');
  expect(turns).toBe(6);
  await maker.make(order('z'));
  expect(turns).toBe(9);
});

test('a folder of very many links goes in portions, small ones go together', () => {
  const links = (count: number) => Array.from({ length: count }, (_one, n) => ({ name: `${n}`, target: '' }));
  const folders = [
    { folder: 'a', links: links(3) },
    { folder: 'none', links: [] },
    { folder: 'b', links: links(12) },
    { folder: 'c', links: links(2) },
  ];
  const portions = [...portionsOf(folders, 5)].map((some) =>
    some.map(({ folder, links: part }) => `${folder} ${part.map(({ name }) => name).join('')}`),
  );
  expect(portions).toEqual([['a 012', 'b 01'], ['b 23456'], ['b 7891011'], ['c 01']]);
});
