/** Other kinds of Redis than our own: with a password, behind sentinels, as a cluster. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  announce,
  createPublisher,
  laneCounts,
  listPresence,
  onLaneLost,
  onLookRequest,
  openLeases,
  openRedis,
  parseRedisAddress,
  ping,
  type RedisAddress,
  requestLook,
} from '@lazysync/queue';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { change, newPair, recordingWorker, tempFolder, until } from './helpers.ts';

let folder: string;
let running: ChildProcess[];

beforeEach(async () => {
  folder = await tempFolder();
  running = [];
});
afterEach(async () => {
  for (const one of running) {
    if (one.exitCode !== null || one.signalCode !== null) continue;
    const ended = new Promise((resolve) => one.once('exit', resolve));
    one.kill('SIGKILL');
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  // A cluster node listens on its port + 10000, too.
  return port < 50_000 ? port : await freePort();
}

/** A server on a port; answers when it does. */
async function serve(args: readonly string[], port: number, password?: string): Promise<void> {
  const all = [...args, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  running.push(spawn('redis-server', all, { stdio: 'ignore' }));
  await asked(port, async (client) => client.ping(), password);
}

async function asked<T>(port: number, act: (client: Redis) => Promise<T>, password?: string): Promise<T> {
  const client = new Redis(port, '127.0.0.1', {
    retryStrategy: () => 20,
    ...(password === undefined ? {} : { password }),
  });
  client.on('error', () => {});
  try {
    return await act(client);
  } finally {
    client.disconnect();
  }
}

function address(text: string): RedisAddress {
  const parsed = parseRedisAddress(text);
  if (parsed.kind === 'bad') throw new Error(parsed.message);
  return parsed.address;
}

/** Everything a pair needs of Redis. */
async function works(at: RedisAddress): Promise<void> {
  const pair = newPair();
  const redis = openRedis(at);
  const { worker, seen, errors } = recordingWorker(redis, pair);
  const publisher = createPublisher({ pair, producer: 'cli', redis, epoch: 'e1' });
  const presence = announce(redis, pair, 'worker', { pid: 1, host: 'h' });
  const listening = onLookRequest(redis, pair, async () => await Promise.resolve({ published: 1, problem: null }));
  for (let i = 0; i < 5; i++) await publisher.publish([change(`f${i}`)]);
  await until('all came out', () => seen.length === 5);
  expect(seen).toEqual(['f0', 'f1', 'f2', 'f3', 'f4']);
  expect(await requestLook(redis, pair, 5000)).toMatchObject({ published: 1 });
  await until('it is there', async () => (await listPresence(redis, pair, 'worker')).length === 1);
  await until('nothing is left', async () => (await laneCounts(redis, pair)).active === 0);
  expect(errors).toEqual([]);
  await listening.close();
  await presence.close();
  await worker.close(1000);
  await publisher.close();
  await redis.close();
}

test('a Redis with a password, in another database', async () => {
  const port = await freePort();
  await serve(['--requirepass', 'p@ss'], port, 'p@ss');
  const right = address(`redis://:p%40ss@127.0.0.1:${port}/3`);
  const answer = await ping(right, 2000);
  expect(answer.kind).toBe('ok');
  expect(answer.kind === 'ok' && answer.warnings).toEqual([
    `Redis at redis://127.0.0.1:${port}/3 keeps no append-only file: after its restart folders are scanned again (set appendonly yes).`,
  ]);
  await works(right);
  const wrong = (at: string) => ({
    kind: 'unreachable',
    message: `Redis at ${at} is not reachable: the password (or user) is wrong or missing.`,
  });
  expect(await ping(address(`redis://:other@127.0.0.1:${port}`), 2000)).toEqual(wrong(`redis://127.0.0.1:${port}`));
  expect(await ping(address(`redis://127.0.0.1:${port}`), 2000)).toEqual(wrong(`redis://127.0.0.1:${port}`));
});

test('a master that sentinels name', async () => {
  const [port, guard] = [await freePort(), await freePort()];
  await serve([], port);
  const file = join(folder, 'sentinel.conf');
  await writeFile(file, `sentinel monitor main 127.0.0.1 ${port} 1\n`);
  await serve([file, '--sentinel'], guard);
  const at = address(`redis-sentinel://127.0.0.1:${guard}/main`);
  expect(await ping(at, 2000)).toMatchObject({ kind: 'ok' });
  await works(at);
  expect(await ping(address(`redis-sentinel://127.0.0.1:${guard}/other`), 2000)).toMatchObject({ kind: 'unreachable' });
});

test('sentinels name another master when the first one dies: everything goes on', async () => {
  const [first, second, guard] = [await freePort(), await freePort(), await freePort()];
  await serve([], first);
  await serve(['--replicaof', '127.0.0.1', String(first)], second);
  const file = join(folder, 'sentinel.conf');
  const lines = [
    `sentinel monitor main 127.0.0.1 ${first} 1`,
    'sentinel down-after-milliseconds main 500',
    'sentinel failover-timeout main 2000',
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  await serve([file, '--sentinel'], guard);
  await asked(first, async (client) => {
    await until('the copy follows', async () => (await client.info('replication')).includes('state=online'), 20_000);
  });
  await asked(guard, async (client) => {
    const known = async (): Promise<unknown[]> => (await client.call('SENTINEL', 'REPLICAS', 'main')) as unknown[];
    await until('the sentinel knows the copy', async () => (await known()).length === 1, 30_000);
  });
  const at = address(`redis-sentinel://127.0.0.1:${guard}/main`);
  const pair = newPair();
  const redis = openRedis(at);
  const { worker, seen } = recordingWorker(redis, pair);
  const publisher = createPublisher({ pair, producer: 'cli', redis, epoch: 'e1' });
  await publisher.publish([change('before')]);
  await until('it came out', () => seen.length === 1);
  running[0]?.kill('SIGKILL');
  await publisher.publish([change('after')]);
  await until('it came out of the other one', () => seen.includes('after'), 30_000);
  await worker.close(1000);
  await publisher.close();
  await redis.close();
});

test('TLS, with a certificate of one\u2019s own', async () => {
  const run = promisify(execFile);
  const [ca, key] = [join(folder, 'ca.pem'), join(folder, 'key.pem')];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', ca, '-days', '2'];
  await run('openssl', [...request, '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']);
  const port = await freePort();
  const files = ['--tls-port', String(port), '--tls-cert-file', ca, '--tls-key-file', key, '--tls-ca-cert-file', ca];
  const all = ['--port', '0', ...files, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--requirepass', 'p'];
  running.push(spawn('redis-server', all, { stdio: 'ignore' }));
  // Clients have to show one, too: that is what Redis asks for unless told otherwise.
  const with_ = (names: string): RedisAddress => address(`rediss://:p@127.0.0.1:${port}?${names}`);
  const right = with_(`ca=${ca}&cert=${ca}&key=${key}`);
  await until('it answers', async () => (await ping(right, 2000)).kind === 'ok', 20_000);
  await works(right);
  const shown = `Redis at rediss://127.0.0.1:${port} is not reachable`;
  expect(await ping(address(`rediss://:p@127.0.0.1:${port}`), 2000)).toEqual({
    kind: 'unreachable',
    message: expect.stringMatching(new RegExp(`^${shown}: no secure connection`)) as string,
  });
  expect(await ping(with_(`ca=${folder}/none.pem`), 2000)).toEqual({
    kind: 'unreachable',
    message: `${shown}: ${folder}/none.pem can not be read (ENOENT).`,
  });
});

test('a cluster of three', async () => {
  const ports = [await freePort(), await freePort(), await freePort()];
  for (const port of ports)
    await serve(['--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${port}.conf`], port);
  const nodes = ports.map((port) => `127.0.0.1:${port}`);
  await promisify(execFile)('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-yes'], { timeout: 60_000 });
  for (const port of ports)
    await asked(port, async (client) => {
      const whole = async (): Promise<boolean> =>
        String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok');
      await until('it is whole', whole, 20_000);
    });
  const at = address(`redis-cluster://${nodes.join(',')}`);
  expect(await ping(at, 5000)).toMatchObject({ kind: 'ok' });
  // Pairs lie in different nodes, and who serves them in another.
  await works(at);
  const pairs = Array.from({ length: 12 }, () => newPair());
  const redis = openRedis(at);
  let mine: ReadonlySet<string> = new Set();
  const leases = openLeases({
    redis,
    role: 'watcher',
    who: { pid: 1, host: 'h' },
    changed: (now) => {
      mine = now;
    },
    error: () => undefined,
  });
  leases.want({ pairs, pinned: false });
  await until('all are its own', () => mine.size === 12, 10_000);
  let lost = 0;
  const marks = pairs.map((pair) =>
    onLaneLost(
      redis,
      pair,
      () => lost++,
      (error) => {
        throw error;
      },
    ),
  );
  const marked = async (): Promise<number> => {
    const found = await Promise.all(pairs.map((pair) => redis.commands.exists(`{lazysync-${pair}}:marker`)));
    return found.filter((one) => one === 1).length;
  };
  await until('every node has markers', async () => (await marked()) === 12, 10_000);
  expect(lost).toBe(0);
  for (const mark of marks) await mark.close();
  await leases.close();
  await redis.close();
});

test('a cluster', async () => {
  const port = await freePort();
  await serve(['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'], port);
  await asked(port, async (client) => {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await until('it is whole', async () => String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  });
  const at = address(`redis-cluster://127.0.0.1:${port}`);
  expect(await ping(at, 2000)).toMatchObject({ kind: 'ok' });
  await works(at);
});
