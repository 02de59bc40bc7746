/** The door alone, with small processes behind it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Door, openDoor } from '../src/door.ts';

const HOST = '127.0.0.1';
const OPS = pathToFileURL(join(import.meta.dirname, '../../../libs/ops/src/passed-connections.ts')).href;
/** Echoes what it is sent until the other side has ended, and says who it is. */
const SERVES = `
  import { takeConnections } from ${JSON.stringify(OPS)};
  takeConnections((connection) => {
    let heard = '';
    connection.allowHalfOpen = true;
    connection.on('data', (text) => { heard += text; });
    connection.on('end', () => connection.end(process.pid + ' heard ' + heard));
    connection.on('error', () => connection.destroy());
  });`;
/** Dies with a connection in its hands, before it says that it took it. */
const DIES = `
  process.on('message', () => process.kill(process.pid, 'SIGKILL'));
  process.send({ kind: 'takes-connections' });`;

let folder = '';
const doors: Door[] = [];
const children: ChildProcess[] = [];
const failures: Error[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lazysync-door-'));
});
afterEach(async () => {
  for (const door of doors.splice(0)) door.close();
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
  expect(failures.splice(0)).toEqual([]);
});

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function open(port?: number): Promise<Door> {
  const door = await openDoor({
    host: HOST,
    port: port ?? (await freePort()),
    failed: (error) => failures.push(error),
  });
  if (door === null) throw new Error('no port is free');
  doors.push(door);
  return door;
}

function start(source: string): ChildProcess {
  const file = join(folder, `${children.length}.mjs`);
  writeFileSync(file, source);
  const child = fork(file, { stdio: 'inherit', execArgv: ['--disable-warning=ExperimentalWarning'] });
  children.push(child);
  return child;
}

/** Says something and ends; the answer is what comes until the end, or the error's code. */
async function visit({ port }: Door, text: string): Promise<string> {
  const connection = net.connect({ port, host: HOST, allowHalfOpen: true });
  let heard = '';
  connection.setEncoding('utf8').on('data', (more: string) => {
    heard += more;
  });
  connection.end(text);
  return await once(connection, 'end').then(
    () => heard,
    (error: NodeJS.ErrnoException) => String(error.code),
  );
}

const never = new AbortController().signal;

test('its port is taken from the start, and the next door gets the next one', async () => {
  const first = await open();
  const second = await open(first.port);
  expect(second.port).toBeGreaterThan(first.port);
  first.close();
  const answer = await visit(first, 'anybody?');
  expect(answer).toBe('ECONNREFUSED');
});

test('where no port is left it says so', async () => {
  const last = await openDoor({ host: HOST, port: 65_535, failed: (error) => failures.push(error) });
  if (last !== null) doors.push(last);
  expect(await openDoor({ host: HOST, port: 65_535, failed: (error) => failures.push(error) })).toBeNull();
});

test('who comes before anything runs is answered as soon as it does, with all that was sent', async () => {
  const door = await open();
  const visits = Array.from({ length: 200 }, (_, at) => visit(door, `visitor ${at} ${'.'.repeat(100_000)}`));
  await door.knocked(never);
  const child = start(SERVES);
  door.leadTo(child);
  for (const [at, answer] of (await Promise.all(visits)).entries())
    expect(answer).toBe(`${child.pid} heard visitor ${at} ${'.'.repeat(100_000)}`);
  expect(await visit(door, 'later')).toBe(`${child.pid} heard later`);
});

test('whom a process did not take before it died waits for the next', async () => {
  const door = await open();
  const visits = Promise.all(['a', 'b', 'c'].map((text) => visit(door, text)));
  await door.knocked(never);
  for (let round = 0; round < 3; round++) {
    const dies = start(DIES);
    door.leadTo(dies);
    await once(dies, 'exit');
    // They are still there.
    await door.knocked(never);
  }
  const child = start(SERVES);
  door.leadTo(child);
  expect(await visits).toEqual(['a', 'b', 'c'].map((text) => `${child.pid} heard ${text}`));
});

test('after the end of a process it waits for the next visitor', async () => {
  const door = await open();
  const first = start(SERVES);
  door.leadTo(first);
  expect(await visit(door, 'one')).toBe(`${first.pid} heard one`);
  first.kill('SIGKILL');
  // Not even its end is waited for.
  const answer = visit(door, 'two');
  await door.knocked(never);
  const second = start(SERVES);
  door.leadTo(second);
  expect(await answer).toBe(`${second.pid} heard two`);
});

test('who hangs up while it waits does no harm', async () => {
  const door = await open();
  for (const end of ['destroy', 'resetAndDestroy'] as const) {
    const connection = net.connect(door.port, HOST);
    await once(connection, 'connect');
    connection[end]();
    await once(connection, 'close');
  }
  await door.knocked(never);
  const child = start(SERVES);
  door.leadTo(child);
  expect(await visit(door, 'patient')).toBe(`${child.pid} heard patient`);
});

test('waiting for somebody ends with the signal, and closing sends away who waits', async () => {
  const door = await open();
  const stop = new AbortController();
  const knocked = door.knocked(stop.signal);
  stop.abort();
  await knocked;
  await door.knocked(stop.signal);
  const answer = visit(door, 'too late');
  await door.knocked(never);
  door.close();
  expect(['', 'ECONNRESET']).toContain(await answer);
});
