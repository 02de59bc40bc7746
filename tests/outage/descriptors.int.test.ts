/** No process gets a further file descriptor for a while (EMFILE): nothing is lost or half done, and it goes on by itself. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { filesUnder, pathsOf } from '../e2e/support/trees.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { agree } from './support/agree.ts';

const LIMIT = 240_000;
const CLI = path.resolve(import.meta.dirname, '../../apps/cli/src/main.ts');
const without = spawnSync('prlimit', ['--version']).status === 0 ? null : 'there is no prlimit';

let lab: Lab;
afterEach(async () => {
  await lab.close();
});

const isFile = (full: string): boolean => fs.lstatSync(full, { throwIfNoEntry: false })?.isFile() ?? false;
const processes = (): number[] => ['sync-worker', 'watcher', 'endpoint'].flatMap((folder) => lab.pids(folder));

/** The soft limit of a process; the hard one stays. */
function allow(pid: number, descriptors: number): void {
  const set = spawnSync('prlimit', ['--pid', String(pid), `--nofile=${descriptors}:`], { encoding: 'utf8' });
  if (set.status !== 0) throw new Error(set.stderr);
}

test.skipIf(without !== null)(
  `none is left in the worker, the watcher and the endpoints${without === null ? '' : ` (skipped: ${without})`}`,
  { timeout: LIMIT },
  async () => {
    lab = new Lab('descriptors');
    for (const name of ['a', 'b', 'c', 'd/e', 'd/f']) {
      fs.mkdirSync(path.dirname(lab.r(name)), { recursive: true });
      fs.writeFileSync(lab.r(name), `text of ${name}`);
    }
    await lab.up();
    for (const name of ['a', 'd/e']) fs.readFileSync(lab.l(name));
    await waitFor('copies', 60_000, () => ['a', 'd/e'].every((name) => isFile(lab.l(name))));
    await agree(lab);
    const limited = processes();
    expect(limited.length).toBeGreaterThanOrEqual(4);
    for (const pid of limited) allow(pid, 3);
    fs.writeFileSync(lab.l('new'), 'made meanwhile');
    fs.appendFileSync(lab.l('a'), ', edited');
    fs.rmSync(lab.l('b'));
    fs.writeFileSync(lab.r('there'), 'made there');
    fs.rmSync(lab.r('c'));
    fs.readFileSync(lab.l('d/f'));
    await waitFor('it shows', 60_000, () => /EMFILE|too many open files/i.test(lab.err));
    await waitFor('it is said', 60_000, () => {
      const { problems, state } = lab.status();
      return problems > 0 || state !== 'idle';
    });
    // Nothing is taken for gone.
    expect(pathsOf(lab.remote)).toEqual(expect.arrayContaining(['a', 'd', 'd/e', 'd/f', 'there']));
    expect(pathsOf(lab.local)).toEqual(expect.arrayContaining(['a', 'd', 'd/e', 'd/f', 'new']));
    for (const pid of processes()) allow(pid, 4096);
    await waitFor('it goes on by itself', 120_000, () => isFile(lab.r('new')) && !fs.existsSync(lab.r('b')));
    await agree(lab, 120_000);
    expect(fs.readFileSync(lab.r('a'), 'utf8')).toBe('text of a, edited');
    expect(filesUnder(lab.l('.lazysync/trash')).length + filesUnder(lab.r('.lazysync/trash')).length).toBeGreaterThan(
      0,
    );
  },
);

test.runIf(process.env.LAZYSYNC_OUTAGE === 'all')(
  '64 are enough for all of it, and 32 for a command',
  { timeout: LIMIT },
  async () => {
    lab = new Lab('descriptors');
    for (let i = 0; i < 300; i++) fs.writeFileSync(lab.r(`f${i}`), `file ${i}`);
    lab.before = ['sh', '-c', 'ulimit -n 64 && exec "$@"', 'sh'];
    await lab.up();
    for (let i = 0; i < 300; i++) fs.writeFileSync(lab.l(`n${i}`), `new ${i}`);
    for (let i = 0; i < 300; i++) fs.readFileSync(lab.l(`f${i}`));
    await agree(lab, 120_000);
    await lab.down();
    // Node itself does not start with fewer than about 24.
    const ran = spawnSync('sh', ['-c', 'ulimit -n 32 && exec "$@"', 'sh', process.execPath, CLI, 'status', '--json'], {
      cwd: lab.local,
      encoding: 'utf8',
      env: { ...process.env, XDG_STATE_HOME: lab.top },
    });
    expect([ran.status, ran.stderr]).toEqual([0, '']);
    expect(JSON.parse(ran.stdout)).toMatchObject({ pairs: [{ state: 'stopped', entries: 600 }] });
  },
);
