/**
 * A folder of 1,000 stubs is moved before, while and after the program runs: one rename, hardly a byte, nothing lost.
 * In the normal run while it runs; LAZYSYNC_SCENARIOS=all plays all.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { filesUnder } from '../e2e/support/trees.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { noMounts, SlowRemote } from '../outage/support/slow-remote.ts';
import { localPathsIn } from './support/seen.ts';

const NAMES = Array.from({ length: 1_000 }, (_, i) => `s${i % 10}/f${i}`);
const LIMIT = 240_000;

let lab: Lab;
let mount: SlowRemote | null = null;
afterEach(async () => {
  await lab.close();
  mount?.down();
  mount = null;
});

function fill(root: string): void {
  for (const name of NAMES) {
    fs.mkdirSync(path.dirname(path.join(root, 'd', name)), { recursive: true });
    fs.writeFileSync(path.join(root, 'd', name), `text of ${name}`);
  }
  fs.writeFileSync(path.join(root, 'stays'), 'stays');
}

function inodesOf(folder: string): bigint[] {
  return NAMES.map((name) => fs.statSync(path.join(folder, name), { bigint: true }).ino);
}

/** Every link leads to its own file. */
function repointed(to: string): boolean {
  return NAMES.every((name) => {
    const full = lab.l(to, name);
    const stat = fs.lstatSync(full, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink() !== true) return stat?.isFile() === true;
    return fs.readlinkSync(full) === path.join(lab.local, '.lazysync/remote', to, name);
  });
}

function expectMoved(far: string, to: string, inode: bigint): void {
  expect(fs.existsSync(path.join(far, 'd'))).toBe(false);
  expect(fs.statSync(path.join(far, to), { bigint: true }).ino).toBe(inode);
  expect(filesUnder(path.join(far, to)).length).toBeGreaterThanOrEqual(NAMES.length);
  expect(filesUnder(path.join(far, '.lazysync/trash'))).toEqual([]);
  expect(filesUnder(lab.l('.lazysync/trash'))).toEqual([]);
  expect(localPathsIn(far, lab.top)).toEqual([]);
  expect(lab.status()).toMatchObject({ problems: 0, conflicts: 0, held: 0 });
}

const ALL = process.env.LAZYSYNC_SCENARIOS === 'all';
const WHEN = ['before', 'during', 'after'] as const;

describe.each(ALL ? WHEN : (['during'] as const))('%s', (when) => {
  test('a folder of 1,000 stubs with copies and new files', { timeout: LIMIT }, async () => {
    lab = new Lab('thousand');
    fill(lab.remote);
    const inode = fs.statSync(lab.r('d'), { bigint: true }).ino;
    const act = (): void => {
      fs.writeFileSync(lab.l('d/s3/new'), 'new');
      fs.renameSync(lab.l('d'), lab.l('e'));
    };
    await lab.up();
    for (const name of ['s1/f1', 's2/f2']) fs.readFileSync(lab.l('d', name));
    await waitFor('copies', 60_000, () => ['s1/f1', 's2/f2'].every((name) => fs.lstatSync(lab.l('d', name)).isFile()));
    lab.wait();
    if (when === 'after') act();
    else {
      await lab.down();
      if (when === 'before') act();
      const up = lab.up();
      if (when === 'during') {
        await waitFor('the worker has begun', 60_000, () => lab.pids('sync-worker').length > 0);
        act();
      }
      await up;
    }
    await waitFor('stubs that lead to their own files', 60_000, () => repointed('e'));
    lab.wait();
    expectMoved(lab.remote, 'e', inode);
    expect(fs.readFileSync(lab.r('e/s3/new'), 'utf8')).toBe('new');
  });
});

/** Bytes a second: the folders of the remote are listed all the time, and most often where something has just happened. */
const LOOKING = 4096;

describe.skipIf(noMounts !== null)(`over a slow mount${noMounts === null ? '' : ` (skipped: ${noMounts})`}`, () => {
  test('less than 64 KiB are sent', { timeout: LIMIT }, async () => {
    mount = new SlowRemote('--rtt', '40ms', '--opts', 'dcache_timeout=5,no_contain_symlinks');
    fill(mount.backing);
    const inode = fs.statSync(mount.b('d'), { bigint: true }).ino;
    lab = new Lab('thousand', mount.remote);
    await lab.up();
    lab.wait(200);
    mount.resetStats();
    const there = mount.b('e');
    const inodes = inodesOf(mount.b('d'));
    const began = performance.now();
    fs.renameSync(lab.l('d'), lab.l('e'));
    await waitFor('the folder in remote', 60_000, () => fs.existsSync(there));
    const moved = mount.sent();
    await waitFor('stubs that lead to their own files', 60_000, () => repointed('e'));
    const sent = mount.sent();
    const seconds = (performance.now() - began) / 1000;
    process.stderr.write(`1,000 stubs moved: ${moved} bytes sent, ${sent} after ${seconds.toFixed(1)} s\n`);
    expect(moved).toBeLessThan(64 * 1024);
    expect(sent - LOOKING * seconds).toBeLessThan(64 * 1024);
    lab.wait(200);
    expectMoved(mount.backing, 'e', inode);
    // Nothing was written anew.
    expect(inodesOf(there)).toEqual(inodes);
  });
});
