/** The dashboard as `lazysync up` starts it: its arguments, its end, its refusals. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeEffective } from '@lazysync/config';
import { defaultSettings } from '@lazysync/config/schema';
import { passConnection, whenItTakes } from '@lazysync/ops';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startRedis, type TestRedis } from './support/redis.ts';
import { until } from './support/until.ts';

const MAIN = join(import.meta.dirname, '../src/main.ts');
let folder: string;
let redis: TestRedis;
let effective: string;
const children: ChildProcess[] = [];
const doors: Server[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lazysync-dash-'));
  redis = await startRedis(folder);
  effective = join(folder, 'effective.json');
  const state = join(folder, 'state');
  mkdirSync(state);
  const pair = { id: 'p', local: '/l', remote: '/r', state: join(state, 'p'), settings: defaultSettings() };
  writeEffective(effective, { v: 1, boot: 'b', state, redis: redis.address, pairs: [pair] });
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const door of doors.splice(0)) door.close();
});
afterAll(async () => {
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly port: Promise<number>;
  /** On stderr, and on stdout. */
  readonly said: () => string;
  readonly heard: () => string;
  readonly exit: Promise<number | null>;
}

function start(args: readonly string[], env: Record<string, string> = {}): Started {
  const child = fork(MAIN, ['--effective', effective, ...args], { env: { ...process.env, ...env }, stdio: 'pipe' });
  children.push(child);
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  let heard = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    heard += chunk.toString();
  });
  const exit = once(child, 'exit').then(([code]) => code as number | null);
  const port = once(child, 'message').then(([message]) => (message as { port: number }).port);
  return { child, port, said: () => said, heard: () => heard, exit };
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it within a second, also while somebody watches', async (signal) => {
  const { child, port, exit } = start(['--port', '0']);
  const watching = await fetch(`http://127.0.0.1:${await port}/api/v1/events`);
  expect(watching.status).toBe(200);
  const begun = performance.now();
  child.kill(signal);
  expect(await exit).toBe(0);
  expect(performance.now() - begun).toBeLessThan(1000);
  await watching.body?.cancel().catch(() => undefined);
});

test('it ends when its parent is gone', async () => {
  const { child, port, exit } = start(['--port', '0']);
  await port;
  child.disconnect();
  expect(await exit).toBe(0);
});

test('it ends within a second without Redis too', async () => {
  const lonely = join(folder, 'lonely.json');
  writeEffective(lonely, {
    v: 1,
    boot: 'b',
    state: folder,
    redis: { kind: 'socket', path: join(folder, 'nobody') },
    pairs: [{ id: 'p', local: '/l', remote: '/r', state: folder, settings: defaultSettings() }],
  });
  const { child, port, exit, said } = start(['--effective', lonely, '--port', '0']);
  expect((await fetch(`http://127.0.0.1:${await port}/healthz`)).status).toBe(503);
  const begun = performance.now();
  child.kill('SIGTERM');
  expect(await exit).toBe(0);
  expect(performance.now() - begun).toBeLessThan(1000);
  expect(said()).not.toContain('not released');
});

/** A door in front of it, as `up` has one; the answer is its address. */
async function doorTo({ child }: Started): Promise<string> {
  const door = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  doors.push(door);
  const taking = new Promise<void>((resolve) => whenItTakes(child, resolve));
  let turn: Promise<void> = taking;
  door.on('connection', (connection) => {
    turn = turn.then(async () => {
      await passConnection(child, connection);
      connection.destroy();
    });
  });
  await once(door, 'listening');
  return `http://127.0.0.1:${(door.address() as { port: number }).port}`;
}

test('behind a door it answers who is passed on, and ends within a second, also while somebody watches', async () => {
  const started = start(['--door']);
  const url = await doorTo(started);
  const watching = await fetch(`${url}/api/v1/events`);
  expect(watching.status).toBe(200);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const { request } = await import('node:http');
  const status = await new Promise((resolve, reject) => {
    request(`${url}/`, { headers: { host: 'somewhere.example' } }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(403);
  // A sender that has ended its side is answered, too.
  const half = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
  half.end('GET / HTTP/1.0\r\nHost: localhost\r\n\r\n');
  let heard = '';
  for await (const chunk of half) heard += String(chunk);
  expect(heard).toMatch(/^HTTP\/1\.1 200 /);

  const begun = performance.now();
  started.child.kill('SIGTERM');
  expect(await started.exit).toBe(0);
  expect(performance.now() - begun).toBeLessThan(1000);
  await watching.body?.cancel().catch(() => undefined);
});

test('behind a door its token is asked for all the same', async () => {
  const token = 'correct-horse-battery';
  const url = await doorTo(start(['--door'], { LAZYSYNC_DASHBOARD_TOKEN: token }));
  expect((await fetch(`${url}/api/v1/pairs`)).status).toBe(401);
  const entered = await fetch(`${url}/?token=${token}`, { redirect: 'manual' });
  expect([entered.status, entered.headers.get('location')]).toEqual([303, '/']);
  const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? '';
  expect((await fetch(`${url}/api/v1/pairs`, { headers: { cookie } })).status).toBe(200);
});

test('without a parent there is no door', async () => {
  const child = spawn(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    MAIN,
    '--effective',
    effective,
    '--door',
  ]);
  children.push(child);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  expect(await once(child, 'close')).toEqual([2, null]);
  expect(said).toContain('--door needs a parent');
});

test('open to the world it refuses to start; with a token it asks for it', async () => {
  const refused = start(['--port', '0', '--host', '0.0.0.0']);
  expect(await refused.exit).toBe(2);
  expect(refused.said()).toContain('refuses to listen on 0.0.0.0 without a token');

  const token = 'correct-horse-battery';
  const { port, said } = start(['--port', '0', '--host', '0.0.0.0'], { LAZYSYNC_DASHBOARD_TOKEN: token });
  const url = `http://127.0.0.1:${await port}`;
  expect((await fetch(`${url}/`)).status).toBe(401);
  expect((await fetch(`${url}/queues/api/queues`)).status).toBe(401);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const entered = await fetch(`${url}/?token=${token}`, { redirect: 'manual' });
  expect([entered.status, entered.headers.get('location')]).toEqual([303, '/']);
  const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? '';
  expect((await fetch(`${url}/queues/api/queues`, { headers: { cookie } })).status).toBe(200);
  expect(said()).not.toContain(token);
});

test('a token is made once, kept for its owner only, and said where the address is known', async () => {
  const file = join(folder, 'token');
  const env = { LAZYSYNC_DASHBOARD_TOKEN_FILE: file, LAZYSYNC_DASHBOARD_URL: 'http://127.0.0.1:7420/' };
  const told = async (): Promise<string> => {
    const { child, port, heard, exit } = start(['--port', '0', '--host', '0.0.0.0'], env);
    const at = await port;
    const line = await until('the line', heard, (text) => text.includes('\n'));
    const token = /^dashboard http:\/\/127\.0\.0\.1:7420\/\?token=(\S{16,})\n$/.exec(line)?.[1] ?? '';
    expect((await fetch(`http://127.0.0.1:${at}/?token=${token}`, { redirect: 'manual' })).status).toBe(303);
    child.kill('SIGTERM');
    await exit;
    return token;
  };
  const first = await told();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).filter((name) => name.startsWith('token'))).toEqual(['token']);
  expect(await told()).toBe(first);
  // One that a person chose is not repeated.
  writeFileSync(file, 'chosen-by-a-person\n');
  const chosen = start(['--port', '0', '--host', '0.0.0.0'], env);
  await chosen.port;
  expect(chosen.heard() + chosen.said()).not.toContain('chosen-by');
  const nowhere = start(['--port', '0'], { LAZYSYNC_DASHBOARD_TOKEN_FILE: join(folder, 'none', 'token') });
  expect(await nowhere.exit).toBe(2);
  expect(nowhere.said()).toContain('ENOENT');
});

test('a port that is taken is said in one sentence', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const { exit, said } = start(['--port', String(port)]);
  expect(await exit).toBe(1);
  expect(said()).toContain(`port ${port} of 127.0.0.1 is taken`);
  other.close();
});

test.each([
  [['--port', '70000'], 'is no port'],
  [['--prot', '1'], "Unknown option '--prot'"],
  [['--log-level', 'loud'], '--log-level is one of'],
  [['--door', '--port', '1'], '--door goes without --port and --host'],
  [['--door', '--host', '127.0.0.1'], '--door goes without --port and --host'],
])('%j is refused with exit code 2', async (args, message) => {
  const { exit, said } = start(args);
  expect(await exit).toBe(2);
  await until('the reason', said, (text) => text.includes(message));
});
