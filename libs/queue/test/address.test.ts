import { MAX_EVENTS } from '@lazysync/event-model';
import { parseRedisAddress, showAddress } from '@lazysync/queue';
import { expect, test } from 'vitest';
import { targetOf } from '../src/connect.ts';
import { laneKey, pairPrefix } from '../src/names.ts';
import { splitEvents } from '../src/publish.ts';
import { KEEP_BYTES, KEEP_JOBS, Retention } from '../src/retention.ts';
import { change } from './helpers.ts';

test.each([
  ['/run/redis.sock', '/run/redis.sock'],
  ['unix:///run/redis.sock', '/run/redis.sock'],
  ['unix:/run/redis.sock', '/run/redis.sock'],
  ['redis://localhost', 'redis://localhost:6379'],
  ['redis://me:p%40ss@db:7000/2', 'redis://me@db:7000/2'],
  ['redis://:secret@[::1]:7000', 'redis://[::1]:7000'],
  ['rediss://db.example', 'rediss://db.example:6379'],
  ['redis-sentinel://:secret@a,b:2000/main/1', 'redis-sentinel://a:26379,b:2000/main/1'],
  ['rediss-cluster://u:secret@a:1,b:2', 'rediss-cluster://u@a:1,b:2'],
])('%s is an address', (text, shown) => {
  const parsed = parseRedisAddress(text);
  expect(parsed.kind === 'address' && showAddress(parsed.address)).toBe(shown);
});

test.each([
  '',
  'localhost:6379',
  'http://localhost',
  'redis://',
  'redis://:secret@host:99999',
  'redis://secret@host/x',
  'redis://:secret@host/1/2',
  'redis://:secret@a,b',
  'redis://:secret@host?family=6',
  'redis-sentinel://:secret@a',
  'redis-cluster://:secret@a/1',
  'redis://:secr%ET@a',
  'redis://user:sec@ret@host:port',
])('%j is refused in a sentence that holds no password', (text) => {
  const parsed = parseRedisAddress(text);
  expect(parsed.kind).toBe('bad');
  if (parsed.kind !== 'bad') return;
  expect(parsed.message).toMatch(/^The Redis address is not usable: .+\. It should read .+\.$/);
  expect(parsed.message).not.toMatch(/secr/);
});

test('user, password, database and TLS arrive', () => {
  expect(targetOf({ kind: 'url', url: 'rediss://me:p%40s%2Fs@db:7000/2' })).toEqual({
    kind: 'single',
    hosts: [{ host: 'db', port: 7000 }],
    options: { tls: {}, username: 'me', password: 'p@s/s', db: 2 },
  });
});

test('keys of a pair share one hash tag, whatever the pair is called', () => {
  expect(laneKey('photos', 'wait')).toBe('{lazysync-photos}:lane:wait');
  expect(pairPrefix('my }{ pair: ä')).toMatch(/^\{lazysync-[!-~]+\}$/);
  expect(pairPrefix('a}b').slice(1, -1)).not.toContain('}');
  expect(() => pairPrefix('')).toThrow();
});

test('a lone event is a part of its own, however big', () => {
  expect(splitEvents([])).toEqual([]);
  const big = change('x'.repeat(16_000));
  expect(splitEvents([big])).toEqual([[big]]);
  expect(splitEvents(Array.from({ length: MAX_EVENTS + 1 }, () => change('a'))).map((part) => part.length)).toEqual([
    MAX_EVENTS,
    1,
  ]);
});

test('finished jobs are kept up to a number and up to a size', () => {
  const small = new Retention();
  for (let i = 0; i < 2 * KEEP_JOBS; i++) expect(small.add(1000)).toBe(KEEP_JOBS);
  const big = new Retention();
  let kept = 0;
  for (let i = 0; i < KEEP_JOBS; i++) kept = big.add(KEEP_BYTES / 10);
  expect(kept).toBe(10);
  expect(big.add(KEEP_BYTES * 2)).toBe(1);
  for (let i = 0; i < KEEP_JOBS; i++) kept = big.add(1);
  expect(kept).toBe(KEEP_JOBS);
});
