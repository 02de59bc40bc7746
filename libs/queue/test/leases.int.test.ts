import { type Leases, listLeases, listPresence, openLeases, type RedisLink, type Role } from '@lazysync/queue';
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { link, socketOf, startChild, startTestRedis, type TestRedis, until } from './helpers.ts';

const SIX = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
let server: TestRedis;
let served: Served[];

/** A process that takes a moment to stop what it served. */
interface Served {
  readonly redis: RedisLink;
  readonly leases: Leases;
  readonly role: Role;
  readonly mine: Set<string>;
  readonly errors: Error[];
  close(): Promise<void>;
}

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(async () => {
  await server.close();
});
beforeEach(async () => {
  served = [];
  await server.raw.flushall();
});
afterEach(async () => {
  for (const one of served) await one.close();
});

function serve(pairs: readonly string[], pinned = false, role: Role = 'watcher'): Served {
  const redis = link(server.redis);
  const mine = new Set<string>();
  const errors: Error[] = [];
  const leases = openLeases({
    redis,
    role,
    who: { pid: process.pid, host: 'here' },
    changed: (now) => {
      for (const pair of [...mine]) {
        if (now.has(pair)) continue;
        setImmediate(() => {
          mine.delete(pair);
          leases.freed(pair);
        });
      }
      for (const pair of now) {
        // Two that watch one pair are found out here, in the moment in which it happens.
        const others = served.filter((one) => one.role === role && one.mine !== mine && one.mine.has(pair));
        if (others.length > 0) errors.push(new Error(`${pair} is served twice`));
        mine.add(pair);
      }
    },
    error: (error) => errors.push(error),
  });
  leases.want({ pairs, pinned });
  const one: Served = {
    redis,
    leases,
    role,
    mine,
    errors,
    close: async () => {
      mine.clear();
      await leases.close();
      await redis.close();
      expect(errors).toEqual([]);
    },
  };
  served.push(one);
  return one;
}

const sizes = (): number[] => served.map(({ mine }) => mine.size).sort();
const evenly = (...wanted: readonly number[]) =>
  until(`${wanted.join('/')}`, () => JSON.stringify(sizes()) === JSON.stringify(wanted), 8000);

test('one alone has everything at once', async () => {
  const began = performance.now();
  const a = serve(SIX);
  await evenly(6);
  // A round trip or two, not the pause between two rounds.
  expect(performance.now() - began).toBeLessThan(1_500);
  await a.close();
  expect(await server.raw.hgetall('{lazysync}:fleet:watcher:leases')).toEqual({});
});

test('who takes part is listed, without a pair too', async () => {
  serve(['p1']);
  const b = serve(['p1']);
  await until('one has it', () => sizes().join() === '0,1');
  const listed = await listLeases(b.redis, 'watcher');
  expect(listed.map(({ host, pairs }) => [host, pairs]).sort()).toEqual([
    ['here', []],
    ['here', ['p1']],
  ]);
});

test('two more come, and one goes: 6, 2/2/2, 3/3; never is a pair served twice', async () => {
  serve(SIX);
  await evenly(6);
  serve(SIX);
  serve(SIX);
  await evenly(2, 2, 2);
  const [gone] = served.splice(1, 1);
  await gone?.close();
  await evenly(3, 3);
});

test('watchers and workers have shares of their own', async () => {
  serve(SIX, false, 'watcher');
  serve(SIX, false, 'worker');
  await evenly(6, 6);
});

test('who says which pairs it wants has those, and the others leave them to it', async () => {
  const a = serve(SIX);
  await evenly(6);
  const b = serve(['p1', 'p2', 'p3', 'p4'], true);
  await until('the pinned ones moved', () => b.mine.size === 4 && a.mine.size === 2);
  expect([...b.mine].sort()).toEqual(['p1', 'p2', 'p3', 'p4']);
  served.splice(1, 1);
  await b.close();
  await until('nothing stays alone', () => a.mine.size === 6);
});

test('a pair that is not wanted any more is given back, a new one taken', async () => {
  const a = serve(['p1', 'p2']);
  await evenly(2);
  a.leases.want({ pairs: ['p2', 'p3'], pinned: false });
  await until('it has changed', () => [...a.mine].sort().join() === 'p2,p3');
  await until('p1 is free', async () => (await server.raw.hexists('{lazysync}:fleet:watcher:leases', 'p1')) === 0);
});

test('an emptied Redis takes nothing from anybody', async () => {
  serve(SIX);
  serve(SIX);
  await evenly(3, 3);
  const before = served.map(({ mine }) => [...mine].sort().join());
  await server.raw.flushall();
  await until(
    'the leases are there again',
    async () => {
      return (await server.raw.hlen('{lazysync}:fleet:watcher:leases')) === 6;
    },
    8000,
  );
  expect(served.map(({ mine }) => [...mine].sort().join())).toEqual(before);
});

test('after kill -9 another has its pairs: at once on the same machine, and when its time is up elsewhere', async () => {
  const child = startChild('lease-child.ts', socketOf(server.redis), SIX.join(','));
  onTestFinished(() => child.kill());
  await until('the child has all', () => child.lines.at(-1) === SIX.join(','), 10_000);
  const a = serve(SIX);
  await until('they share', () => a.mine.size === 3 && child.lines.at(-1)?.split(',').length === 3, 8000);
  await child.kill();
  await until('all is taken over', () => a.mine.size === 6, 5000);
  await until('nobody else is listed', async () => (await listPresence(a.redis, 'p1', 'watcher')).length === 0);

  // Of a process elsewhere nothing can be proved: only its time.
  const elsewhere = JSON.stringify({ space: 'another machine', pid: 1, began: '1' });
  await server.raw.set('{lazysync}:member:far', elsewhere, 'PX', 9000);
  await server.raw.hset('{lazysync}:fleet:watcher:wishes', 'far', JSON.stringify({ pairs: SIX, pinned: false }));
  await server.raw.incr('{lazysync}:fleet:watcher:version');
  await until('it is left its share', () => a.mine.size === 3, 5000);
  await server.raw.hset('{lazysync}:fleet:watcher:leases', 'p9', 'far');
  await server.raw.pexpire('{lazysync}:member:far', 1);
  await until('all is taken over', () => a.mine.size === 6, 5000);
});
