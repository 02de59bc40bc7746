import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type EmbeddedOutcome, type EmbeddedRedis, startEmbeddedRedis } from '@lazysync/queue';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { socketIn } from '../src/redis-folder.ts';
import { socketOf, startChild, tempFolder, until } from './helpers.ts';

let folder: string;
let started: EmbeddedRedis[];
let lines: string[];

beforeEach(async () => {
  folder = await tempFolder();
  started = [];
  lines = [];
});
afterEach(async () => {
  for (const redis of started) await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

async function outcome(dir = folder, readyMs = 10_000): Promise<EmbeddedOutcome> {
  const made = await startEmbeddedRedis({ dir, log: (line) => lines.push(line), readyMs });
  if (made.kind === 'running') started.push(made.redis);
  return made;
}
async function start(dir = folder): Promise<EmbeddedRedis> {
  const made = await outcome(dir);
  if (made.kind === 'failed') throw new Error(`${made.message}\n${made.output.join('\n')}`);
  return made.redis;
}
async function withClient<T>(redis: EmbeddedRedis, act: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(socketOf(redis));
  try {
    return await act(client);
  } finally {
    client.disconnect();
  }
}
/** A dead process may stay listed until whoever adopted it looks. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
async function fill(redis: EmbeddedRedis, keys: number): Promise<void> {
  await withClient(redis, async (client) => {
    for (let i = 0; i < keys; i++) await client.set(`key${i}`, 'x'.repeat(100));
  });
}
async function logFile(): Promise<string> {
  const dir = join(folder, 'appendonlydir');
  const name = (await readdir(dir)).find((one) => one.endsWith('.incr.aof')) ?? '';
  return join(dir, name);
}

test('starts in a private folder, keeps its data over a stop, leaves no socket', async () => {
  const first = await start();
  expect(first.notices).toEqual([]);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  await fill(first, 10);
  const pid = first.pid();
  expect(await first.stop()).toBe('stopped');
  expect(isAlive(pid)).toBe(false);
  expect(existsSync(socketOf(first))).toBe(false);
  const second = await start();
  expect(await withClient(second, (client) => client.dbsize())).toBe(10);
});

test("a second owner on the same folder uses the first one's server; the last one ends it", async () => {
  const [first, second] = await Promise.all([start(), start()]);
  expect(second.pid()).toBe(first.pid());
  // The connection by which owners see each other is there a moment after the start.
  await until('both care', async () =>
    withClient(
      first,
      async (client) => String(await client.client('LIST')).match(/name=lazysync-owner /g)?.length === 2,
    ),
  );
  expect(await first.stop()).toBe('used by another');
  expect(isAlive(first.pid())).toBe(true);
  expect(await second.stop()).toBe('stopped');
  expect(isAlive(second.pid())).toBe(false);
});

test('an owner that was killed leaves its server, and the next owner takes it over', async () => {
  const child = startChild('redis-child.ts', folder);
  const line = await until('it runs', () => child.lines[0]);
  const pid = Number(line);
  await child.kill();
  expect(isAlive(pid)).toBe(true);
  const redis = await start();
  expect(redis.pid()).toBe(pid);
  expect(await redis.stop()).toBe('stopped');
  expect(isAlive(pid)).toBe(false);
});

test('a server that dies is started again with its data, whoever started it', async () => {
  const first = await start();
  const second = await start();
  await fill(first, 10);
  for (let i = 0; i < 2; i++) {
    const pid = first.pid();
    process.kill(pid, 'SIGKILL');
    await until('both found the new one', () => first.pid() !== pid && second.pid() === first.pid());
    expect(await withClient(second, (client) => client.dbsize())).toBe(10);
  }
});

test('dropped connections do not make the owner start another server', async () => {
  const redis = await start();
  const pid = redis.pid();
  await withClient(redis, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
  await until('it is back', async () =>
    withClient(redis, async (client) => String(await client.client('LIST')).includes('name=lazysync-owner ')),
  );
  expect(redis.pid()).toBe(pid);
  expect(lines).toEqual([]);
});

test('a server whose socket was taken away is ended and replaced', async () => {
  const child = startChild('redis-child.ts', folder);
  const pid = Number(await until('it runs', () => child.lines[0]));
  await child.kill();
  await rm(join(folder, 'redis.sock'));
  const redis = await start();
  expect(redis.pid()).not.toBe(pid);
  expect(isAlive(pid)).toBe(false);
  expect(redis.notices).toEqual(['A redis-server of this folder that could not be reached any more was ended.']);
});

test('a server that is frozen is not doubled: the start says so', async () => {
  const child = startChild('redis-child.ts', folder);
  const pid = Number(await until('it runs', () => child.lines[0]));
  await child.kill();
  process.kill(pid, 'SIGSTOP');
  try {
    const made = await outcome(folder, 700);
    expect(made).toMatchObject({ kind: 'failed' });
    expect(made.kind === 'failed' && made.message).toMatch(/^Another process holds .*redis.lock, and no Redis answers/);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  const redis = await start();
  expect(redis.pid()).toBe(pid);
});

test('a file cut in its last command loses only that', async () => {
  const first = await start();
  await fill(first, 50);
  await first.stop();
  const file = await logFile();
  const { size } = statSync(file);
  const handle = await open(file, 'r+');
  await handle.truncate(size - 20);
  await handle.close();
  const second = await start();
  expect(second.notices).toEqual([]);
  expect(await withClient(second, (client) => client.dbsize())).toBe(49);
});

test.each([
  [
    'garbage between commands',
    async (file: string) => {
      const text = await readFile(file, 'latin1');
      const at = text.indexOf('*3\r\n$3\r\nset', text.length / 2);
      await writeFile(file, `${text.slice(0, at)}garbage${text.slice(at + 7)}`, 'latin1');
    },
  ],
  [
    'a manifest that makes no sense',
    async (file: string) => {
      await writeFile(join(dirname(file), 'appendonly.aof.manifest'), 'nonsense\n');
    },
  ],
  [
    'a base file of zeros',
    async (file: string) => {
      await writeFile(file.replace('.incr.aof', '.base.rdb'), Buffer.alloc(100));
    },
  ],
])('a damaged file (%s) is set aside, and Redis starts empty and says so', async (_, damage) => {
  const first = await start();
  await fill(first, 50);
  await first.stop();
  await damage(await logFile());
  const second = await start();
  expect(second.notices).toHaveLength(1);
  expect(second.notices[0]).toMatch(
    /^The file of the queue was damaged and lies in .*damaged-\S+ now: Redis starts empty/,
  );
  expect(lines).toEqual(second.notices);
  expect(await withClient(second, (client) => client.dbsize())).toBe(0);
  const aside = (await readdir(folder)).find((name) => name.startsWith('damaged-')) ?? '';
  expect(await readdir(join(folder, aside))).toEqual(['appendonlydir']);
});

test('a path that is too long for a socket gets a private short one', async () => {
  const deep = join(folder, 'x'.repeat(60), 'y'.repeat(60));
  const redis = await start(deep);
  const socket = socketOf(redis);
  expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(107);
  expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700);
  expect(await withClient(redis, (client) => client.ping())).toBe('PONG');
  await redis.stop();
  await rm(dirname(socket), { recursive: true });
  // Somebody else could have made the folder before us: then it is not used.
  const runtime = join(folder, 'run');
  await mkdir(runtime);
  const place = await socketIn(deep, { XDG_RUNTIME_DIR: runtime });
  expect(place.kind === 'path' && place.path.startsWith(runtime)).toBe(true);
  await rm(join(runtime, (await readdir(runtime))[0] ?? ''), { recursive: true });
  const [name = ''] = [place.kind === 'path' ? dirname(place.path) : ''];
  await mkdir(name, { mode: 0o755 });
  const elsewhere = await socketIn(deep, { XDG_RUNTIME_DIR: runtime });
  expect(elsewhere.kind === 'path' && elsewhere.path.startsWith(runtime)).toBe(false);
  if (elsewhere.kind === 'path') await rm(dirname(elsewhere.path), { recursive: true, force: true });
});

test('what can not work is one clear sentence', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  expect(await outcome(join(file, 'redis'))).toMatchObject({
    kind: 'failed',
    message: `The folder for Redis can not be used: ${join(file, 'redis')} (ENOTDIR).`,
  });
  const missing = await startEmbeddedRedis({ dir: folder, log: () => {}, program: 'no-such-redis-server' });
  expect(missing.kind === 'failed' && missing.message).toBe(
    'Redis can not be started: no-such-redis-server is not installed. Install it (apt-get install redis-server), or name a running one with --redis URL.',
  );
});

test('killed servers are found dead at the next start, with the stale socket', async () => {
  const child = startChild('redis-child.ts', folder);
  const pid = Number(await until('it runs', () => child.lines[0]));
  await child.kill();
  process.kill(pid, 'SIGKILL');
  await until('it is dead', () => !isAlive(pid));
  expect(existsSync(join(folder, 'redis.sock'))).toBe(true);
  const redis = await start();
  expect(redis.notices).toEqual([]);
});

test('a server that crashes over its file, whatever its last words are, begins anew without it', async () => {
  const before = await start();
  await withClient(before, (client) => client.set('a', 'b'));
  await before.stop();
  const program = join(folder, 'crashing-redis-server');
  // As one that crashed once more in the memory test of its own crash report.
  const script = `#!/bin/sh
if [ -n "$(ls ${folder}/appendonlydir 2>/dev/null)" ]; then
  echo '=== REDIS BUG REPORT START: Cut & paste starting from here ==='
  for i in $(seq 60); do echo "*** Preparing to test memory region $i"; done
  kill -SEGV $$
fi
exec redis-server "$@"
`;
  await writeFile(program, script, { mode: 0o755 });
  const made = await startEmbeddedRedis({ dir: folder, log: (line) => lines.push(line), program });
  if (made.kind === 'failed') throw new Error(made.message);
  started.push(made.redis);
  expect(made.redis.notices.join()).toMatch(/was damaged and lies in .*Redis starts empty/);
  expect(await withClient(made.redis, (client) => client.get('a'))).toBe(null);
});
