/** A disk that is full, a folder that can not be written: a problem at that path, all else goes on, and it mends itself. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { filesUnder } from '../e2e/support/trees.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { agree } from './support/agree.ts';

const ALL = process.env.LAZYSYNC_OUTAGE === 'all';
const MB = 1 << 20;
const LIMIT = 240_000;

function run(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args).status === 0;
}

/** A file system of its own, small; null where this user can not have one. */
function smallDisk(size: string): string | null {
  const at = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-small-')));
  if (run('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'lazysync-test', at)) return at;
  fs.rmdirSync(at);
  return null;
}

function dropDisk(at: string): void {
  run('umount', '-l', at);
  fs.rmdirSync(at);
}

const probe = smallDisk('1m');
if (probe !== null) dropDisk(probe);
const why = probe === null ? ' (skipped: only root can mount)' : '';

const isFile = (full: string): boolean => fs.lstatSync(full, { throwIfNoEntry: false })?.isFile() ?? false;

describe.skipIf(probe === null)(`disks${why}`, () => {
  let lab: Lab | undefined;
  const disks: string[] = [];
  afterEach(async () => {
    await lab?.close();
    for (const at of disks.splice(0)) dropDisk(at);
  });
  const disk = (size: string): string => {
    const at = smallDisk(size);
    if (at === null) throw new Error('no disk');
    disks.push(at);
    return at;
  };

  test('the remote is full: a problem there, small files go up, and the big one too when there is space', {
    timeout: LIMIT,
  }, async () => {
    const remote = disk('8m');
    lab = new Lab('full', remote);
    fs.writeFileSync(lab.r('stub'), 'stub');
    await lab.up();
    fs.writeFileSync(lab.l('big'), Buffer.alloc(20 * MB, 'big '));
    fs.writeFileSync(lab.l('small'), 'small');
    const it = lab;
    await waitFor('the small one', 20_000, () => isFile(it.r('small')));
    await waitFor('a problem', 20_000, () => it.status().problems === 1);
    expect(isFile(lab.r('big'))).toBe(false);
    // Nothing of the big one; a second name of the small one goes when the lane is at rest.
    expect(
      filesUnder(lab.r('.lazysync/stage')).filter(
        (file) => (fs.statSync(file, { throwIfNoEntry: false })?.nlink ?? 2) < 2,
      ),
    ).toEqual([]);
    await waitFor('nothing staged', 5_000, () => filesUnder(it.r('.lazysync/stage')).length === 0);
    fs.writeFileSync(lab.l('small'), 'small, edited');
    await waitFor('the edit', 20_000, () => fs.readFileSync(it.r('small'), 'utf8') === 'small, edited');
    expect(run('mount', '-o', 'remount,size=64m', remote)).toBe(true);
    await waitFor('the big one', 60_000, () => isFile(it.r('big')));
    await agree(lab);
  });

  test('local is full: a problem there, nothing half done, and the next open brings it', {
    timeout: LIMIT,
  }, async () => {
    const local = disk('8m');
    lab = new Lab('full', undefined, local);
    const it = lab;
    fs.writeFileSync(lab.r('big'), Buffer.alloc(20 * MB, 'big '));
    fs.writeFileSync(lab.r('small'), 'small');
    await lab.up();
    const open = async (rel: string, done: () => boolean): Promise<void> => {
      let last = -Infinity;
      await waitFor(`${rel} after it was opened`, 40_000, () => {
        if (done()) return true;
        if (Date.now() - last > 2_000) {
          last = Date.now();
          fs.readFileSync(it.l(rel));
        }
        return false;
      });
    };
    await open('big', () => it.status().problems === 1);
    expect(filesUnder(lab.l('.lazysync/stage'))).toEqual([]);
    await open('small', () => isFile(it.l('small')));
    expect(isFile(lab.l('big'))).toBe(false);
    expect(run('mount', '-o', 'remount,size=64m', local)).toBe(true);
    await open('big', () => isFile(it.l('big')));
    await agree(lab);
  });

  test('the remote becomes read-only and writable again', { timeout: LIMIT }, async () => {
    const remote = disk('32m');
    lab = new Lab('readonly', remote);
    const it = lab;
    for (const name of ['a', 'b', 'c']) fs.writeFileSync(lab.r(name), name);
    await lab.up();
    expect(run('mount', '-o', 'remount,ro', remote)).toBe(true);
    fs.writeFileSync(lab.l('new'), 'new');
    fs.rmSync(lab.l('a'));
    fs.renameSync(lab.l('b'), lab.l('moved'));
    await waitFor('problems', 20_000, () => it.status().problems >= 2);
    expect(fs.readFileSync(lab.l('c'), 'utf8')).toBe('c');
    expect(fs.readFileSync(lab.r('a'), 'utf8')).toBe('a');
    expect(run('mount', '-o', 'remount,rw', remote)).toBe(true);
    await waitFor('all of it', 60_000, () => isFile(it.r('new')) && !isFile(it.r('a')) && isFile(it.r('moved')));
    await agree(lab);
  });

  test.runIf(ALL)('local becomes read-only and writable again', { timeout: LIMIT }, async () => {
    const local = disk('32m');
    lab = new Lab('readonly', undefined, local);
    const it = lab;
    for (const name of ['a', 'b', 'c']) fs.writeFileSync(lab.r(name), name);
    await lab.up();
    fs.readFileSync(lab.l('a'));
    await waitFor('a copy', 20_000, () => isFile(it.l('a')));
    await agree(lab);
    for (const name of ['a', 'b', 'c']) expect(fs.readFileSync(it.l(name), 'utf8')).toBe(name);
    // Else somebody's open file keeps it writable.
    await waitFor('read-only', 20_000, () => run('mount', '-o', 'remount,ro', local));
    fs.writeFileSync(lab.r('new'), 'new');
    fs.writeFileSync(lab.r('a'), 'a, edited there');
    fs.rmSync(lab.r('b'));
    await waitFor('problems', 60_000, () => it.status().problems >= 2);
    expect(fs.readFileSync(lab.l('a'), 'utf8')).toBe('a');
    expect(fs.readFileSync(lab.l('c'), 'utf8')).toBe('c');
    expect(run('mount', '-o', 'remount,rw', local)).toBe(true);
    await waitFor(
      'all of it',
      90_000,
      () =>
        fs.readFileSync(it.l('a'), 'utf8') === 'a, edited there' &&
        fs.readFileSync(it.l('new'), 'utf8') === 'new' &&
        fs.lstatSync(it.l('b'), { throwIfNoEntry: false }) === undefined,
    );
    await agree(lab);
  });

  test('the state folder is full: it is said, nothing is lost, and it goes on by itself', {
    timeout: LIMIT,
  }, async () => {
    lab = new Lab('full');
    const it = lab;
    const state = disk('24m');
    lab.state = state;
    for (const name of ['a', 'b']) fs.writeFileSync(lab.r(name), name);
    await lab.up();
    const fill = path.join(state, 'fill');
    run('dd', 'if=/dev/zero', `of=${fill}`, 'bs=4k');
    for (let i = 0; i < 50; i++) fs.writeFileSync(lab.l(`n${i}`), `new ${i}`);
    fs.rmSync(lab.r('b'));
    await waitFor('it is said', 60_000, () =>
      /^state .*No space left on device/m.test(it.run(['status', '--local', it.local]).out),
    );
    expect(fs.readFileSync(lab.l('a'), 'utf8')).toBe('a');
    fs.rmSync(fill);
    await waitFor('all of it', 60_000, () => {
      for (let i = 0; i < 50; i++) if (!isFile(it.r(`n${i}`))) return false;
      return fs.lstatSync(it.l('b'), { throwIfNoEntry: false }) === undefined;
    });
    await agree(lab);
  });

  test('one folder of the remote can not be written: all others go on', { timeout: LIMIT }, async (context) => {
    lab = new Lab('refused');
    const it = lab;
    fs.mkdirSync(lab.r('locked'));
    fs.writeFileSync(lab.r('locked/old'), 'old');
    if (!run('chattr', '+i', lab.r('locked'))) return context.skip('chattr +i does not work here');
    try {
      await lab.up();
      fs.writeFileSync(lab.l('locked/new'), 'new');
      fs.rmSync(lab.l('locked/old'));
      fs.mkdirSync(lab.l('free'));
      fs.writeFileSync(lab.l('free/new'), 'new');
      await waitFor('the other folder', 20_000, () => isFile(it.r('free/new')));
      await waitFor('problems', 20_000, () => it.status().problems === 2);
      expect(fs.readdirSync(lab.r('locked'))).toEqual(['old']);
    } finally {
      run('chattr', '-i', lab.r('locked'));
    }
    await waitFor('the rest', 60_000, () => isFile(it.r('locked/new')) && !isFile(it.r('locked/old')));
    await agree(lab);
  });
});
