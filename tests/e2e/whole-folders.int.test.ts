/** New folders with many files, over sshfs: others see all of one or nothing, and what is there is never replaced. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { agree } from '../outage/support/agree.ts';
import { noMounts, SlowRemote } from '../outage/support/slow-remote.ts';
import { Lab } from './support/lab.ts';
import { filesUnder } from './support/trees.ts';
import { waitFor } from './support/wait-for.ts';

const LIMIT_MS = 100_000;
const FILES = 60;
const FOLDERS = 3;

describe.skipIf(noMounts !== null)(`folders as a whole${noMounts === null ? '' : ` (skipped: ${noMounts})`}`, () => {
  let slow: SlowRemote;
  let lab: Lab | null = null;
  beforeEach(() => {
    slow = new SlowRemote('--rtt', '20ms', '--opts', 'dcache_timeout=1');
  }, 120_000);
  afterEach(async () => {
    await lab?.close();
    lab = null;
    slow.down();
  }, 120_000);

  const started = async (): Promise<Lab> => {
    fs.writeFileSync(slow.b('stays'), 'stays');
    lab = new Lab('whole', slow.remote);
    await lab.up('--log-level', 'debug');
    // What is made before the start scan is over is found by that.
    await waitFor('the watch', LIMIT_MS, () => lab?.err.includes('"msg":"watching"') === true);
    await agree(lab);
    return lab;
  };
  const write = (it: Lab): void => {
    for (let n = 0; n < FOLDERS; n++) fs.mkdirSync(it.l(`new/d${n}`), { recursive: true });
    for (let n = 0; n < FILES; n++) fs.writeFileSync(it.l(`new/d${n % FOLDERS}`, `f${n}`), `file ${n}`);
  };
  const there = (): number => filesUnder(slow.b('new')).length;

  test('another host sees nothing of it, and then all', { timeout: LIMIT_MS }, async () => {
    const it = await started();
    write(it);
    const seen = new Set<number>();
    await waitFor('all of it', LIMIT_MS, () => {
      if (fs.existsSync(slow.b('new'))) seen.add(there());
      return seen.has(FILES);
    });
    expect([...seen]).toEqual([FILES]);
    await agree(it);
    expect(it.err).not.toMatch(/"step":"upload","side":"remote","path":"new\//);
    expect(filesUnder(slow.b('.lazysync/stage'))).toEqual([]);
    for (let n = 0; n < FILES; n++)
      expect(fs.readFileSync(slow.b(`new/d${n % FOLDERS}`, `f${n}`), 'utf8')).toBe(`file ${n}`);
  });

  test('the worker is killed while one is filled: it goes again, and nothing is left', {
    timeout: LIMIT_MS,
  }, async () => {
    const it = await started();
    write(it);
    await waitFor('some of it is staged', LIMIT_MS, () => filesUnder(slow.b('.lazysync/stage')).length > FILES / 4);
    const [worker = 0] = it.pids('sync-worker');
    process.kill(worker, 'SIGKILL');
    await waitFor('all of it', LIMIT_MS, () => there() === FILES);
    await agree(it);
    expect(filesUnder(slow.b('.lazysync/stage'))).toEqual([]);
    expect(fs.readdirSync(slow.b('.lazysync/stage')).filter((name) => !/^\d+$/.test(name))).toEqual([]);
  });

  // What the whole of it relies on: looked at once, and what comes after that look makes the rename fail.
  test.each([
    ['a file', (at: string) => fs.writeFileSync(at, 'of somebody else')],
    [
      'a full folder',
      (at: string) => {
        fs.mkdirSync(at);
        fs.writeFileSync(path.join(at, 'theirs'), 'of somebody else');
      },
    ],
  ])('this mount renames no folder onto %s that it has not seen yet', (_what, put) => {
    const [from, to] = ['filled', 'name'].map((name) => path.join(slow.remote, name)) as [string, string];
    fs.mkdirSync(from);
    fs.writeFileSync(path.join(from, 'ours'), 'ours');
    expect(fs.existsSync(to)).toBe(false);
    put(slow.b('name'));
    expect(() => fs.renameSync(from, to)).toThrow();
    expect(
      filesUnder(slow.backing)
        .map((file) => fs.readFileSync(file, 'utf8'))
        .sort(),
    ).toEqual(['of somebody else', 'ours']);
  });
});
