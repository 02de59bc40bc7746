import {
  announce,
  ask,
  type LookAnswer,
  laneCounts,
  listPresence,
  onAsk,
  onLookRequest,
  openRedis,
  ping,
  type RedisLink,
  RedisUnreachable,
  requestLook,
} from '@lazysync/queue';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { link, newPair, socketOf, startChild, startTestRedis, type TestRedis, until } from './helpers.ts';

let server: TestRedis;
let redis: RedisLink;
let pair: string;

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(async () => {
  await server.close();
});
beforeEach(() => {
  redis = link(server.redis);
  pair = newPair();
});
afterEach(async () => {
  await redis.close();
});

test('presence is said at once, taken back on close, and ends by itself after a kill', async () => {
  const a = announce(redis, pair, 'watcher', { pid: 11, host: 'one' });
  const b = announce(redis, pair, 'watcher', { pid: 12, host: 'two' });
  const present = await until('both are there', async () => {
    const list = await listPresence(redis, pair, 'watcher');
    return list.length === 2 ? list : null;
  });
  expect(present.map(({ pid, host }) => `${host}/${pid}`).sort()).toEqual(['one/11', 'two/12']);
  expect(await listPresence(redis, pair, 'worker')).toEqual([]);
  await a.close();
  expect((await listPresence(redis, pair, 'watcher')).map(({ pid }) => pid)).toEqual([12]);
  await b.close();

  const child = startChild('worker-child.ts', socketOf(server.redis), pair);
  await until('it is there', async () => (await listPresence(redis, pair, 'worker')).length === 1);
  await child.kill();
  // Of a process of this machine it is known at once; of one elsewhere when its time is up.
  await until('it is gone', async () => (await listPresence(redis, pair, 'worker')).length === 0);

  const elsewhere = JSON.stringify({ space: 'another machine', pid: 1, began: '1' });
  await server.raw.set('{lazysync}:member:far', elsewhere, 'PX', 60_000);
  const far = JSON.stringify({ pid: 7, host: 'far', since: 1 });
  await server.raw.hset(`{lazysync-${pair}}:present:worker`, 'far.1', far);
  expect(await listPresence(redis, pair, 'worker')).toEqual([{ pid: 7, host: 'far', since: 1 }]);
  await server.raw.pexpire('{lazysync}:member:far', 1);
  await until('its time is up', async () => (await listPresence(redis, pair, 'worker')).length === 0);
});

test('a look is asked for and answered, by one run for all that wait', async () => {
  let runs = 0;
  let release = (): void => {};
  const listening = onLookRequest(redis, pair, async () => {
    runs++;
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return { published: runs, problem: null };
  });
  const first = requestLook(redis, pair, 5000);
  await until('it looks', () => runs === 1);
  // These come while it looks: what it sees is older than they are, so another run answers both.
  const later = [requestLook(redis, pair, 5000), requestLook(redis, pair, 5000)];
  await until('both are asked', async () => (await server.raw.keys(`*${pair}*ask:look:*`)).length === 3);
  release();
  expect(await first).toMatchObject({ published: 1, problem: null });
  await until('it looks again', () => runs === 2);
  release();
  const answers = (await Promise.all(later)) as LookAnswer[];
  expect(answers.map(({ published }) => published)).toEqual([2, 2]);
  expect(new Set(answers.map(({ id }) => id)).size).toBe(2);
  await listening.close();
  await until('nothing is left', async () => (await server.raw.keys(`*${pair}*`)).length === 0);
});

test('nobody answers: null after the deadline; somebody comes later: it is answered', async () => {
  const began = performance.now();
  expect(await requestLook(redis, pair, 200)).toBeNull();
  expect(performance.now() - began).toBeGreaterThanOrEqual(195);
  expect(performance.now() - began).toBeLessThan(2000);
  const early = requestLook(redis, pair, 5000);
  await until('it is asked', async () => (await server.raw.keys(`*${pair}*ask:look:*`)).length === 1);
  const listening = onLookRequest(redis, pair, async () => await Promise.reject(new Error('the remote is offline')));
  expect(await early).toMatchObject({ published: 0, problem: 'the remote is offline' });
  await listening.close();
});

test('a listener whose connection dropped hears the next question', async () => {
  const listening = onAsk(
    redis,
    pair,
    'sum',
    async (asks) => await Promise.resolve(new Map(asks.map(({ id, body }) => [id, (body as number) + 1]))),
    () => {},
  );
  expect(await ask(redis, pair, 'sum', 1, 5000)).toBe(2);
  await server.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  expect(await ask(redis, pair, 'sum', 2, 5000)).toBe(3);
  await server.raw.call('CLIENT', 'KILL', 'TYPE', 'normal').catch(() => {});
  expect(await ask(redis, pair, 'sum', 3, 5000)).toBe(4);
  await listening.close();
});

test('Redis not reachable is one sentence without the password', async () => {
  const nobody = { kind: 'url', url: 'redis://me:secret@127.0.0.1:1/3' } as const;
  const answer = await ping(nobody, 2000);
  expect(answer).toEqual({
    kind: 'unreachable',
    message: 'Redis at redis://me@127.0.0.1:1/3 is not reachable: nobody listens there.',
  });
  expect(await ping({ kind: 'socket', path: '/nowhere/redis.sock' }, 2000)).toEqual({
    kind: 'unreachable',
    message: 'Redis at /nowhere/redis.sock is not reachable: there is no such socket.',
  });
  expect(await ping(server.redis.address, 2000)).toMatchObject({ kind: 'ok', pid: server.redis.pid(), warnings: [] });

  const said: string[] = [];
  const away = openRedis(nobody, { state: (state, why) => said.push(`${state} ${why}`) });
  await expect(laneCounts(away, pair, 300)).rejects.toThrow(RedisUnreachable);
  await expect(laneCounts(away, pair, 300)).rejects.toThrow(
    /^Redis at redis:\/\/me@127.0.0.1:1\/3 is not reachable: nobody listens there\.$/,
  );
  expect(await requestLook(away, pair, 100)).toBeNull();
  expect(said).toEqual(['down Redis at redis://me@127.0.0.1:1/3 is not reachable: nobody listens there.']);
  await away.close();
});

test('a wrong password is told as such', async () => {
  const { createServer } = await import('node:net');
  const liar = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write('-WRONGPASS invalid username-password pair or user is disabled. hunter2\r\n'));
  });
  await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
  const { port } = liar.address() as { port: number };
  const answer = await ping({ kind: 'url', url: `redis://:hunter2@127.0.0.1:${port}` }, 2000);
  expect(answer).toEqual({
    kind: 'unreachable',
    message: `Redis at redis://127.0.0.1:${port} is not reachable: the password (or user) is wrong or missing.`,
  });
  liar.close();
});
