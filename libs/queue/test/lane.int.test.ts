import { type Changeset, MAX_EVENTS } from '@lazysync/event-model';
import {
  createPublisher,
  LANE,
  laneCounts,
  laneKey,
  laneQueues,
  pairPrefix,
  pauseLane,
  type RedisLink,
  resumeLane,
} from '@lazysync/queue';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { connectionOf, createQueue } from '../src/lane-queue.ts';
import { MAX_STORED_BYTES, StrictWorker } from '../src/strict-worker.ts';
import {
  change,
  link,
  newPair,
  outcomes,
  overtaken,
  type Recorded,
  recordingWorker,
  startTestRedis,
  type TestRedis,
  until,
} from './helpers.ts';

let server: TestRedis;
let redis: RedisLink;
let pair: string;
let open: { close(ms: number): Promise<void> }[];

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
});
afterEach(async () => {
  for (const one of open) await one.close(200);
  await redis.close();
  expect(await overtaken(server.raw, pair)).toBe(0);
});

function publisher(producer: 'watcher' | 'worker' | 'cli' = 'watcher', on = redis) {
  const made = createPublisher({ pair, producer, redis: on, epoch: 'e1' });
  open.unshift(made);
  return made;
}
function worker(over: Parameters<typeof recordingWorker>[2] = {}): Recorded {
  const made = recordingWorker(redis, pair, over);
  open.push(made.worker);
  return made;
}
const numbers = (from: number, to: number, prefix = 'f') =>
  Array.from({ length: to - from }, (_, i) => `${prefix}${from + i}`);

test('events come out in the order in which each producer published them, and a job is never mixed', async () => {
  const { seen } = worker();
  const producers = (['watcher', 'worker', 'cli'] as const).map((name) => ({ name, at: publisher(name) }));
  const published: Promise<void>[] = [];
  for (let i = 0; i < 100; i++) {
    for (const { name, at } of producers)
      published.push(at.publish([change(`${name}/${i}/a`), change(`${name}/${i}/b`)]));
  }
  await Promise.all(published);
  await until('all came out', () => seen.length === 600);
  for (const { name } of producers) {
    const own = seen.filter((path) => path.startsWith(`${name}/`));
    expect(own).toEqual(numbers(0, 100, '').flatMap((i) => [`${name}/${i}/a`, `${name}/${i}/b`]));
  }
  for (let i = 0; i < seen.length; i += 2) expect(seen[i + 1]).toBe(seen[i]?.replace(/a$/, 'b'));
});

test('jobs hold at most so many events and 256 KB, and publishing nothing makes none', async () => {
  const at = publisher();
  await at.publish([]);
  await at.publish(numbers(0, 2 * MAX_EVENTS + 200).map(change));
  await at.publish(numbers(0, 40).map((name) => change(`${name}/${'ä'.repeat(5000)}`)));
  const ids = await server.raw.lrange(laneKey(pair, 'wait'), 0, -1);
  const jobs = await Promise.all(ids.reverse().map((id) => server.raw.hgetall(laneKey(pair, id))));
  const sizes = jobs.map(({ data = '' }) => (JSON.parse(data) as { events: unknown[] }).events.length);
  expect(sizes.slice(0, 3)).toEqual([MAX_EVENTS, MAX_EVENTS, 200]);
  expect(sizes.slice(3).reduce((a, b) => a + b)).toBe(40);
  expect(sizes.length).toBe(3 + 2);
  for (const { data = '' } of jobs) expect(Buffer.byteLength(data)).toBeLessThanOrEqual(256 * 1024);
  expect(ids.every((id) => /^watcher-e1-[0-9a-f]{6}-b\d+$/.test(id))).toBe(true);
  expect(jobs[0]?.name).toBe(`local modify f0 +${MAX_EVENTS - 1}`);
});

test("only one job is worked on at a time, and two publishers of one epoch do not drop each other's jobs", async () => {
  let now = 0;
  let most = 0;
  const seen: string[] = [];
  worker({
    handle: async ({ events }) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(...events.map(({ path }) => path));
      now--;
      return { kind: 'done', outcomes: [] };
    },
  });
  await Promise.all([...numbers(0, 50, 'a').map((p) => publisher().publish([change(p)]))]);
  await until('all came out', () => seen.length === 50);
  expect(most).toBe(1);
  expect(await server.raw.hget(laneKey(pair, 'meta'), 'concurrency')).toBe('1');
});

test('a job that must wait keeps the head of the line', async () => {
  let tries = 0;
  const seen: string[] = [];
  const asked: string[] = [];
  worker({
    handle: async ({ events }) => {
      const path = events[0]?.path ?? '';
      asked.push(path);
      if (path === 'f0' && ++tries < 5) return { kind: 'wait', ms: 20, why: 'the remote is offline' };
      seen.push(path);
      return await Promise.resolve({ kind: 'done', outcomes: [] });
    },
  });
  const at = publisher();
  for (const path of numbers(0, 3)) await at.publish([change(path)]);
  await until('all came out', () => seen.length === 3);
  expect(asked).toEqual(['f0', 'f0', 'f0', 'f0', 'f0', 'f1', 'f2']);
});

test('closing in the middle of a wait puts the job back to the head at once', async () => {
  const first = worker({ handle: async () => await Promise.resolve({ kind: 'wait', ms: 60_000, why: 'offline' }) });
  const at = publisher();
  for (const path of numbers(0, 3)) await at.publish([change(path)]);
  await until('it waits', async () => (await laneCounts(redis, pair)).active === 1);
  const began = performance.now();
  await first.worker.close(5000);
  expect(performance.now() - began).toBeLessThan(1000);
  expect(await laneCounts(redis, pair)).toMatchObject({ waiting: 3, active: 0 });
  const { seen } = worker();
  await until('all came out', () => seen.length === 3);
  expect(seen).toEqual(['f0', 'f1', 'f2']);
});

test('closing lets the handler finish, then tells it to hurry, then leaves it behind', async () => {
  const at = publisher();
  await at.publish([change('quick')]);
  let release = (): void => {};
  let begun = 0;
  const quick = worker({
    handle: async () => {
      begun++;
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return { kind: 'done', outcomes: [] };
    },
  });
  await until('it works', () => begun === 1);
  const closed = quick.worker.close(5000);
  release();
  await closed;
  expect(await laneCounts(redis, pair)).toMatchObject({ waiting: 0, active: 0 });

  await at.publish([change('obedient')]);
  const obedient = worker({
    handle: async (_, { signal }) => {
      begun++;
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
      return { kind: 'done', outcomes: [] };
    },
  });
  await until('it works', () => begun === 2);
  await obedient.worker.close(50);
  expect(await laneCounts(redis, pair)).toMatchObject({ waiting: 1, active: 0 });
  expect(obedient.errors).toEqual([]);

  const stuck = worker({
    handle: async () => {
      begun++;
      return await new Promise(() => {});
    },
  });
  await until('it works', () => begun === 3);
  const began = performance.now();
  await stuck.worker.close(50);
  expect(performance.now() - began).toBeLessThan(2500);
  expect(await laneCounts(redis, pair)).toMatchObject({ waiting: 1, active: 0 });
});

test('a handler that throws is called again for the same job, and the error is told', async () => {
  let tries = 0;
  const seen: string[] = [];
  const { errors } = worker({
    handle: async ({ events }) => {
      const path = events[0]?.path ?? '';
      if (path === 'f0' && ++tries === 1) throw new Error('a bug');
      seen.push(path);
      return await Promise.resolve({ kind: 'done', outcomes: [] });
    },
  });
  const at = publisher();
  for (const path of numbers(0, 2)) await at.publish([change(path)]);
  // Closing during the backoff would put it back; here it is waited out (0.5 s).
  await until('all came out', () => seen.length === 2 || errors.length > 1);
  expect(seen).toEqual(['f0', 'f1']);
  expect(errors.map(({ message }) => message)).toEqual(['a bug']);
});

test('what is no changeset is refused, and the lane goes on', async () => {
  const { queues, close } = laneQueues(redis, [pair]);
  const queue = queues[0]?.queue;
  await queue?.add('strange', { hello: 'world' });
  await queue?.add('other pair', { v: 1, pair: 'another', at: 1, events: [] });
  await queue?.add('big', { v: 1, pair, at: 1, events: [], padding: 'x'.repeat(MAX_STORED_BYTES) });
  const poison = await queue?.add('no json', {});
  await server.raw.hset(laneKey(pair, poison?.id ?? ''), 'data', '{"v":1,');
  await publisher().publish([change('good')]);
  const { seen, refused, errors } = worker();
  await until('the good one came out', () => seen.length === 1);
  expect(refused).toHaveLength(4);
  expect(refused[2]).toMatch(/the job has 10\d+ bytes/);
  expect(refused[3]).toBe('the job holds no JSON');
  expect(errors).toEqual([]);
  const done = (await queue?.getCompleted()) ?? [];
  const strange = done.find(({ name }) => name === 'strange');
  expect(strange?.returnvalue).toEqual({ refused: 'the job is of another version' });
  const big = done.find(({ name }) => name === 'big');
  expect(JSON.stringify(big?.data).length).toBeLessThan(200);
  await close();
});

test('a job whose options can not be read is worked all the same, in its turn', async () => {
  const { queues, close } = laneQueues(redis, [pair]);
  for (const path of numbers(0, 3)) await publisher().publish([change(path)]);
  const [, job] = (await queues[0]?.queue.getWaiting()) ?? [];
  await server.raw.hset(laneKey(pair, job?.id ?? ''), 'opts', '{"attempts":0"', 'progress', '{', 'parent', '!');
  const { seen } = worker();
  await until('all came out', () => seen.length === 3, 10_000);
  expect(seen).toEqual(numbers(0, 3));
  await close();
});

test('a finished job shows what became of each event', async () => {
  worker({
    handle: async ({ events }) =>
      await Promise.resolve({
        kind: 'done',
        outcomes: [
          ...outcomes(events.slice(0, 1), 'uploaded: changed here'),
          { path: change('x').path, outcome: 'moved' },
        ],
      }),
  });
  await publisher().publish([change('a'), change('b')]);
  const { queues, close } = laneQueues(redis, [pair]);
  const [job] = await until('it is finished', async () => {
    const done = (await queues[0]?.queue.getCompleted()) ?? [];
    return done.length === 1 ? done : null;
  });
  expect(job?.data).toMatchObject({
    events: [{ kind: 'modify', side: 'local', path: 'a', outcome: 'uploaded: changed here' }, { path: 'b' }],
    also: [{ path: 'x', outcome: 'moved' }],
  });
  expect(job?.returnvalue).toEqual([
    { path: 'a', outcome: 'uploaded: changed here' },
    { path: 'x', outcome: 'moved' },
  ]);
  await close();
});

test('a paused lane takes nothing, keeps the order, and says so', async () => {
  await pauseLane(redis, pair);
  const { seen } = worker();
  const at = publisher();
  for (const path of numbers(0, 3)) await at.publish([change(path)]);
  const counts = await laneCounts(redis, pair);
  expect(counts).toMatchObject({ waiting: 3, paused: true });
  expect(counts.oldestWaitingMs).toBeGreaterThanOrEqual(0);
  expect(seen).toEqual([]);
  await resumeLane(redis, pair);
  await until('all came out', () => seen.length === 3);
  expect(seen).toEqual(['f0', 'f1', 'f2']);
  expect(await laneCounts(redis, pair)).toMatchObject({ waiting: 0, paused: false, oldestWaitingMs: null });
});

test.each([
  ['is full', 'maxmemory', '1', 'OOM'],
  ['takes no writes', 'min-replicas-to-write', '1', 'NOREPLICAS'],
])('a Redis that %s holds the lane up, and nothing is lost, failed or overtaken', async (_, setting, value, word) => {
  let full = 0;
  const { seen, errors } = worker({
    handle: async ({ events }) => {
      const path = events[0]?.path ?? '';
      // The job is done, and Redis refuses to hear of it.
      if (path === 'f1' && full++ === 0) await server.raw.config('SET', setting, value);
      seen.push(path);
      return { kind: 'done', outcomes: [] };
    },
  });
  const refused: Error[] = [];
  const at = createPublisher({ pair, producer: 'cli', redis, epoch: 'e1', error: (error) => refused.push(error) });
  open.unshift(at);
  await Promise.all(numbers(0, 2).map((path) => at.publish([change(path)])));
  await until('something was refused', () => errors.some(({ message }) => message.includes(word)));
  const late = Promise.all(numbers(2, 20).map((path) => at.publish([change(path)])));
  await until('an add was refused', () => refused.some(({ message }) => message.includes(word)));
  expect(seen).toEqual(['f0', 'f1']);
  await server.raw.config('SET', setting, '0');
  await late;
  await until('all came out', () => seen.length >= 20);
  expect(seen).toEqual(numbers(0, 20));
});

test('a Redis that refuses is not asked again and again', async () => {
  const at: number[] = [];
  const idle = worker({ error: () => at.push(performance.now()) });
  await publisher().publish([change('f0')]);
  await until('it works', () => idle.seen.length === 1);
  await server.raw.config('SET', 'min-replicas-to-write', '1');
  // Each call that meets it waits longer from try to try; one that does not would be refused thousands of times a second.
  try {
    await until('it was refused twelve times', () => at.length >= 12, 120_000);
  } finally {
    await server.raw.config('SET', 'min-replicas-to-write', '0');
  }
  expect((at[11] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(1000);
});

test('a job whose hand-over was lost with the connection is taken at once, before the others', async () => {
  const { seen } = worker();
  const at = publisher();
  await at.publish([change('f0')]);
  await until('it works', () => seen.length === 1);
  await pauseLane(redis, pair);
  for (const path of numbers(1, 4)) await at.publish([change(path)]);
  // As if Redis had made it active for this worker, and the worker had never heard of it.
  const id = await server.raw.lmove(laneKey(pair, 'wait'), laneKey(pair, 'active'), 'RIGHT', 'LEFT');
  await server.raw.set(`${laneKey(pair, String(id))}:lock`, 'a token', 'PX', 30_000);
  await resumeLane(redis, pair);
  await server.raw.call('CLIENT', 'KILL', 'TYPE', 'normal');
  await until('all came out', () => seen.length === 4);
  expect(seen).toEqual(numbers(0, 4));
});

test('even an error that escapes the processor sends the job back to the head, never to failed', async () => {
  const queue = createQueue(redis, pair);
  for (const path of numbers(0, 3)) await publisher().publish([change(path)]);
  let tries = 0;
  const seen: string[] = [];
  const strict = new StrictWorker(
    LANE,
    async (job) => {
      const { path = '' } = (job.data as Changeset).events[0] ?? {};
      if (path === 'f0' && ++tries < 3) throw new Error('escaped');
      seen.push(path);
      return await Promise.resolve(null);
    },
    async () => await Promise.resolve(0),
    async () => undefined,
    { prefix: pairPrefix(pair), connection: connectionOf(redis), skipVersionCheck: true },
  );
  const errors: string[] = [];
  strict.on('error', ({ message }) => errors.push(message));
  const ran = strict.run();
  await until('all came out', () => seen.length === 3);
  await strict.close();
  await ran;
  await queue.close();
  expect(seen).toEqual(['f0', 'f1', 'f2']);
  expect(errors).toEqual(['escaped', 'escaped']);
});
