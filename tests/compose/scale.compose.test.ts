/** Six pairs of the host and three watchers: who watches what, and what happens when one of them dies. */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProject, type Project, whyNot } from './project.ts';
import { until } from './until.ts';

const reason = await whyNot();
const UID = 1234;
const NAMES = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
const UP = ['up', '-d', '--wait', '--wait-timeout', '240', '--scale', 'watcher=3'];
const run = promisify(execFile);

interface Pair {
  readonly id: string;
  readonly state: string;
  readonly queued: number;
  readonly problems: number;
  readonly watchers: readonly { readonly pid: number; readonly host: string }[];
  readonly worker: readonly { readonly host: string }[];
}

describe.skipIf(reason !== null)(`three watchers and six pairs${reason === null ? '' : ` (${reason})`}`, () => {
  let project: Project;
  let folder: string;
  const at = (...parts: string[]): string => join(folder, ...parts);
  const make = (...parts: string[]): string => {
    mkdirSync(at(...parts), { recursive: true });
    for (let depth = 1; depth <= parts.length; depth++) chownSync(at(...parts.slice(0, depth)), UID, UID);
    return at(...parts);
  };
  const write = (text: string, ...parts: string[]): void => {
    writeFileSync(at(...parts), text);
    chownSync(at(...parts), UID, UID);
  };

  beforeAll(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'lazysync-scale-')));
    chmodSync(folder, 0o755);
    const lines = NAMES.map((id) => `  - { id: ${id}, remote: ${make('remote', id)}, local: ${make('local', id)} }\n`);
    for (const id of NAMES) write(id, 'remote', id, 'there.txt');
    project = await createProject();
    const modules = join(import.meta.dirname, '../../node_modules');
    await run('ln', ['-s', modules, join(project.folder, 'node_modules')]);
    writeFileSync(join(project.folder, 'lazysync.yaml'), `pairs:\n${lines.join('')}`);
    const main = join(project.folder, 'apps/cli/src/main.ts');
    const env = { ...process.env, LAZYSYNC_STATE: at('state') };
    await run(process.execPath, [main, 'init', '--compose'], { cwd: '/', env });
    try {
      await project.compose([...UP, '--build'], 540_000);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await project.compose(['logs', '--tail', '60'])}`, {
        cause: error,
      });
    }
  });
  afterAll(async () => {
    await project?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const pairs = async (): Promise<readonly Pair[]> => {
    const answer = await project.fetch('/api/v1/pairs');
    return ((await answer.json()) as { pairs: Pair[] }).pairs;
  };
  /** How many pairs each watcher has; null while a pair has none or two. */
  const spread = (all: readonly Pair[]): Record<string, number> | null => {
    const hosts: Record<string, number> = {};
    for (const { watchers } of all) {
      const [only, ...more] = watchers;
      if (only === undefined || more.length > 0) return null;
      hosts[only.host] = (hosts[only.host] ?? 0) + 1;
    }
    return hosts;
  };
  const isEven = (all: readonly Pair[]): boolean => {
    const hosts = spread(all);
    return hosts !== null && Object.values(hosts).sort().join('/') === '2/2/2';
  };
  const arrives = (id: string, name: string): Promise<boolean> =>
    until(
      `${name} of ${id} is uploaded`,
      () => existsSync(at('remote', id, name)),
      (there) => there,
    );

  test('each pair is watched once, two by each watcher, and worked once', async () => {
    const all = await until('2/2/2', pairs, isEven);
    expect(all.map(({ id, worker }) => [id, worker.length])).toEqual(NAMES.map((id) => [id, 1]));
    for (const id of NAMES) write('from here', 'local', id, 'first.txt');
    for (const id of NAMES) await arrives(id, 'first.txt');
  });

  test('kill -9 of one: its pairs are watched again within 15 s, and no change is lost', async () => {
    const before = await until('2/2/2', pairs, isEven);
    const watchers = (await project.states()).filter(({ Service }) => Service === 'watcher');
    const [victim] = watchers;
    if (victim === undefined) throw new Error('there is no watcher');
    const [seen] = JSON.parse(await project.docker(['inspect', victim.ID])) as { State: { Pid: number } }[];
    const host = before.map(({ watchers: [one] }) => one?.host ?? '').find((one) => victim.ID.startsWith(one));
    const his = before.filter(({ watchers: [one] }) => one?.host === host).map(({ id }) => id);
    expect(his).toHaveLength(2);
    process.kill(seen?.State.Pid ?? 0, 'SIGKILL');
    const killed = performance.now();
    for (const id of his) write('while nobody looked', 'local', id, 'second.txt');
    for (const id of his) await arrives(id, 'second.txt');
    // Seen by who took over, or by the scan that begins the watch: both need the pair to be watched again.
    expect(performance.now() - killed).toBeLessThan(15_000);
    await until('2/2/2 again', pairs, isEven);
  });

  test('a file that is changed in place is followed: a pair goes, and comes back', async () => {
    const config = join(project.folder, 'lazysync.yaml');
    const whole = readFileSync(config, 'utf8');
    writeFileSync(config, whole.replace(/.*id: p1,.*\n/, ''));
    const has = (id: string) => (now: readonly Pair[]) => now.some((one) => one.id === id);
    await until('p1 is gone', pairs, (now) => !has('p1')(now) && now.length === 5, 90_000);
    await until(
      'the others are shared out',
      pairs,
      (now) =>
        Object.values(spread(now) ?? {})
          .sort()
          .join('/') === '1/2/2',
      90_000,
    );
    write('while it was no pair', 'local', 'p1', 'third.txt');
    writeFileSync(config, whole);
    await until('p1 is watched again', pairs, (now) => has('p1')(now) && isEven(now), 90_000);
    await arrives('p1', 'third.txt');
  });

  test('down and up go on where they were', async () => {
    await project.compose(['down'], 90_000);
    for (const id of NAMES) write('while it was down', 'local', id, 'late.txt');
    await project.compose(UP, 300_000);
    for (const id of NAMES) await arrives(id, 'late.txt');
    const all = await until(
      'rest',
      pairs,
      (now) => isEven(now) && now.every(({ state, queued }) => state === 'idle' && queued === 0),
    );
    expect(all.every(({ problems }) => problems === 0)).toBe(true);
  });
});
