import { onLaneLost, type RedisLink } from '@lazysync/queue';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { link, newPair, startTestRedis, type TestRedis, until } from './helpers.ts';

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

const marked = async (): Promise<boolean> => (await server.raw.exists(`{lazysync-${pair}}:marker`)) === 1;

test('an emptied Redis is told to everybody who watches, once each time, and to nobody at the start', async () => {
  const heard = { a: 0, b: 0 };
  const fail = (error: Error): void => {
    throw error;
  };
  const a = onLaneLost(redis, pair, () => heard.a++, fail);
  const other = link(server.redis);
  const b = onLaneLost(other, pair, () => heard.b++, fail);
  await until('the marker is there', marked);
  await other.within(1_000, (client) => client.ping());
  await server.raw.flushall();
  await until('both have heard', () => Promise.resolve(heard.a === 1 && heard.b === 1));
  await a.close();
  await server.raw.flushall();
  await until('who still watches hears it', () => Promise.resolve(heard.b === 2));
  expect(heard).toEqual({ a: 1, b: 2 });
  await b.close();
  await other.close();
});

test('a Redis that was killed may have lost its last words: that is told, once', async () => {
  let heard = 0;
  const watch = onLaneLost(
    redis,
    pair,
    () => heard++,
    () => undefined,
  );
  await until('the marker is there', marked);
  // One answer after the other: what the watch asks meanwhile on the same connection is answered, too.
  for (let i = 0; i < 4; i++) await redis.within(5_000, (client) => client.ping());
  const before = server.redis.pid();
  process.kill(before, 'SIGKILL');
  await until('it is told', () => Promise.resolve(heard === 1), 20_000);
  expect(server.redis.pid()).not.toBe(before);
  await redis.within(5_000, (client) => client.ping());
  await watch.close();
  expect(heard).toBe(1);
});
