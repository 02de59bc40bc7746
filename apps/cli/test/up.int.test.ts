/** The whole program on real folders, as a user has it. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Home, makeHome, type Running, snapshot, until } from './support/cli.ts';

let home: Home;
beforeEach(() => {
  home = makeHome();
  home.folder('R/docs/deep');
  writeFileSync(home.path('R/a.txt'), 'hello\n');
  writeFileSync(home.path('R/docs/b.txt'), 'b'.repeat(5000));
  writeFileSync(home.path('R/docs/deep/c.txt'), 'c');
});
afterEach(async () => {
  await home.remove();
});

interface PairJson {
  readonly id: string;
  readonly state: string;
  readonly worker: readonly { readonly pid: number }[];
  readonly watchers: readonly { readonly pid: number }[];
}

const PAIR = ['--remote', 'R', '--local', 'L'];
const QUIET = [...PAIR, '--no-dashboard', '--log-level', 'warn'];

async function start(args: readonly string[] = QUIET): Promise<Running> {
  const up = home.start(['up', ...args]);
  await up.ready();
  return up;
}

async function pairJson(): Promise<PairJson> {
  const { stdout } = await home.run(['status', '--json', '--local', 'L']);
  const [pair] = (JSON.parse(stdout) as { pairs: PairJson[] }).pairs;
  if (pair === undefined) throw new Error('no pair');
  return pair;
}

const isStub = (file: string): boolean =>
  lstatSync(home.path('L', file), { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
const wait = (): ReturnType<Home['run']> => home.run(['wait', '--local', 'L', '--timeout', '40s']);

describe('up', () => {
  test('mirrors, downloads what is opened, uploads what is written, and ends at once', async () => {
    const up = await start();
    expect(await up.ready()).toBe('ready  3 stubs, 2 folders, 0 B downloaded (5 KB remote)');
    await until('all three lines', () => /^status .*Ctrl-C stops, files stay readable\n$/m.test(up.stdout()));
    expect(up.stdout().split('\n')).toHaveLength(4);
    expect(up.stdout()).toContain(`try    cat ${home.path('L/a.txt')}   then   ls -l ${home.path('L/a.txt')}\n`);
    expect(realpathSync(home.path('L/docs/b.txt'))).toBe(home.path('R/docs/b.txt'));

    expect(readFileSync(home.path('L/a.txt'), 'utf8')).toBe('hello\n');
    await until('the copy', () => !isStub('a.txt'));
    writeFileSync(home.path('L/new.txt'), 'from here');
    expect(await wait()).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(home.path('R/new.txt'), 'utf8')).toBe('from here');

    const status = await home.run(['status', '--json', '--local', 'L']);
    expect(JSON.parse(status.stdout)).toEqual({
      version: 1,
      pairs: [
        {
          id: expect.stringMatching(/^l-[0-9a-f]{4}$/),
          local: home.path('L'),
          remote: home.path('R'),
          state: 'idle',
          queued: 0,
          transfers: 0,
          entries: 6,
          directories: 2,
          stubs: 2,
          copies: 2,
          cachedBytes: 15,
          remoteBytes: 5016,
          conflicts: 0,
          problems: 0,
          held: 0,
          openReplaces: 0,
          lastChange: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
          redis: 'up',
          watchers: [{ pid: expect.any(Number), host: expect.any(String) }],
          serverWatchers: [],
          remoteScan: expect.objectContaining({ folders: expect.any(Number), oldestMs: expect.any(Number) }),
          warnings: [],
          worker: [{ pid: expect.any(Number), host: expect.any(String) }],
          transferList: [],
        },
      ],
    });
    // On a busy machine Redis may answer later than `status` waits for it, which is said then.
    await until('rest', async () =>
      /^state +idle$/m.test((await home.run(['status'], { cwd: home.path('L/docs') })).stdout),
    );

    const { stdout } = await home.run(['ls', '-l', 'L']);
    expect(stdout.split('\n').map((line) => [line.split(' ')[0], line.split(' ').at(-1)])).toEqual([
      ['copy', 'a.txt'],
      ['directory', 'docs/'],
      ['copy', 'new.txt'],
      ['', ''],
    ]);
    expect((await home.run(['ls', 'L/docs'])).stdout).toBe('b.txt@\ndeep/\n');
    expect(await home.run(['get', 'L/docs'])).toMatchObject({ code: 0, stdout: '2 files, 5 KB: here.\n' });
    expect([isStub('docs/b.txt'), isStub('docs/deep/c.txt')]).toEqual([false, false]);
    expect((await home.run(['problems'])).stdout).toBe('No problems.\n');
    expect((await home.run(['conflicts'])).stdout).toBe('No conflicts.\n');
    expect((await home.run(['du'])).stdout.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['HERE', 'REMOTE', 'COPIES', 'STUBS'],
      ['5 KB', '5 KB', '2', '0', 'docs/'],
      ['5 KB', '5 KB', '4', '0', '.'],
      [''],
    ]);
    const doctor = await home.run(['doctor', '--json']);
    const { machine, pairs } = JSON.parse(doctor.stdout);
    expect(machine.map(({ about }: { about: string }) => about)).toContain('inotify');
    expect(pairs[0].findings).toContainEqual({ level: 'ok', about: 'runs', says: expect.any(String), mend: null });

    const since = performance.now();
    expect(await up.stop()).toMatchObject({ code: 0 });
    expect(performance.now() - since).toBeLessThan(5000);
    expect(home.processes()).toEqual([]);
    expect((await pairJson()).state).toBe('stopped');
    expect(await wait()).toMatchObject({ code: 1, stderr: expect.stringContaining('Nothing runs') });
    expect(await home.run(['get', 'L/docs'])).toMatchObject({ code: 1 });
  });

  test('a second one on the same pair is refused at once, under any name', async () => {
    const up = await start();
    await until('what is made once the mirror is over', () => existsSync(home.path('R/.lazysync/stage/15')));
    const before = snapshot(home.path('R'));
    for (const more of [[], ['--id', 'other'], ['--state', home.path('elsewhere')]]) {
      const second = await home.run(['up', ...QUIET, ...more]);
      expect(second).toMatchObject({ code: 1, stdout: '' });
      expect(second.stderr).toMatch(/^lazysync: Another "lazysync up" already runs for [^\n]+\.\n$/);
    }
    expect(snapshot(home.path('R'))).toEqual(before);
    expect(existsSync(home.path('elsewhere'))).toBe(false);
    expect(await home.run(['sync', ...PAIR])).toMatchObject({ code: 0 });
    expect(up.process.exitCode).toBeNull();
    // Another remote for the same local folder.
    home.folder('S');
    const other = await home.run(['up', '--remote', 'S', '--local', 'L']);
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('is paired with') });
  });

  test('wait gives up in time when nobody looks, and status answers all the same', async () => {
    const up = await start();
    expect(await wait()).toMatchObject({ code: 0 });
    const { watchers } = await pairJson();
    for (const { pid } of watchers) process.kill(pid, 'SIGSTOP');
    try {
      const late = await home.run(['wait', '--local', 'L', '--timeout', '2s']);
      expect(late).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/is not known to be at rest after 2 s: 0 queued/),
      });
      expect((await pairJson()).state).toBe('idle');
    } finally {
      for (const { pid } of watchers) process.kill(pid, 'SIGCONT');
    }
    expect(await wait()).toMatchObject({ code: 0 });
    expect(await up.stop()).toMatchObject({ code: 0 });
  });

  test.each([' a\nb ü', '-rf'])('a folder called %j', async (name) => {
    mkdirSync(home.path(`${name}R`));
    writeFileSync(home.path(`${name}R`, `${name}f`), 'x');
    const up = await start(['--remote', `${name}R`, '--local', `${name}L`, '--no-dashboard']);
    expect(readlinkSync(home.path(`${name}L`, `${name}f`))).toBe(home.path(`${name}L`, '.lazysync/remote', `${name}f`));
    expect(await home.run(['wait', '--local', `${name}L`])).toMatchObject({ code: 0 });
    expect((await home.run(['ls', '--local', `${name}L`])).stdout.trim().split('\n')).toHaveLength(1);
    expect(await home.run(['get', '--', join(`${name}L`, `${name}f`)])).toMatchObject({ code: 0 });
    expect(await up.stop()).toMatchObject({ code: 0 });
  });

  test('killed processes come back; a killed command takes its processes along', async () => {
    const up = await start();
    const first = await pairJson();
    for (const { pid } of [...first.worker, ...first.watchers]) process.kill(pid, 'SIGKILL');
    writeFileSync(home.path('L/new.txt'), 'meanwhile');
    await until('others', async () => {
      const { worker, watchers } = await pairJson();
      const now = [...worker, ...watchers].map(({ pid }) => pid);
      return (
        [...first.worker, ...first.watchers].every(({ pid }) => !now.includes(pid)) &&
        worker.length > 0 &&
        watchers.length > 0
      );
    });
    expect(await wait()).toMatchObject({ code: 0 });
    expect(readFileSync(home.path('R/new.txt'), 'utf8')).toBe('meanwhile');

    const second = await pairJson();
    up.process.kill('SIGKILL');
    await up.ended;
    await until(
      'their end',
      () => ![...second.worker, ...second.watchers].some(({ pid }) => existsSync(`/proc/${pid}`)),
      6000,
    );
    const again = await start();
    expect(await wait()).toMatchObject({ code: 0 });
    expect(await again.stop()).toMatchObject({ code: 0 });
    expect(home.processes()).toEqual([]);
  });

  test('the dashboard: its address is printed, and a taken port leads to the next one', async () => {
    const up = await start(PAIR);
    const [, url] = await until('the address', () => /queue {2}(http:\S+)\/queues/.exec(up.stdout()));
    const answered = await until('the queues', async () => {
      const answer = await fetch(`${url}/queues`).catch(() => null);
      return answer?.ok === true ? answer : null;
    });
    expect(await answered.text()).toContain('<html');
    const port = new URL(String(url)).port;
    const other = home.start(['up', '--remote', home.folder('S'), '--local', 'M', '--port', port]);
    await other.ready();
    const [, next] = await until('its address', () => /queue {2}http:\S+:(\d+)\/queues/.exec(other.stdout()));
    expect(Number(next)).toBeGreaterThan(Number(port));
    const all = JSON.parse((await home.run(['status', '--json'])).stdout) as { pairs: PairJson[] };
    expect(all.pairs.map(({ state }) => state)).toEqual(['idle', 'idle']);
    expect(await home.run(['get', 'L', 'M'])).toMatchObject({ code: 0 });
    expect(await up.stop()).toMatchObject({ code: 0 });
    // They share one Redis: the second goes on without the first.
    expect(await home.run(['wait', '--local', 'M'])).toMatchObject({ code: 0 });
    expect(await other.stop()).toMatchObject({ code: 0 });
    expect(home.processes()).toEqual([]);
  });

  test('a remote that lost its marker stops it with one sentence, and nothing is deleted', async () => {
    await (await start()).stop();
    rmSync(home.path('R'), { recursive: true });
    home.folder('R');
    const before = snapshot(home.path('R'));
    const { code, stderr } = await home.run(['up', ...QUIET, '--log-level', 'silent']);
    expect(stderr).toMatch(/^lazysync: The pair \S+ is halted: remote \(.*\) does not carry its marker[^\n]*\n$/);
    expect(code).toBe(1);
    expect(snapshot(home.path('R'))).toEqual(before);
    expect(isStub('a.txt')).toBe(true);
    expect(home.processes()).toEqual([]);
  });
});

test('sync brings both sides to rest and ends', async () => {
  expect(await home.run(['sync', ...PAIR, '--log-level', 'warn'])).toMatchObject({ code: 0 });
  expect(isStub('a.txt')).toBe(true);
  writeFileSync(home.path('L/new.txt'), 'from here');
  writeFileSync(home.path('R/late.txt'), 'from there');
  expect(await home.run(['sync', ...PAIR, '--log-level', 'warn'])).toMatchObject({ code: 0, stdout: '' });
  expect(readFileSync(home.path('R/new.txt'), 'utf8')).toBe('from here');
  expect(isStub('late.txt')).toBe(true);
  expect(home.processes()).toEqual([]);
});

test('single processes with a configuration and a Redis of its own', async () => {
  // An up that is there for its Redis only.
  const up = await start(['--remote', home.folder('S'), '--local', 'M', '--no-dashboard']);
  const { redis } = JSON.parse(readFileSync(home.path('M/.lazysync/pair.json'), 'utf8')) as { redis: string };
  writeFileSync(home.path('lazysync.yaml'), 'pairs:\n  - id: docs\n    remote: R\n    local: L\n    settle: 50ms\n');
  const env = { REDIS_URL: redis, LAZYSYNC_CONFIG: home.path('lazysync.yaml'), LAZYSYNC_STATE: home.path('own') };
  const work = home.start(['work'], { env });
  const watch = home.start(['watch'], { env });
  const port = String(20_000 + (process.pid % 30_000));
  const board = home.start(['dashboard', '--port', port], { env });
  await until('both', async () => {
    const { stdout } = await home.run(['status', '--json'], { env });
    const [pair] = (JSON.parse(stdout) as { pairs: PairJson[] }).pairs;
    return pair !== undefined && pair.worker.length === 1 && pair.watchers.length === 1;
  });
  expect(await home.run(['wait', '--timeout', '40s'], { env })).toMatchObject({ code: 0 });
  expect(isStub('a.txt')).toBe(true);
  expect(await home.run(['get', 'L/a.txt'], { env })).toMatchObject({ code: 0 });
  await until('the dashboard', () => board.stderr().includes(`:${port}`));
  for (const one of [board, watch, work]) {
    one.process.kill('SIGTERM');
    expect((await one.ended).code).toBe(0);
  }
  expect(await up.stop()).toMatchObject({ code: 0 });
  expect(home.processes()).toEqual([]);
});

test('the demo shows the arrow, the copy, the edits, and cleans up', async () => {
  const tmp = home.folder('tmp');
  const { code, stdout, stderr } = await home.run(['demo'], { env: { TMPDIR: tmp } });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const kinds = [...stdout.matchAll(/^([l-])r\S+ .*grandmother\.txt/gm)].map(([, kind]) => kind);
  expect(kinds).toEqual(['l', '-', 'l']);
  expect(stdout).toMatch(/\$ tail -n 1 remote\S+\nYours, Kim\n/);
  expect(stdout).toMatch(/\$ tail -n 1 local\S+\nPS: Two jars for you\.\n/);
  expect(snapshot(tmp)).toMatchObject({ '.': expect.anything() });
  expect(Object.keys(snapshot(tmp))).toEqual(['.']);
  expect(home.processes()).toEqual([]);
});
