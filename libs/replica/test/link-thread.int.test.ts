/** Links are made the same, in this thread or in the one beside it. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { decodeStatx, STATX_BYTES } from '@lazysync/ops';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLinkMaker, type LinkMaker } from '../src/link-thread.ts';

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

const threads = (): number => fs.readdirSync('/proc/self/task').length;
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
  const before = threads();
  await maker.make(order('x'));
  expect(threads()).toBeGreaterThan(before);
  await expect.poll(threads, { timeout: 10_000 }).toBe(before);
  await maker.make(order('y', 'z'));
  expect(fs.readlinkSync(path.join(dir, 'b/z'))).toBe('/to/b/z');
});

test('who waits when it is closed hears of it', async () => {
  maker = makerAfter(0);
  const made = maker.make(order('x'));
  maker.close();
  await expect(made).rejects.toThrow('closed');
});
