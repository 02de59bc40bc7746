import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { relPath } from '@lazysync/event-model';
import { announce, pairsAtRemote, requestLook } from '@lazysync/queue';
import { afterEach, expect, test } from 'vitest';
import { until, World } from './support/watched-world.ts';

let world: World;

async function running(...stubs: string[]): Promise<World> {
  return await runningWith({}, ...stubs);
}

async function runningWith(settings: ConstructorParameters<typeof World>[0], ...stubs: string[]): Promise<World> {
  world = new World(settings);
  await world.begin();
  await world.prepareBase();
  await world.stub(...stubs);
  await world.start();
  return world;
}

const look = async () => await requestLook(world.link, 'p', 20_000);

afterEach(async () => {
  await world.end();
});

test('it waits for the worker to prepare the pair, and begins with a look at everything', async () => {
  world = new World();
  await world.begin();
  world.spawn();
  await until(() => world.said.includes('Redis answers'), 'Redis');
  expect(world.events).toEqual([]);
  await world.prepareBase();
  await until(() => world.events.length > 0, 'the first event');
  expect(world.events[0]).toEqual({ kind: 'rescan', side: 'local', path: '', why: 'start' });
});

test('changes on both sides, renames and deletes reach the lane', async () => {
  await running('d/f');
  writeFileSync(world.local('new'), 'x');
  await until(() => world.has('create', 'local', 'new'), 'a new local file');
  writeFileSync(world.remote('d/there'), 'x');
  await until(() => world.has('create', 'remote', 'd/there'), 'a new remote file');
  world.events.length = 0;
  renameSync(world.local('new'), world.local('moved'));
  await until(() => world.has('create', 'local', 'moved'), 'the new name');
  expect(world.has('delete', 'local', 'new')).toBe(true);
  rmSync(world.remote('d/there'));
  await until(() => world.has('delete', 'remote', 'd/there'), 'the delete');
  mkdirSync(world.remote('a/b/c'), { recursive: true });
  writeFileSync(world.remote('a/b/c/f'), 'x');
  await until(() => world.has('create', 'remote', 'a/b/c/f'), 'a file in new remote folders');
});

test('an open through a stub is an access, one at the remote path is not', async () => {
  await running('d/f', 'd/g');
  execFileSync('cat', [world.remote('d/g')]);
  execFileSync('cat', [world.local('d/f')]);
  await until(() => world.has('access', 'local', 'd/f'), 'the access');
  expect(world.has('access', 'local', 'd/g')).toBe(false);
});

test('an open of a stub right after its rename follows the rename into the lane', async () => {
  await running('d/old');
  renameSync(world.local('d/old'), world.local('d/new'));
  execFileSync('cat', [world.local('d/new')]);
  await until(() => world.has('access', 'local', 'd/new'), 'the access');
  const order = world.events.map((event) => `${event.kind} ${event.path}`);
  expect(order.indexOf('access d/new')).toBeGreaterThan(order.indexOf('create d/new'));
});

test('a file is not told of before its writer has closed it', async () => {
  await running();
  const script =
    'import sys\nf = open(sys.argv[1], "w")\nf.write("half"); f.flush()\nprint("written", flush=True)\nsys.stdin.readline()\nf.close()';
  const writer = spawn('python3', ['-c', script, world.local('slow')], { stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise((resolve) => writer.stdout.once('data', resolve));
  writeFileSync(world.local('other'), 'x');
  await until(() => world.has('create', 'local', 'other'), 'another file');
  const answer = await look();
  expect(answer).toMatchObject({ problem: null });
  expect(answer?.published).toBeGreaterThan(0);
  expect(world.has('create', 'local', 'slow')).toBe(false);
  writer.stdin.end('\n');
  await until(() => world.has('create', 'local', 'slow'), 'the file');
});

test('a look finds what nothing told of, on both sides, and then nothing more', async () => {
  await running('d/f', 'd/g');
  expect(await look()).toMatchObject({ published: 0, problem: null });
  // As if both had changed unseen: the base says otherwise.
  const known = world.base.get(relPath('d/f'));
  if (known?.kind !== 'file' || known.form !== 'stub') throw new Error('the base lost the stub');
  world.base.record([{ kind: 'put', record: { ...known, path: relPath('d/nowhere') } }], []);
  const answer = await look();
  expect(answer).toMatchObject({ problem: null });
  expect(answer?.published).toBeGreaterThanOrEqual(2);
  await until(() => world.has('delete', 'local', 'd/nowhere') && world.has('delete', 'remote', 'd/nowhere'), 'both');
  // Nobody carries them out here: each is told once more, as it may have been looked at too early, and then not again.
  expect((await look())?.published).toBe(answer?.published);
  expect(await look()).toMatchObject({ published: 0, problem: null });
});

test('a look at a remote that is not ours says so, and nothing is deleted', async () => {
  await running('d/f');
  expect(await look()).toMatchObject({ published: 0 });
  renameSync(world.remote('.lazysync'), world.remote('elsewhere'));
  const answer = await look();
  expect(answer?.problem).toBeTypeOf('string');
  expect(world.events.filter((event) => event.kind === 'delete' && !event.path.startsWith('elsewhere'))).toEqual([]);
});

test('events wait while Redis is away, in order', async () => {
  await running();
  process.kill(world.redis.pid(), 'SIGKILL');
  for (let i = 0; i < 5; i++) {
    writeFileSync(world.local(`f${i}`), 'x');
    await until(() => existsSync(world.local(`f${i}`)), 'written');
  }
  await until(() => world.has('create', 'local', 'f4'), 'the last one', 30_000);
  const paths = world.events.filter((event) => event.kind === 'create').map((event) => event.path);
  expect(paths).toEqual(['f0', 'f1', 'f2', 'f3', 'f4']);
}, 60_000);

test('an endpoint that dies is replaced, and opens are told again', async () => {
  await running('d/f', 'd/g');
  expect(await look()).toMatchObject({ problem: null });
  const [endpoint] = world.children();
  expect(endpoint).toBeTypeOf('number');
  process.kill(endpoint as number, 'SIGKILL');
  await until(() => world.children().some((pid) => pid !== endpoint), 'a new endpoint');
  expect(await look()).toMatchObject({ problem: null });
  execFileSync('cat', [world.local('d/f')]);
  await until(() => world.has('access', 'local', 'd/f'), 'the access');
});

test('SIGTERM ends it within two seconds, with its endpoint, and what was seen is in the lane', async () => {
  await running('d/f');
  const children = world.children();
  expect(children).toHaveLength(1);
  writeFileSync(world.local('last'), 'x');
  const { code, ms } = await world.terminate();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(2_000);
  await until(() => children.every((pid) => !existsSync(`/proc/${pid}`)), 'no endpoint is left');
  await until(() => world.has('create', 'local', 'last'), 'the last change');
});

test('at rest it hardly works', async () => {
  await running(...Array.from({ length: 200 }, (_, i) => `d${i % 10}/f${i}`));
  expect(await look()).toMatchObject({ problem: null });
  const ticks = (): number =>
    [world.watcher?.pid, ...world.children()]
      .map((pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [])
      .reduce((sum, fields) => sum + Number(fields[11]) + Number(fields[12]), 0);
  // Once, some seconds after the start, each process gives back what that took: measured is what comes after it.
  await new Promise((resolve) => setTimeout(resolve, 7_000));
  const before = ticks();
  await new Promise((resolve) => setTimeout(resolve, 5_000)); // the measurement itself
  // 10 ms each; the whole program may use 700 ms in 30 s.
  expect(ticks() - before).toBeLessThanOrEqual(8);
});

test('hydrate.again: a copy that was opened lately and is a stub again counts as opened', async () => {
  await runningWith(
    {
      hydrate: {
        on: 'open',
        maxSize: Number.POSITIVE_INFINITY,
        again: 300_000,
        prefetch: { files: 0, size: 0, perHour: 0 },
      },
    },
    'f',
    'g',
  );
  const copy = (name: string): void => {
    writeFileSync(world.local(`.lazysync/stage/${name}`), 'content');
    renameSync(world.local(`.lazysync/stage/${name}`), world.local(name));
  };
  const stub = (name: string): void => {
    symlinkSync(world.local(`.lazysync/remote/${name}`), world.local(`.lazysync/stage/${name}`));
    renameSync(world.local(`.lazysync/stage/${name}`), world.local(name));
  };
  for (const name of ['f', 'g']) copy(name);
  await until(() => ['f', 'g'].every((name) => world.events.some((event) => event.path === name)), 'the copies');
  execFileSync('cat', [world.local('f')]);
  world.events.length = 0;
  for (const name of ['g', 'f']) stub(name);
  await until(() => world.has('access', 'local', 'f'), 'the copy that was read is asked for');
  expect(world.has('access', 'local', 'g')).toBe(false);
});

test('what is made during the start scan is told once, right after it; a delete is told as it was seen', async () => {
  const { promise, resolve: carriedOut } = Promise.withResolvers<void>();
  world = new World();
  await world.begin();
  await world.prepareBase();
  await world.stub('d/kept', 'd/gone');
  world.startScan = promise;
  world.spawn();
  await until(() => world.events.some((event) => event.kind === 'rescan'), `the start\n${world.said}`);
  writeFileSync(world.local('d/new'), 'x');
  mkdirSync(world.local('folder/below'), { recursive: true });
  writeFileSync(world.local('folder/below/f'), 'x');
  rmSync(world.local('d/gone'));
  carriedOut();
  // Whichever part of it was seen after the start scan names it: an event only says where to look.
  const told = (path: string): boolean => world.has('create', 'local', path) || world.has('modify', 'local', path);
  await until(() => told('d/new'), `the new file\n${world.said}`);
  await until(() => told('folder/below/f'), 'the file in new folders');
  await until(() => world.has('delete', 'local', 'd/gone'), 'the delete');
  const gone = world.events.find((event) => event.kind === 'delete');
  expect(gone).toMatchObject({ path: 'd/gone', seen: true });
  expect(world.events.some((event) => event.kind !== 'rescan' && event.path === 'd/kept')).toBe(false);
  // Folders that were made meanwhile are watched.
  writeFileSync(world.local('folder/below/later'), 'x');
  await until(() => world.has('create', 'local', 'folder/below/later'), 'a file made later');
});

test('what happens during the start scan in a folder that the base learns of by it is told right after it', async () => {
  const { promise, resolve: carriedOut } = Promise.withResolvers<void>();
  world = new World();
  await world.begin();
  await world.prepareBase();
  await world.stub('d/f');
  mkdirSync(world.local('strange'));
  world.startScan = promise;
  world.spawn();
  await until(() => world.events.some((event) => event.kind === 'rescan'), `the start\n${world.said}`);
  await world.stub('strange/f');
  const known = world.base.get(relPath('strange/f'));
  expect(known).toMatchObject({ form: 'stub' });
  // Behind the look that the worker has had.
  writeFileSync(world.local('strange/x'), 'x');
  carriedOut();
  await until(() => world.has('create', 'local', 'strange/x'), `the file\n${world.said}`);
  writeFileSync(world.local('strange/later'), 'x');
  await until(() => world.has('create', 'local', 'strange/later'), 'a file made later');
});

test('while somebody beside the disk tells of changes the remote is not polled; afterwards it is again', async () => {
  await running('d/f');
  const there = announce(world.link, 'p', 'server-watcher', { pid: 1, host: 'server' });
  await until(() => world.said.includes('pushed by its server'), `word of it\n${world.said}`);
  expect(await pairsAtRemote(world.link, 'uuid-of-remote')).toEqual(['p']);
  await there.close();
  await until(() => world.said.includes('polled again'), `word of its end\n${world.said}`);
});
