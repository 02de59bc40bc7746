/**
 * A transfer that is broken off in the middle goes on after it: the bytes on the link are counted. The worker and its
 * endpoint are killed; `npm run test:outage` resets the connection and cuts the link, too, and changes the remote meanwhile.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Lab, type Status } from '../e2e/support/lab.ts';
import { filesUnder, hashFile } from '../e2e/support/trees.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { noMounts, SlowRemote } from './support/slow-remote.ts';

const MIB = 1 << 20;
const SIZE = 40 * MIB;
/** So much has come when it is broken off. */
const HALF = 18 * MIB;
/** What comes again at most: since the last part, what was under way then, and what everything else costs. */
const AGAIN = 12 * MIB;
const ALL = process.env.LAZYSYNC_OUTAGE === 'all';
const LIMIT = 300_000;

let slow: SlowRemote;
let lab: Lab;

const isFile = (full: string): boolean => fs.lstatSync(full, { throwIfNoEntry: false })?.isFile() ?? false;
const transfer = (): Status['transferList'][number] | undefined => lab.status().transferList[0];

/** One byte of the stub: reading all of it would move it over the link a second time. */
async function begin(): Promise<void> {
  let opened = -Infinity;
  await waitFor('the download is half done', 60_000, () => {
    if (Date.now() - opened > 5_000 && lab.status().transfers === 0) {
      opened = Date.now();
      spawnSync('head', ['-c', '1', lab.l('big')]);
    }
    const now = transfer();
    if (now !== undefined) expect(now).toMatchObject({ path: 'big', direction: 'down', size: SIZE });
    return (now?.bytes ?? 0) > HALF;
  });
}

/** By the command that waits for it: what breaks off is no end of it. */
async function beginByGet(): Promise<() => Promise<void>> {
  const asked = lab.start('get', 'big', '--timeout', '280s');
  await waitFor('the download is half done', 60_000, () => (transfer()?.bytes ?? 0) > HALF);
  return async () => expect(await asked).toEqual({ code: 0, out: '1 file, 41.9 MB: here.\n', err: '' });
}

async function committed(): Promise<void> {
  await waitFor('the copy', 120_000, () => isFile(lab.l('big')));
  expect(hashFile(lab.l('big'))).toBe(hashFile(slow.b('big')));
  await waitFor('rest', 60_000, () => lab.status().state === 'idle');
  expect(filesUnder(lab.l('.lazysync/stage'))).toEqual([]);
}

describe.skipIf(noMounts !== null)(`a download goes on${noMounts === null ? '' : ` (skipped: ${noMounts})`}`, () => {
  beforeEach(async () => {
    slow = new SlowRemote('--rtt', '10ms', '--mbit', '30', '--opts', 'dcache_timeout=1');
    lab = new Lab('resume', slow.remote);
    fs.writeFileSync(slow.b('big'), randomBytes(SIZE));
    fs.utimesSync(slow.b('big'), 1_600_000_000, 1_600_000_000);
    await lab.up();
  }, 300_000);
  afterEach(async () => {
    await lab.close();
    slow.down();
  }, 120_000);

  test('after the worker and its endpoint were killed', { timeout: LIMIT }, async () => {
    const got = await beginByGet();
    slow.resetStats();
    for (const pid of [...lab.pids('sync-worker'), ...lab.pids('endpoint')]) process.kill(pid, 'SIGKILL');
    const [left] = filesUnder(lab.l('.lazysync/stage'));
    expect(left).toBeDefined();
    await committed();
    await got();
    const received = slow.received();
    process.stdout.write(`killed: ${(received / MIB).toFixed(1)} MiB came after that, of ${SIZE / MIB}\n`);
    expect(received).toBeLessThan(SIZE - HALF + AGAIN);
  });

  test.runIf(ALL)(
    'after the whole program was killed, and not when the remote has another version',
    {
      timeout: LIMIT,
    },
    async () => {
      await begin();
      const all = [...lab.pids('sync-worker'), ...lab.pids('watcher'), ...lab.pids('endpoint'), lab.pid];
      for (const pid of all) process.kill(pid, 'SIGKILL');
      await waitFor('up is dead', 5_000, () => !fs.existsSync(`/proc/${lab.pid}`) || null);
      fs.writeFileSync(slow.b('big'), randomBytes(SIZE));
      fs.utimesSync(slow.b('big'), 1_700_000_000, 1_700_000_000);
      slow.resetStats();
      await lab.up();
      // The new version is a stub, or, where the old one was asked for before it was seen, a copy of the new one.
      spawnSync('head', ['-c', '1', lab.l('big')]);
      await committed();
      expect(slow.received()).toBeGreaterThan(SIZE);
    },
  );

  test.runIf(ALL)('after the connection was reset', { timeout: LIMIT }, async () => {
    await begin();
    slow.resetStats();
    slow.drop();
    await committed();
    const received = slow.received();
    process.stdout.write(`reset: ${(received / MIB).toFixed(1)} MiB came after that, of ${SIZE / MIB}\n`);
    expect(received).toBeLessThan(SIZE - HALF + AGAIN);
  });

  test.runIf(ALL)('after the link was cut', { timeout: LIMIT }, async () => {
    const got = await beginByGet();
    slow.cut();
    await waitFor('the cut is noticed', 60_000, () => lab.status().state === 'remote-offline');
    slow.resetStats();
    slow.heal();
    await waitFor('the mount answers', 200_000, () => slow.answers());
    await committed();
    await got();
    const received = slow.received();
    process.stdout.write(`cut: ${(received / MIB).toFixed(1)} MiB came after that, of ${SIZE / MIB}\n`);
    expect(received).toBeLessThan(SIZE - HALF + AGAIN);
  });
});

describe.skipIf(noMounts !== null)(`an upload goes on${noMounts === null ? '' : ` (skipped: ${noMounts})`}`, () => {
  beforeEach(async () => {
    slow = new SlowRemote('--rtt', '10ms', '--mbit', '30', '--opts', 'dcache_timeout=1');
    lab = new Lab('resume-up', slow.remote);
    fs.writeFileSync(slow.b('stays'), 'stays');
    await lab.up();
    fs.writeFileSync(lab.l('big'), randomBytes(SIZE));
    await waitFor('the upload is half done', 60_000, () => {
      const now = transfer();
      if (now !== undefined) expect(now).toMatchObject({ path: 'big', direction: 'up', size: SIZE });
      return (now?.bytes ?? 0) > HALF;
    });
    slow.resetStats();
  }, 300_000);
  afterEach(async () => {
    await lab.close();
    slow.down();
  }, 120_000);

  async function arrived(how: string): Promise<void> {
    await waitFor('the file in remote', 120_000, () => isFile(slow.b('big')));
    expect(hashFile(slow.b('big'))).toBe(hashFile(lab.l('big')));
    await waitFor('rest', 60_000, () => lab.status().state === 'idle');
    expect(lab.status().problems).toBe(0);
    expect(filesUnder(slow.b('.lazysync/stage'))).toEqual([]);
    const sent = slow.sent();
    process.stdout.write(`${how}: ${(sent / MIB).toFixed(1)} MiB went up after that, of ${SIZE / MIB}\n`);
    expect(sent).toBeLessThan(SIZE - HALF + AGAIN);
  }

  test('after the worker and its endpoint were killed', { timeout: LIMIT }, async () => {
    for (const pid of [...lab.pids('sync-worker'), ...lab.pids('endpoint')]) process.kill(pid, 'SIGKILL');
    await arrived('killed');
  });

  test.runIf(ALL)('after the connection was reset', { timeout: LIMIT }, async () => {
    slow.drop();
    await arrived('reset');
  });

  test.runIf(ALL)('after the link was cut', { timeout: LIMIT }, async () => {
    slow.cut();
    await waitFor('the cut is noticed', 60_000, () => lab.status().state === 'remote-offline');
    slow.heal();
    await waitFor('the mount answers', 200_000, () => slow.answers());
    await arrived('cut');
  });
});
