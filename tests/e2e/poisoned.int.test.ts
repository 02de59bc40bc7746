/**
 * Jobs that somebody else wrote into Redis, under a real `up`: each is set aside, none touches a file outside of the
 * folders, none shows a secret, and the lane goes on with the next one. The list is printed.
 */
import fs from 'node:fs';
import path from 'node:path';
import { MAX_EVENTS } from '@lazysync/event-model';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab } from './support/lab.ts';
import { waitFor } from './support/wait-for.ts';

const SECRET = 'a secret outside of both folders';
let lab: Lab;
let redis: Redis;
let queue: Queue;
let pair: string;
let outside: string;

beforeAll(async () => {
  lab = new Lab('poisoned');
  outside = path.join(lab.top, 'outside');
  fs.mkdirSync(outside);
  fs.writeFileSync(path.join(outside, 'secret.txt'), SECRET);
  fs.writeFileSync(lab.r('stub.txt'), 'remote');
  fs.writeFileSync(lab.l('copy.txt'), 'local');
  await lab.up();
  lab.wait();
  pair = lab.status().id;
  redis = new Redis(path.join(lab.state, 'redis', 'redis.sock'), { maxRetriesPerRequest: null });
  queue = new Queue('lane', { prefix: `{lazysync-${pair}}`, connection: redis as never });
}, 120_000);
afterAll(async () => {
  await queue?.close();
  redis?.disconnect();
  await lab?.close();
}, 60_000);

/** All names, sizes and contents of what must stay as it is. */
function snapshot(): string {
  const lines: string[] = [];
  const walk = (at: string): void => {
    for (const name of fs.readdirSync(at).sort()) {
      const file = path.join(at, name);
      const stat = fs.lstatSync(file);
      if (name === '.lazysync' || file.startsWith(lab.state)) continue;
      lines.push(`${file} ${stat.mode} ${stat.isFile() ? `${stat.mtimeMs} ${fs.readFileSync(file, 'utf8')}` : ''}`);
      if (stat.isDirectory()) walk(file);
    }
  };
  walk(outside);
  return lines.join('\n');
}

const event = (more: object): object => ({ kind: 'modify', side: 'local', path: 'copy.txt', ...more });
const command = (more: object): object => ({
  kind: 'command',
  side: 'local',
  path: '',
  id: 'c1',
  command: 'rescan',
  ...more,
});

/** Data of a job, made of a job that would be good. */
function bad(): readonly (readonly [what: string, data: unknown])[] {
  const job = (more: object): object => ({ v: 1, pair, at: 1, events: [event({})], ...more });
  const of = (...events: unknown[]): object => job({ events });
  const paths: readonly [string, unknown][] = [
    ['a path that climbs out', '../outside/secret.txt'],
    ['a path that climbs out in its middle', 'a/../../outside/secret.txt'],
    ['a path that climbs in place', 'a/./b'],
    ['an absolute path', path.join(outside, 'secret.txt')],
    ['a path with NUL', 'copy.txt\0.md'],
    ['a path with an empty step', 'a//b'],
    ['a path that ends with a slash', 'a/'],
    ['a path of dots', '..'],
    ['a path that is a number', 7],
    ['a path that is a list', ['copy.txt']],
    ['a path that is null', null],
    ['a path too long for any disk', 'x/'.repeat(5_000)],
    ['a path into the own folder', '.lazysync/root.json'],
    ['a path into the trash', '.lazysync/trash/x'],
  ];
  return [
    ['null', null],
    ['a text', 'modify copy.txt'],
    ['a number', 42],
    ['a list', [event({})]],
    ['nothing in it', {}],
    ['no version', job({ v: undefined })],
    ['an older version', job({ v: 0 })],
    ['a later version', job({ v: 2 })],
    ['a version as a text', job({ v: '1' })],
    ['another pair', job({ pair: 'another' })],
    ['a pair that is a path', job({ pair: '../other' })],
    ['no pair', job({ pair: undefined })],
    ['no time', job({ at: undefined })],
    ['a time as a text', job({ at: 'now' })],
    ['no events', job({ events: undefined })],
    ['events as an object', job({ events: { length: 1, 0: event({}) } })],
    ['too many events', job({ events: Array.from({ length: MAX_EVENTS + 1 }, () => event({})) })],
    ['an event that is null', of(null)],
    ['an event that is a text', of('modify')],
    ['one bad event behind a good one', of(event({}), event({ path: '../x' }))],
    ['an unknown kind', of(event({ kind: 'execute' }))],
    ['a kind of the prototype', of(event({ kind: '__proto__' }))],
    ['no side', of(event({ side: undefined }))],
    ['an unknown side', of(event({ side: 'both' }))],
    ['a change of the root', of(event({ path: '' }))],
    ['seen as a text', of(event({ seen: 'yes' }))],
    ['an access of the remote', of(event({ kind: 'access', side: 'remote' }))],
    ['an access of the root', of(event({ kind: 'access', path: '' }))],
    ['a staged event without a transfer', of(event({ kind: 'staged' }))],
    ['a transfer that is a path', of(event({ kind: 'staged', transfer: '../../outside/secret.txt' }))],
    ['a command without an id', of(command({ id: undefined }))],
    ['a command whose id is a path', of(command({ id: '../x' }))],
    ['an unknown command', of(command({ command: 'rm -rf' }))],
    ['a command of the remote', of(command({ side: 'remote' }))],
    ['an argument that is an object', of(command({ arg: { $gt: '' } }))],
    ['an argument with NUL', of(command({ arg: 'a\0b' }))],
    ['an argument without end', of(command({ arg: 'x'.repeat(5_000) }))],
    ['10 MB of padding', job({ padding: 'x'.repeat(10 * 1024 * 1024) })],
    ['10 MB of a path', of(event({ path: 'x'.repeat(10 * 1024 * 1024) }))],
    ...paths.map(([what, at]): [string, unknown] => [what, of(event({ path: at }))]),
    ...paths
      .slice(0, 5)
      .map(([what, at]): [string, unknown] => [`${what}, to be freed`, of(command({ command: 'free', path: at }))]),
  ];
}

test('poisoned jobs are set aside one by one, and the lane goes on', async () => {
  const before = snapshot();
  const jobs = bad();
  const key = (type: string): string => `{lazysync-${pair}}:lane:${type}`;
  for (const [index, [what, data]] of jobs.entries()) await queue.add(what, data, { jobId: `bad-${index}` });
  // What BullMQ itself would not write.
  const raw = ['{"v":1,', 'not json', '\u0000\u0001', ''];
  for (const [index, text] of raw.entries()) {
    await queue.add(`raw data ${JSON.stringify(text)}`, {}, { jobId: `raw-${index}` });
    await redis.hset(key(`raw-${index}`), 'data', text);
  }
  const count = jobs.length + raw.length;
  expect(count).toBeGreaterThanOrEqual(60);
  fs.writeFileSync(lab.l('after.txt'), 'the lane goes on');
  await waitFor('the change behind them', 60_000, () => fs.existsSync(lab.r('after.txt')));
  lab.wait();

  const list: string[] = [];
  for (const id of [...jobs.map((_, index) => `bad-${index}`), ...raw.map((_, index) => `raw-${index}`)]) {
    const job = await redis.hgetall(key(id));
    list.push(`${job.name} -> ${job.returnvalue}`);
    expect([id, job.returnvalue]).toEqual([id, expect.stringMatching(/^\{"refused":"/)]);
    expect(JSON.stringify(job)).not.toContain(SECRET);
    expect(JSON.stringify(job).length).toBeLessThan(4 * 1024 * 1024);
  }
  process.stderr.write(`${count} poisoned jobs\n  ${list.join('\n  ')}\n`);

  expect(snapshot()).toBe(before);
  expect(fs.readFileSync(lab.r('copy.txt'), 'utf8')).toBe('local');
  expect(fs.lstatSync(lab.l('stub.txt')).isSymbolicLink()).toBe(true);
  const status = lab.status();
  expect([status.state, status.queued, status.problems]).toEqual(['idle', 0, 1]);
  const said = `${lab.out}${lab.err}${lab.run(['problems', '--local', lab.local]).out}`;
  expect(said).toContain('set aside');
  expect(said).not.toContain(SECRET);
  expect(await redis.zcard(key('failed'))).toBe(0);
}, 180_000);
