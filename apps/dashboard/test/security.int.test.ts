/**
 * Bad requests: each is refused, none touches a file (inside the pair's folders or outside), none puts a job into the
 * lane, none shows a secret. The list is printed.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { laneCounts, openRedis, type RedisLink } from '@lazysync/queue';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Demo, startDemo } from './support/demo.ts';
import { sendRaw } from './support/raw.ts';

const TOKEN = 'the-secret-of-this-dashboard';
const SECRET = 'a secret outside of both folders';
let folder: string;
let demo: Demo;
let open: Demo;
let redis: RedisLink;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lazysync-sec-'));
  for (const name of ['local', 'remote', 'outside']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'outside', 'secret.txt'), SECRET);
  writeFileSync(join(folder, 'local', 'README.md'), 'mine');
  const pair = { local: join(folder, 'local'), remote: join(folder, 'remote') };
  demo = await startDemo('projects', { access: { kind: 'token', token: TOKEN } }, pair);
  open = await startDemo('projects', {}, pair);
  redis = openRedis(demo.redis.address);
});
afterAll(async () => {
  await redis?.close();
  await open?.close();
  await demo?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Bad {
  readonly what: string;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Without what usually comes along: token, own header, JSON. */
  readonly bare?: boolean;
  /** Against the dashboard without a token. */
  readonly open?: boolean;
  readonly status: readonly number[];
}

const PAIR = '/api/v1/pairs/projects';
const json = (value: unknown): string => JSON.stringify(value);
const command = (what: string, value: unknown, ...status: number[]): Bad => ({
  what,
  method: 'POST',
  path: `${PAIR}/commands`,
  body: json(value),
  status: status.length > 0 ? status : [400],
});
const tree = (what: string, query: string, ...status: number[]): Bad => ({
  what,
  path: `${PAIR}/tree?${query}`,
  status: status.length > 0 ? status : [400],
});
const change = (what: string, headers: Readonly<Record<string, string>>, ...status: number[]): Bad => ({
  what,
  method: 'POST',
  path: `${PAIR}/pause`,
  headers,
  status: status.length > 0 ? status : [403],
});

const bad: readonly Bad[] = [
  tree('a folder above the root', 'path=..'),
  tree('a folder above the root, deeper', 'path=src/../../outside'),
  tree('an absolute folder', 'path=/etc'),
  tree('an encoded ..', 'path=%2e%2e%2foutside'),
  tree('a doubly encoded .. (a name nobody has)', 'path=%252e%252e%252foutside', 404),
  tree('a NUL in a folder', 'path=src%00.txt'),
  tree('the own folder', 'path=.lazysync'),
  tree('something in the own folder', 'path=.lazysync/trash'),
  tree('an empty segment', 'path=src//a'),
  tree('a dot segment', 'path=./src'),
  tree('a path of 20,000 characters', `path=${'a'.repeat(15_000)}%00`, 400, 414, 431),
  tree('half a surrogate', 'path=%ED%A0%80', 400, 404),
  tree('a list instead of a path', 'path=a&path=b'),
  tree('an object instead of a path', 'path[x]=1'),
  tree('a limit that is no number', 'limit=many'),
  tree('a limit of a billion', 'limit=1000000000'),
  tree('a limit below zero', 'limit=-1'),
  tree('a query nobody knows', 'sql=1'),
  tree('a file where a folder is expected', 'path=README.md', 404),
  { what: 'another pair', path: '/api/v1/pairs/other/tree', status: [404] },
  { what: 'a pair called ..', path: '/api/v1/pairs/%2e%2e/tree', status: [404] },
  { what: 'a pair called __proto__', path: '/api/v1/pairs/__proto__', status: [404] },
  { what: 'a page of a pair that is a path', path: '/pairs/..%2f..%2fetc%2fpasswd', status: [404] },
  { what: 'an asset above the assets', path: '/assets/../src/main.ts', status: [404] },
  { what: 'an asset above the assets, encoded', path: '/assets/%2e%2e%2fpackage.json', status: [404] },
  { what: 'an asset by backslash', path: '/assets/..\\package.json', status: [404] },
  { what: 'a log of the own folder', path: `${PAIR}/log?path=.lazysync/x`, status: [400] },
  { what: 'why of a path above the root', path: `${PAIR}/why?path=../x`, status: [400] },
  { what: 'an address that is not encoded right', path: '/api/v1/pairs/%zz', status: [400] },
  command('get above the root', { command: 'get', path: '../outside/secret.txt' }),
  command('get of an absolute path', { command: 'get', path: '/etc/passwd' }),
  command('get of the own folder', { command: 'get', path: '.lazysync/root.json' }),
  command('get with a NUL', { command: 'get', path: 'a\0b' }),
  command('get without a path', { command: 'get' }),
  command('get of null', { command: 'get', path: null }),
  command('get of a number', { command: 'get', path: 5 }),
  command('get of a list', { command: 'get', path: ['a'] }),
  command('get of what is not there', { command: 'get', path: 'nobody' }, 404),
  command('free above the root', { command: 'free', path: 'src/../../x' }),
  command('a command nobody knows', { command: 'rm', path: 'README.md' }),
  command('emptying the trash', { command: 'empty-trash' }),
  command('a field nobody knows', { command: 'get', path: 'README.md', id: 'x' }),
  command('a pin above the root', { command: 'pin', pattern: '../*' }),
  command('a pin of two lines', { command: 'pin', pattern: 'a\nb' }),
  command('an empty pin', { command: 'pin', pattern: '  ' }),
  command('a pin of the own folder', { command: 'pin', pattern: '/.lazysync/' }),
  command('a restore from above the trash', { command: 'restore', path: 'x', from: 'local:../../..' }),
  command('a restore to above the root', { command: 'restore', path: '../x', from: 'local:20250101t000000-a-1' }),
  command('a restore from a third side', { command: 'restore', path: 'x', from: 'moon:1' }),
  command('a body that is no object', 'approve'),
  command('a prototype in the body', { __proto__: null, constructor: { prototype: {} }, command: 'get', path: 'x' }),
  { what: 'a body that is no JSON', method: 'POST', path: `${PAIR}/commands`, body: '{"command":', status: [400] },
  {
    what: 'a __proto__ key',
    method: 'POST',
    path: `${PAIR}/commands`,
    body: '{"__proto__":{"path":"README.md"},"command":"get"}',
    status: [400],
  },
  {
    what: 'a body of 10 MB',
    method: 'POST',
    path: `${PAIR}/commands`,
    body: json({ command: 'get', path: 'a'.repeat(10_000_000) }),
    status: [413, 0],
  },
  {
    what: 'a form instead of JSON',
    method: 'POST',
    path: `${PAIR}/held`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'decision=approve',
    status: [415],
  },
  {
    what: 'a decision nobody knows',
    method: 'POST',
    path: `${PAIR}/held`,
    body: json({ decision: 'yes' }),
    status: [400],
  },
  { what: 'a decision by GET', path: `${PAIR}/held?decision=approve`, status: [400] },
  change('a change from another site', { 'sec-fetch-site': 'cross-site' }),
  change('a change from a sibling site', { 'sec-fetch-site': 'same-site' }),
  change('a change from another origin', { origin: 'http://evil.example' }),
  change('a change from the origin "null"', { origin: 'null' }),
  change('a change from another port', { origin: 'http://127.0.0.1:1' }),
  { ...change('a change without the own header', { authorization: `Bearer ${TOKEN}` }), bare: true },
  { ...change('a change of who is not signed in', { 'x-lazysync': '1' }, 401), bare: true },
  { what: 'reading without the token', path: '/api/v1/pairs', bare: true, status: [401] },
  { what: 'the metrics without the token', path: '/metrics', bare: true, status: [401] },
  { what: 'the queues without the token', path: '/queues/api/queues', bare: true, status: [401] },
  { what: 'the events without the token', path: '/api/v1/events', bare: true, status: [401] },
  { what: 'a wrong token', path: '/api/v1/pairs?token=guess', bare: true, status: [401] },
  { what: 'a wrong bearer', path: '/api/v1/pairs', headers: { authorization: 'Bearer x' }, bare: true, status: [401] },
  {
    what: 'a cookie that is the token itself',
    path: '/api/v1/pairs',
    headers: { cookie: `token=${TOKEN}` },
    bare: true,
    status: [401],
  },
  {
    what: 'signing in with a guess',
    method: 'POST',
    path: '/api/v1/session',
    headers: { 'x-lazysync': '1', 'content-type': 'application/json' },
    body: json({ token: 'guess' }),
    bare: true,
    status: [401],
  },
  { what: 'pausing through the board', method: 'PUT', path: '/queues/api/queues/projects/pause', status: [405] },
  {
    what: 'adding a job through the board',
    method: 'POST',
    path: '/queues/api/queues/projects/add',
    body: '{}',
    status: [405],
  },
  {
    what: 'emptying the lane through the board',
    method: 'PUT',
    path: '/queues/api/queues/projects/obliterate',
    status: [405],
  },
  { what: 'TRACE', method: 'TRACE', path: '/', status: [405, 404, 400] },
  { what: 'CONNECT', method: 'CONNECT', path: 'evil.example:80', status: [0, 400, 405] },
  { what: 'a method nobody knows', method: 'BREW', path: '/', status: [400] },
  {
    what: 'another host, without a token',
    path: '/api/v1/pairs',
    headers: { host: 'evil.example' },
    open: true,
    status: [403],
  },
  {
    what: 'a change for another host, without a token',
    method: 'POST',
    path: `${PAIR}/pause`,
    headers: { host: 'evil.example', origin: 'http://evil.example' },
    open: true,
    status: [403],
  },
  {
    what: 'two lengths (smuggling)',
    method: 'POST',
    path: `${PAIR}/pause`,
    headers: { 'content-length': '0\r\nContent-Length: 5' },
    status: [400],
  },
  {
    what: 'a header with a line end',
    path: '/',
    headers: { 'x-a': 'b\r\n\r\nGET /metrics HTTP/1.1' },
    status: [200, 400],
  },
];

async function ask({ method = 'GET', path, headers = {}, body, bare = false, open: anybody = false }: Bad) {
  const usual = bare ? {} : { authorization: `Bearer ${TOKEN}`, 'x-lazysync': '1' };
  const all: Record<string, string> = { host: '127.0.0.1', connection: 'close', ...usual, ...headers };
  if (body !== undefined) {
    all['content-type'] ??= 'application/json';
    all['content-length'] = String(Buffer.byteLength(body));
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const port = Number(new URL((anybody ? open : demo).url).port);
  return await sendRaw(port, `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body ?? ''}`);
}

/** Names, contents and times of everything in a folder. */
function census(root: string): string {
  const all = readdirSync(root, { recursive: true, withFileTypes: true }).map((entry) => {
    const file = join(entry.parentPath, entry.name);
    const { mtimeMs, mode } = statSync(file);
    return [file, mtimeMs, mode, entry.isFile() ? createHash('sha256').update(readFileSync(file)).digest('hex') : ''];
  });
  return JSON.stringify(all.sort());
}

test(`${bad.length} bad requests are refused, touch nothing and show nothing`, async () => {
  const before = census(folder);
  const jobs = async (): Promise<unknown> => {
    const board = await fetch(
      `${open.url}/queues/api/queues?activeQueue=projects&status=completed&page=1&jobsPerPage=10`,
    );
    const { queues } = (await board.json()) as { queues: { counts: object }[] };
    const { waiting, active, paused } = await laneCounts(redis, 'projects');
    return { open: queues[0]?.counts, waiting, active, paused };
  };
  const jobsBefore = await jobs();
  const lines: string[] = [];
  for (const one of bad) {
    const { status, text } = await ask(one);
    lines.push(`${String(status).padStart(3)}  ${one.what}`);
    expect([one.what, one.status.includes(status) ? 'refused' : `${status} ${text.slice(0, 300)}`]).toEqual([
      one.what,
      'refused',
    ]);
    for (const secret of [TOKEN, SECRET, 'root:x:0'])
      expect([one.what, text.includes(secret)]).toEqual([one.what, false]);
    // Nor where things lie, or how it is built.
    expect([one.what, /node_modules|\.ts:\d+|at .+\(/.test(text)]).toEqual([one.what, false]);
  }
  process.stdout.write(`${bad.length} bad requests:\n${lines.join('\n')}\n`);
  expect(bad.length).toBeGreaterThanOrEqual(40);
  expect(census(folder)).toBe(before);
  expect(await jobs()).toEqual(jobsBefore);
  expect((await fetch(`${demo.url}/healthz`)).status).toBe(200);
});

test('guessing is limited, and whoever is signed in goes on', async () => {
  const cookie = (await fetch(`${demo.url}/?token=${TOKEN}`, { redirect: 'manual' })).headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(/; HttpOnly; SameSite=Strict/);
  expect(cookie).not.toContain(TOKEN);
  const guess = (): Promise<Response> =>
    fetch(`${demo.url}/api/v1/session`, {
      method: 'POST',
      headers: { 'x-lazysync': '1', 'content-type': 'application/json' },
      body: json({ token: 'guess' }),
    });
  const seen: number[] = [];
  for (let n = 0; n < 12; n++) seen.push((await guess()).status);
  expect(seen.at(-1)).toBe(429);
  const limited = await guess();
  expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
  // Not even the right one is looked at now: else the limit would tell when a guess was good.
  expect((await fetch(`${demo.url}/api/v1/pairs`, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(429);
  const kept = cookie.split(';')[0] ?? '';
  expect((await fetch(`${demo.url}/api/v1/pairs`, { headers: { cookie: kept } })).status).toBe(200);
});

test('no page, asset or metric shows the token or the address of Redis', async () => {
  const signed = await fetch(`${open.url}/metrics`);
  const texts = [await signed.text()];
  for (const path of [
    '/',
    '/pairs/projects',
    '/pairs/projects/tree',
    '/api/v1/pairs',
    '/api/v1/openapi.json',
    '/readyz',
  ])
    texts.push(await (await fetch(`${open.url}${path}`)).text());
  const address = demo.redis.address.kind === 'socket' ? demo.redis.address.path : '';
  for (const text of texts) {
    expect(text).not.toContain(TOKEN);
    expect(text).not.toContain(address);
  }
});
