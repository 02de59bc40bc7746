/** No process gets a further file descriptor for a while (EMFILE): nothing is lost or half done, and it goes on by itself. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { programFile } from '@lazysync/programs';
import { afterEach, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { filesUnder, pathsOf } from '../e2e/support/trees.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { agree } from './support/agree.ts';

const LIMIT = 240_000;
const CLI = programFile('cli');
const without = spawnSync('prlimit', ['--version']).status === 0 ? null : 'there is no prlimit';

let lab: Lab;
afterEach(async () => {
  await lab.close();
});

const isFile = (full: string): boolean => fs.lstatSync(full, { throwIfNoEntry: false })?.isFile() ?? false;

/** The soft limit of a process; the hard one stays. */
function allow(pid: number, descriptors: number): void {
  const set = spawnSync('prlimit', ['--pid', String(pid), `--nofile=${descriptors}:`], { encoding: 'utf8' });
  if (set.status !== 0) throw new Error(set.stderr);
}

const APPS: readonly string[] = ['sync-worker', 'watcher', 'endpoint'];
const ALONE: readonly (readonly string[])[] =
  process.env.LAZYSYNC_OUTAGE === 'all' ? [['sync-worker'], ['endpoint']] : [];

test.skipIf(without !== null).each([APPS, ...ALONE].map((who) => ({ who, in: who.join(', ') })))(
  `none is left in: $in${without === null ? '' : ` (skipped: ${without})`}`,
  { timeout: LIMIT },
  async ({ who }) => {
    lab = new Lab('descriptors');
    for (const name of ['a', 'b', 'c', 'd/e', 'd/f', 'g/h', 'g/i']) {
      fs.mkdirSync(path.dirname(lab.r(name)), { recursive: true });
      fs.writeFileSync(lab.r(name), `text of ${name}`);
    }
    await lab.up();
    for (const name of ['a', 'd/e']) fs.readFileSync(lab.l(name));
    await waitFor('copies', 60_000, () => ['a', 'd/e'].every((name) => isFile(lab.l(name))));
    await agree(lab);
    const processes = (): number[] => who.flatMap((app) => lab.pids(app));
    const limited = processes();
    // Worker and watcher have an endpoint each.
    expect(limited).toHaveLength(who.length + Number(who.includes('endpoint')));
    for (const pid of limited) allow(pid, 3);
    fs.writeFileSync(lab.l('new'), 'made meanwhile');
    fs.appendFileSync(lab.l('a'), ', edited');
    fs.rmSync(lab.l('b'));
    fs.writeFileSync(lab.r('there'), 'made there');
    fs.rmSync(lab.r('c'));
    fs.readFileSync(lab.l('d/f'));
    fs.renameSync(lab.l('g'), lab.l('d/g'));
    for (const folder of [lab.l('m'), lab.r('n')]) {
      fs.mkdirSync(folder);
      for (let i = 0; i < 20; i++)
        fs.writeFileSync(path.join(folder, `f${i}`), `file ${i} in ${path.basename(folder)}`);
    }
    await waitFor('it is said', 60_000, () => {
      const { out } = lab.run(['problems', '--local', lab.local]);
      const { state } = lab.status();
      return out.includes('EMFILE') || (state !== 'idle' && lab.err.includes('EMFILE'));
    });
    // Nothing is taken for gone.
    expect(pathsOf(lab.remote)).toEqual(expect.arrayContaining(['a', 'd', 'd/e', 'd/f', 'there']));
    expect(pathsOf(lab.local)).toEqual(expect.arrayContaining(['a', 'd', 'd/e', 'd/f', 'new', 'm/f19']));
    // It is not a new start without the limit that goes on.
    expect(processes()).toEqual(limited);
    for (const pid of limited) allow(pid, 4096);
    await waitFor('it goes on by itself', 120_000, () => isFile(lab.r('new')) && !fs.existsSync(lab.r('b')));
    await agree(lab, 120_000);
    expect(fs.readFileSync(lab.r('a'), 'utf8')).toBe('text of a, edited');
    expect(fs.readFileSync(lab.r('d/g/h'), 'utf8')).toBe('text of g/h');
    expect(fs.readdirSync(lab.r('m'))).toHaveLength(20);
    expect(filesUnder(lab.l('.lazysync/trash')).length + filesUnder(lab.r('.lazysync/trash')).length).toBeGreaterThan(
      0,
    );
  },
);

interface Warned {
  readonly warnings: readonly { readonly message: string }[];
}

/** The worker has nothing to do, so nothing comes to be a problem of a path. */
test.skipIf(without !== null)(
  `none is left in the watcher alone: status says that it can not look${without === null ? '' : ` (skipped: ${without})`}`,
  { timeout: LIMIT },
  async () => {
    lab = new Lab('descriptors');
    fs.writeFileSync(lab.r('a'), 'text of a');
    await lab.up();
    await agree(lab);
    const warnings = (): readonly string[] => {
      const { out } = lab.run(['status', '--json', '--local', lab.local]);
      const { pairs } = JSON.parse(out) as { pairs: Warned[] };
      return pairs.flatMap((pair) => pair.warnings.map((one) => one.message));
    };
    expect(warnings()).toEqual([]);
    const limited = lab.pids('watcher');
    for (const pid of limited) allow(pid, 3);
    fs.mkdirSync(lab.l('folder'));
    fs.writeFileSync(lab.l('folder/new'), 'made meanwhile');
    await waitFor('it is said', 60_000, () =>
      warnings().some((one) => /local folder can not be looked at.*EMFILE/.test(one)),
    );
    expect(lab.pids('watcher')).toEqual(limited);
    for (const pid of limited) allow(pid, 4096);
    await waitFor('it goes on by itself', 120_000, () => isFile(lab.r('folder/new')));
    await agree(lab);
    await waitFor('it is said no more', 60_000, () => warnings().length === 0);
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
