import { execFileSync } from 'node:child_process';
import type { Changeset } from '@lazysync/event-model';
import { createPublisher, laneCounts, laneKey, listPresence, type RedisLink } from '@lazysync/queue';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type Child,
  change,
  link,
  newPair,
  overtaken,
  recordingWorker,
  socketOf,
  startChild,
  startTestRedis,
  type TestRedis,
  until,
} from './helpers.ts';

let server: TestRedis;
let redis: RedisLink;
let pair: string;
let open: { close(ms: number): Promise<void> }[];
let children: Child[];

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(async () => {
  await server.close();
});
beforeEach(() => {
  redis = link(server.redis);
  pair = newPair();
  open = [];
  children = [];
});
afterEach(async () => {
  for (const child of children) await child.kill();
  for (const one of open) await one.close(200);
  await redis.close();
  expect(await overtaken(server.raw, pair)).toBe(0);
});

function publisher() {
  const made = createPublisher({ pair, producer: 'watcher', redis, epoch: 'e1' });
  open.unshift(made);
  return made;
}
function child(hang = ''): Child {
  const made = startChild('worker-child.ts', socketOf(server.redis), pair, hang);
  children.push(made);
  return made;
}
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `f${from + i}`);

test('a worker killed in the middle of a job: the next one begins with it, then goes on in order, within 2 s', async () => {
  const at = publisher();
  for (const path of numbers(0, 5)) await at.publish([change(path)]);
  const killed = child('f1');
  await until('it hangs in the second job', () => killed.lines.includes('begin f1'));
  expect(await listPresence(redis, pair, 'worker')).toHaveLength(1);
  await killed.kill();
  const began = performance.now();
  const next = recordingWorker(redis, pair);
  open.push(next.worker);
  await until('all came out', () => next.seen.length === 4, 2000);
  expect(performance.now() - began).toBeLessThan(2000);
  expect(next.seen).toEqual(['f1', 'f2', 'f3', 'f4']);
  // Killed again and again, the same job stays the first.
  await next.worker.close(200);
  for (const path of numbers(5, 7)) await at.publish([change(path)]);
  for (let i = 0; i < 3; i++) {
    const again = child('f5');
    await until('it hangs in its first job', () => again.lines.includes('begin f5'));
    await again.kill();
    expect(again.lines).toEqual(['begin f5']);
  }
  const last = recordingWorker(redis, pair);
  open.push(last.worker);
  await until('all came out', () => last.seen.length === 2);
  expect(last.seen).toEqual(['f5', 'f6']);
});

test('a worker that is told to end puts its job back and leaves nothing open', async () => {
  const at = publisher();
  for (const path of numbers(0, 2)) await at.publish([change(path)]);
  const told = child('f0');
  await until('it hangs', () => told.lines.includes('begin f0'));
  told.process.kill('SIGTERM');
  await until('it ended by itself', () => told.process.exitCode === 0);
  expect(told.lines).toEqual(['begin f0', 'closed']);
  expect(await laneCounts(redis, pair)).toMatchObject({ waiting: 2, active: 0 });
});

test('dropped connections: no event twice, none lost, none out of order', async () => {
  const { worker, seen } = recordingWorker(redis, pair);
  open.push(worker);
  const at = publisher();
  const jobs = new Set<string>();
  let published = 0;
  let dropped = 0;
  const publishing = (async () => {
    // As long as connections drop, and some more.
    while (dropped < 50 || published < 500) await at.publish([change(`f${published++}`)]);
  })();
  while (dropped < 50) {
    const before = published;
    await server.raw.call('CLIENT', 'KILL', 'TYPE', 'normal').catch(() => {}); // kills the asking connection, too
    await until('something was published since', () => published > before + 1);
    dropped++;
  }
  await publishing;
  await until('all came out', () => seen.length >= published, 10_000);
  // The worker may do a job again whose completion it could not tell of; the jobs themselves are one per event.
  for (const id of await server.raw.zrange(laneKey(pair, 'completed'), '0', '-1')) {
    const { events } = JSON.parse((await server.raw.hget(laneKey(pair, id), 'data')) ?? '') as Changeset;
    const path = events[0]?.path ?? '';
    expect(jobs.has(path)).toBe(false);
    jobs.add(path);
  }
  expect(seen.filter((path, i) => path !== seen[i - 1])).toEqual(numbers(0, published));
  expect(await laneCounts(redis, pair)).toMatchObject({ waiting: 0, active: 0, failed: 0, delayed: 0 });
});

test('redis killed with SIGKILL while publisher and worker go on: it comes back, and nothing is lost or overtaken', async () => {
  const { worker, seen } = recordingWorker(redis, pair);
  open.push(worker);
  const at = publisher();
  let published = 0;
  for (let round = 0; round < 3; round++) {
    const until1 = published + 50;
    const publishing = (async () => {
      while (published < until1) await at.publish([change(`f${published++}`)]);
    })();
    const before = server.redis.pid();
    await until('some came out', () => seen.length > published - 40);
    process.kill(before, 'SIGKILL');
    await publishing;
    await until('another one runs', () => server.redis.pid() !== before);
  }
  await until('all came out', () => new Set(seen).size >= published, 10_000);
  expect(seen.filter((path, i) => path !== seen[i - 1])).toEqual(numbers(0, published));
  expect(server.lines.filter((line) => line === 'Redis runs again.')).toHaveLength(3);
  expect(execFileSync('pgrep', ['-fc', socketOf(server.redis)], { encoding: 'utf8' }).trim()).toBe('1');
});

test('with Redis away, publisher and worker can be closed, and a process ends by itself', async () => {
  const other = await startTestRedis();
  open.push({ close: () => other.close() }); // a second close changes nothing
  const its = link(other.redis);
  const made = createPublisher({ pair, producer: 'cli', redis: its, epoch: 'e1', closeMs: 100 });
  await made.publish([change('f0')]);
  const ender = startChild('worker-child.ts', socketOf(other.redis), pair, 'f0');
  children.push(ender);
  await until('it hangs', () => ender.lines.includes('begin f0'));
  await other.close();
  const lost = made.publish([change('f1')]);
  const refused = expect(lost).rejects.toThrow('closed before Redis had all events');
  await made.close();
  await refused;
  await its.close();
  ender.process.kill('SIGTERM');
  await until('it ended by itself', () => ender.process.exitCode === 0, 8000);
});
