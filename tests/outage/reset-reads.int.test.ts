/**
 * A connection that is reset while a file is read: what was read is what is there, or an error, whatever the mount's own
 * cache makes of it.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { programFile } from '@lazysync/programs';
import { createDiskFs, FsError } from '@lazysync/replica';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { hashFile } from '../e2e/support/trees.ts';
import { noMounts, SlowRemote } from './support/slow-remote.ts';

const CLI = programFile('cli');
const SIZE = 8 << 20;
const RANGE = 128 * 1024;
const IN_FLIGHT = 24;
const ROUNDS = process.env.LAZYSYNC_OUTAGE === 'all' ? 30 : 10;

let slow: SlowRemote;

beforeEach(() => {
  if (noMounts === null) slow = new SlowRemote('--rtt', '10ms', '--mbit', '60', '--opts', 'dcache_timeout=1');
}, 120_000);
afterEach(() => {
  if (noMounts === null) slow.down();
}, 120_000);

/** Ranges that were read without an error, and are not what was written. `when`: bytes after which it is reset. */
async function wrongRanges(name: string, when: number): Promise<readonly number[]> {
  const data = randomBytes(SIZE);
  fs.writeFileSync(slow.b(name), data);
  const disk = createDiskFs({ root: slow.remote, mode: 'mount' });
  const file = await disk.openRead(name);
  // What tells the kernel the size once more while the answers come in.
  const looking = setInterval(() => fs.stat(path.join(slow.remote, name), () => undefined), 7);
  const wrong: number[] = [];
  let next = 0;
  let done = 0;
  let reset = false;
  const work = async (): Promise<void> => {
    for (let at = next; at < SIZE; at = next) {
      next += RANGE;
      const into = Buffer.alloc(RANGE);
      const got = await file.read(into, at);
      if (!into.subarray(0, got).equals(data.subarray(at, at + got))) wrong.push(at);
      done += got;
      if (!reset && done > when) {
        reset = true;
        slow.drop();
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: IN_FLIGHT }, work));
  clearInterval(looking);
  for (const one of ended) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(FsError);
  await file.close();
  disk.close();
  return wrong;
}

test.skipIf(noMounts !== null)(
  `nothing is read that is not there${noMounts === null ? '' : ` (skipped: ${noMounts})`}`,
  { timeout: 180_000 },
  async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const when = SIZE * (0.1 + (0.7 * round) / ROUNDS);
      await expect.poll(() => slow.answers(), { timeout: 30_000 }).toBe(true);
      expect([round, await wrongRanges(`f${round}`, when)]).toEqual([round, []]);
    }
  },
);

test.skipIf(noMounts !== null)(
  `downloads go on, and all copies are whole${noMounts === null ? '' : ` (skipped: ${noMounts})`}`,
  { timeout: 300_000 },
  async () => {
    const names = Array.from({ length: 12 }, (_one, n) => `f${n}`);
    for (const name of names) fs.writeFileSync(slow.b(name), randomBytes(3 << 20));
    const lab = new Lab('reset', slow.remote);
    try {
      await lab.up();
      const args = [CLI, 'get', ...names.map((name) => lab.l(name))];
      const env = { ...process.env, XDG_STATE_HOME: lab.top, NO_COLOR: '1' };
      // It ends when nothing is left but what failed, which is tried again by itself.
      const getting = spawn(process.execPath, args, { env, stdio: 'ignore' });
      const ended = once(getting, 'exit');
      for (let times = 0; times < 8 && getting.exitCode === null; times++) {
        slow.drop();
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 800))]);
      }
      await ended;
      const copies = (): number => names.filter((name) => fs.lstatSync(lab.l(name)).isFile()).length;
      await expect.poll(copies, { timeout: 120_000 }).toBe(names.length);
      for (const name of names) expect([name, hashFile(lab.l(name))]).toEqual([name, hashFile(slow.b(name))]);
    } finally {
      await lab.close();
    }
  },
);
