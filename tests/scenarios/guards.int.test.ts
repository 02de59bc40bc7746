/**
 * What must never look like a delete: a remote that is unmounted, emptied, replaced by another one, or without its
 * marker; very many deletes that nobody was seen doing. Each is held, said in `status`, and goes on by itself or by a
 * person's word.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { differences, filesUnder, pathsOf } from '../e2e/support/trees.ts';
import { waitFor } from '../e2e/support/wait-for.ts';

const LIMIT = 180_000;
/** Those that are left out of the normal run: the same is looked at there without the program's processes. */
const more = test.runIf(process.env.LAZYSYNC_SCENARIOS === 'all');

const FILES = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? `d/f${i}` : `f${i}`));
/** More than a mass delete needs. */
const MANY = Array.from({ length: 150 }, (_, i) => `many/m${i}`);

let lab: Lab;
beforeEach(() => {
  lab = new Lab('guards');
});
afterEach(async () => {
  await lab.close();
});

function fill(names: readonly string[]): void {
  for (const name of names) {
    fs.mkdirSync(path.dirname(lab.r(name)), { recursive: true });
    fs.writeFileSync(lab.r(name), `text of ${name}`);
  }
}

const there = (full: string): boolean => fs.lstatSync(full, { throwIfNoEntry: false }) !== undefined;
const localNow = (): string[] => pathsOf(lab.local);
/** A state in which nothing is removed. */
const waits = (): Promise<string> =>
  waitFor('a state in which the pair waits', 60_000, () => {
    const { state } = lab.status();
    return ['held', 'halted', 'remote-offline'].includes(state) ? state : null;
  });

async function copiesOf(...names: string[]): Promise<void> {
  for (const name of names) fs.readFileSync(lab.l(name));
  await waitFor('copies', 60_000, () => names.every((name) => fs.lstatSync(lab.l(name)).isFile()));
  lab.wait();
}

function emptyRemote(): void {
  const aside = path.join(lab.top, 'aside');
  fs.mkdirSync(aside);
  for (const name of fs.readdirSync(lab.remote)) {
    if (name !== '.lazysync') fs.renameSync(lab.r(name), path.join(aside, name));
  }
}

function refill(): void {
  const aside = path.join(lab.top, 'aside');
  for (const name of fs.readdirSync(aside)) fs.renameSync(path.join(aside, name), lab.r(name));
}

test('nextcloud #2350, syncthing #799: the remote is suddenly empty, and then not any more', {
  timeout: LIMIT,
}, async () => {
  fill(FILES);
  await lab.up();
  await copiesOf('f1', 'd/f2');
  const before = localNow();
  emptyRemote();
  expect(await waits()).toBe('held');
  expect(localNow()).toEqual(before);
  expect(lab.run(['wait', '--timeout', '20s', '--local', lab.local]).code).toBe(3);
  refill();
  await waitFor('the pair goes on by itself', 60_000, () => lab.status().state === 'idle');
  lab.wait();
  expect(localNow()).toEqual(before);
  expect(differences(lab.local, lab.remote)).toEqual([]);
  expect(filesUnder(lab.l('.lazysync/trash'))).toEqual([]);
});

more('the remote is suddenly empty, and that is meant: approve', { timeout: LIMIT }, async () => {
  fill(FILES);
  await lab.up();
  await copiesOf('f1', 'd/f2');
  emptyRemote();
  await waits();
  expect(lab.run(['approve', '--local', lab.local]).code).toBe(0);
  lab.wait();
  expect(localNow()).toEqual([]);
  expect(pathsOf(lab.remote)).toEqual([]);
});

test('the remote is suddenly empty, and that is a mistake: reject brings back what there are copies of', {
  timeout: LIMIT,
}, async () => {
  fill(FILES);
  await lab.up();
  await copiesOf('f1', 'd/f2');
  const before = localNow();
  emptyRemote();
  await waits();
  expect(lab.run(['reject', '--local', lab.local]).code).toBe(0);
  await waitFor('what there are copies of', 60_000, () => there(lab.r('f1')) && there(lab.r('d/f2')));
  expect(fs.readFileSync(lab.r('f1'), 'utf8')).toBe('text of f1');
  expect(localNow()).toEqual(before);
});

more('local is suddenly empty: nothing is removed from the remote', { timeout: LIMIT }, async () => {
  fill(FILES);
  await lab.up();
  lab.wait();
  await lab.down();
  for (const name of fs.readdirSync(lab.local)) {
    if (name !== '.lazysync') fs.rmSync(lab.l(name), { recursive: true });
  }
  const before = pathsOf(lab.remote);
  await lab.up();
  expect(await waits()).toBe('held');
  expect(pathsOf(lab.remote)).toEqual(before);
  expect(lab.run(['reject', '--local', lab.local]).code).toBe(0);
  lab.wait();
  expect(localNow()).toEqual(before);
  expect(pathsOf(lab.remote)).toEqual(before);
});

more(
  'the remote is replaced by another folder: nothing is removed, and it goes on when the right one is back',
  { timeout: LIMIT },
  async () => {
    fill(FILES);
    await lab.up();
    await copiesOf('f1');
    const before = localNow();
    const aside = path.join(lab.top, 'remote aside');
    fs.renameSync(lab.remote, aside);
    fs.mkdirSync(lab.remote);
    fs.writeFileSync(lab.r('another'), 'none of ours');
    await waits();
    fs.writeFileSync(lab.l('new'), 'made meanwhile');
    expect(localNow()).toEqual([...before, 'new'].sort());
    expect(pathsOf(lab.remote)).toEqual(['another']);
    fs.rmSync(lab.remote, { recursive: true });
    fs.renameSync(aside, lab.remote);
    await waitFor('it goes on by itself', 60_000, () => there(lab.r('new')));
    lab.wait();
    expect(localNow()).toEqual([...before, 'new'].sort());
    expect(differences(lab.local, lab.remote)).toEqual([]);
  },
);

more(
  'syncthing #5207: a marker that is gone is never made again by itself; adopt takes the folders over',
  { timeout: LIMIT },
  async () => {
    fill(FILES);
    await lab.up();
    lab.wait();
    await lab.down();
    fs.rmSync(lab.r('.lazysync/root.json'));
    fs.rmSync(lab.r('f1'));
    const before = localNow();
    await expect(lab.up()).rejects.toThrow(/halted: remote .* does not carry its marker/);
    expect(localNow()).toEqual(before);
    expect(there(lab.r('.lazysync/root.json'))).toBe(false);
    await lab.down();
    expect(lab.run(['adopt', '--local', lab.local]).code).toBe(0);
    await lab.up();
    lab.wait();
    expect(there(lab.r('.lazysync/root.json'))).toBe(true);
    expect(differences(lab.local, lab.remote)).toEqual([]);
  },
);

more('the marker goes while it runs: nothing is removed until it is back', { timeout: LIMIT }, async () => {
  fill(FILES);
  await lab.up();
  lab.wait();
  const marker = fs.readFileSync(lab.r('.lazysync/root.json'));
  fs.rmSync(lab.r('.lazysync/root.json'));
  fs.rmSync(lab.l('f1'));
  await waits();
  expect(there(lab.r('f1'))).toBe(true);
  fs.writeFileSync(lab.r('.lazysync/root.json'), marker);
  await waitFor('it goes on by itself', 60_000, () => !there(lab.r('f1')));
  lab.wait();
});

describe('150 of 152 entries are gone after a stop, and nobody was seen deleting them', () => {
  test('in the remote: held; approve removes them here', { timeout: LIMIT }, async () => {
    fill([...MANY, 'stays']);
    await lab.up();
    lab.wait();
    await lab.down();
    fs.rmSync(lab.r('many'), { recursive: true });
    await lab.up();
    expect(await waits()).toBe('held');
    expect(there(lab.l('many/m7'))).toBe(true);
    expect(lab.run(['approve', '--local', lab.local]).code).toBe(0);
    lab.wait();
    expect(localNow()).toEqual(['stays']);
  });

  more('in local: held; reject brings them back as stubs', { timeout: LIMIT }, async () => {
    fill([...MANY, 'stays']);
    await lab.up();
    lab.wait();
    await lab.down();
    const before = localNow();
    fs.rmSync(lab.l('many'), { recursive: true });
    await lab.up();
    expect(await waits()).toBe('held');
    expect(there(lab.r('many/m7'))).toBe(true);
    expect(lab.run(['reject', '--local', lab.local]).code).toBe(0);
    lab.wait();
    expect(localNow()).toEqual(before);
    expect(differences(lab.local, lab.remote)).toEqual([]);
  });

  more(
    'in local, while it runs: a rm -r that was seen is done at once, and all of it is in the trash',
    { timeout: LIMIT },
    async () => {
      fill([...MANY, 'stays', 'stays too']);
      await lab.up();
      lab.wait();
      fs.rmSync(lab.l('many'), { recursive: true });
      lab.wait();
      expect(pathsOf(lab.remote)).toEqual(['stays', 'stays too']);
      expect(filesUnder(lab.r('.lazysync/trash')).length).toBe(MANY.length);
    },
  );

  more(
    'renamed is not deleted: a folder of 150 that was renamed while it did not run is no mass delete',
    { timeout: LIMIT },
    async () => {
      fill([...MANY, 'stays']);
      await lab.up();
      lab.wait();
      await lab.down();
      fs.renameSync(lab.l('many'), lab.l('renamed'));
      await lab.up();
      lab.wait();
      expect(there(lab.r('renamed/m7'))).toBe(true);
      expect(filesUnder(lab.r('.lazysync/trash'))).toEqual([]);
    },
  );
});

const mountable = (() => {
  const at = fs.mkdtempSync('/tmp/lazysync-can-mount-');
  const can = spawnSync('mount', ['--bind', at, at]).status === 0;
  if (can) spawnSync('umount', [at]);
  fs.rmdirSync(at);
  return can;
})();

test.skipIf(!mountable)(
  `umount of the remote, and mount again${mountable ? '' : ' (skipped: this user can not mount)'}`,
  { timeout: LIMIT },
  async () => {
    const backing = path.join(lab.top, 'backing');
    fs.mkdirSync(backing);
    const mount = (): void => void spawnSync('mount', ['--bind', backing, lab.remote]);
    const unmount = (): void => void spawnSync('umount', ['-l', lab.remote]);
    mount();
    try {
      fill(FILES);
      await lab.up();
      await copiesOf('f1');
      const before = localNow();
      unmount();
      await waits();
      fs.writeFileSync(lab.l('new'), 'made meanwhile');
      fs.appendFileSync(lab.l('f1'), ', edited meanwhile');
      expect(localNow()).toEqual([...before, 'new'].sort());
      expect(fs.readdirSync(lab.remote)).toEqual([]);
      mount();
      await waitFor('it goes on by itself', 60_000, () => there(lab.r('new')));
      lab.wait();
      expect(fs.readFileSync(lab.r('f1'), 'utf8')).toBe('text of f1, edited meanwhile');
      expect(localNow()).toEqual([...before, 'new'].sort());
      expect(differences(lab.local, lab.remote)).toEqual([]);
    } finally {
      await lab.down();
      unmount();
    }
  },
);
