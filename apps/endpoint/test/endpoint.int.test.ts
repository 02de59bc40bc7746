import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type RelPath, relPath } from '@lazysync/event-model';
import { programFile } from '@lazysync/programs';
import {
  createEndpointPool,
  type Endpoint,
  type EndpointOptions,
  type EndpointState,
  openEndpoint,
  RemoteOffline,
  type WatchEvent,
} from '@lazysync/replica';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const MAIN = pathToFileURL(programFile('endpoint'));

let base: string;
let local: string;
let remote: string;
const open: Endpoint[] = [];

beforeEach(() => {
  base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'endpoint-')));
  local = `${base}/local`;
  remote = `${base}/remote`;
  for (const root of [local, remote]) fs.mkdirSync(`${root}/.lazysync/stage`, { recursive: true });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  fs.rmSync(base, { recursive: true, force: true });
});

function endpoint(more: Partial<EndpointOptions> = {}): Endpoint {
  const anchors = () => [`${local}/.lazysync/remote`];
  const one = openEndpoint({ main: MAIN, localRoot: local, remoteRoot: remote, anchors, ...more });
  open.push(one);
  return one;
}

async function until(condition: () => boolean, ms = 60_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // ESRCH
  }
}

function holdsOpen(pid: number, file: string): boolean {
  return fs.readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/fd/${fd}`) === file;
    } catch {
      return false; // closed meanwhile
    }
  });
}

const prepared = { pair: 'p', known: null, fresh: '11111111-aaaa' } as const;

describe('endpoint', () => {
  it('answers many calls at once, each with its own', async () => {
    for (let i = 0; i < 50; i++) fs.writeFileSync(`${remote}/f${i}`, 'x'.repeat(i));
    const one = endpoint();
    const looks = await Promise.all(Array.from({ length: 300 }, (_, i) => one.look([relPath(`f${i % 60}`)])));
    looks.forEach(([entry], i) => {
      if (i % 60 >= 50) expect(entry).toEqual({ kind: 'absent' });
      else expect(entry).toMatchObject({ kind: 'file', stat: { size: i % 60 } });
    });
    const [listing] = await one.list([{ path: relPath('') }]);
    if (listing?.kind !== 'listing') throw new Error('no listing');
    expect(listing.names).toHaveLength(50);
    expect(await one.list([{ path: relPath(''), known: listing.digest }])).toEqual([{ kind: 'same', path: '' }]);
  });

  it('prepares, checks, hashes, fetches and discards', async () => {
    fs.writeFileSync(`${remote}/f`, 'hello');
    const progress: number[] = [];
    const one = endpoint({ progress: (_slot, bytes) => progress.push(bytes) });
    const ready = await one.prepare(prepared);
    expect(ready).toMatchObject({ kind: 'ready', uuid: prepared.fresh, probe: { readOnly: false } });
    expect(await one.check(prepared.fresh)).toEqual({ kind: 'ok' });
    expect(await one.check('other')).toMatchObject({ kind: 'not-ours' });
    expect(await one.check(prepared.fresh)).toEqual({ kind: 'ok' });
    const fetched = await one.fetch({ path: relPath('f'), slot: 's1', limit: null });
    expect(fetched).toMatchObject({ kind: 'staged', remote: { size: 5 }, staged: { size: 5 } });
    if (fetched.kind !== 'staged') throw new Error('not staged');
    expect(fs.readFileSync(`${local}/.lazysync/stage/s1`, 'utf8')).toBe('hello');
    const hashed = await one.hash(relPath('f'), fetched.remote);
    expect(hashed).toMatchObject({ kind: 'hash', hash: fetched.hash });
    expect(progress).toEqual([5]);
    expect(one.state()).toBe('up');
  });

  it('gives up a process that does not answer, and only then starts another', async () => {
    const states: EndpointState[] = [];
    const one = endpoint({ quietMs: 1_000, heartbeatMs: 300 });
    one.onState((state) => states.push(state));
    await one.look([relPath('f')]);
    await until(() => one.state() === 'up');
    const first = one.pid() as number;
    process.kill(first, 'SIGSTOP');
    const began = performance.now();
    const lost = await Promise.allSettled([
      one.look([relPath('f')]),
      one.list([{ path: relPath('') }]),
      one.check('u'),
    ]);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(performance.now() - began).toBeGreaterThan(800);
    for (const result of lost) {
      expect(result.status).toBe('rejected');
      expect((result as PromiseRejectedResult).reason).toBeInstanceOf(RemoteOffline);
    }
    await until(() => one.state() === 'up');
    expect(states).toEqual(['up', 'stuck', 'gone', 'up']);
    expect(isAlive(first)).toBe(false);
    expect(one.pid()).not.toBe(first);
    expect(await one.look([relPath('f')])).toEqual([{ kind: 'absent' }]);
  });

  it('notices at rest that nothing answers any more', async () => {
    const one = endpoint({ quietMs: 600, heartbeatMs: 200 });
    await until(() => one.state() === 'up');
    process.kill(one.pid() as number, 'SIGSTOP');
    await until(() => one.state() === 'stuck' || one.state() === 'gone', 3_000);
    await until(() => one.state() === 'up');
  });

  it('starts again by itself after an unexpected end', async () => {
    const one = endpoint({ heartbeatMs: 200 });
    await until(() => one.state() === 'up');
    const states: EndpointState[] = [];
    one.onState((state) => states.push(state));
    const lost: string[] = [];
    const watch = one.watch({ onHint: () => undefined, onLost: ({ message }) => lost.push(message) });
    await watch.start();
    process.kill(one.pid() as number, 'SIGSTOP'); // so that the call below is under way when it ends
    const call = one.look([relPath('f')]);
    process.kill(one.pid() as number, 'SIGKILL');
    await expect(call).rejects.toBeInstanceOf(RemoteOffline);
    await until(() => one.state() === 'up');
    expect(states).toEqual(['gone', 'up']);
    expect(lost).toHaveLength(1);
  });

  it('is lost while another folder lies at the root, and comes back', async () => {
    const one = endpoint({ heartbeatMs: 100 });
    await one.prepare(prepared);
    await until(() => one.state() === 'up');
    fs.writeFileSync(`${remote}/f`, 'x');
    fs.renameSync(remote, `${remote}.away`);
    fs.mkdirSync(remote);
    await until(() => one.state() === 'lost');
    expect(one.why()).toMatch(/marker/);
    const [entry] = await one.look([relPath('f')]);
    expect(entry).toEqual({ kind: 'unknown', reason: 'ESTALE' });
    fs.rmdirSync(remote);
    fs.renameSync(`${remote}.away`, remote);
    await until(() => one.state() === 'up');
    expect(await one.look([relPath('f')])).toMatchObject([{ kind: 'file' }]);
  });

  it('closes within its time although the process does not answer', async () => {
    const one = endpoint();
    await until(() => one.state() === 'up');
    const pid = one.pid() as number;
    process.kill(pid, 'SIGSTOP');
    const began = performance.now();
    const call = one.look([relPath('f')]);
    const rejected = expect(call).rejects.toBeInstanceOf(RemoteOffline);
    await one.close();
    await rejected;
    expect(performance.now() - began).toBeLessThan(1_500);
    await until(() => !isAlive(pid));
    await expect(one.look([relPath('f')])).rejects.toBeInstanceOf(RemoteOffline);
  });

  it('waits for the lock of the one before it', async () => {
    const lock = `${base}/lock`;
    const first = endpoint({ lock });
    await until(() => first.state() === 'up');
    process.kill(first.pid() as number, 'SIGSTOP');
    const second = endpoint({ lock });
    const call = second.look([relPath('f')]);
    let answered = false;
    const done = call.then(() => {
      answered = true;
    });
    await until(() => holdsOpen(second.pid() as number, lock));
    expect(answered).toBe(false);
    process.kill(first.pid() as number, 'SIGKILL');
    await done;
  });

  it('tells what the kernel says of the remote', async () => {
    fs.mkdirSync(`${remote}/d`);
    fs.writeFileSync(`${remote}/d/f`, 'x');
    const one = endpoint();
    const opened: RelPath[] = [];
    const hints: Extract<WatchEvent, { kind: 'hint' }>['hint'][] = [];
    const watch = one.watch({
      onHint: (hint) => hints.push(hint),
      onLost: ({ message }) => expect.unreachable(message),
      onOpen: (file) => opened.push(file),
    });
    await watch.start();
    await watch.rewatch([relPath('d')]);
    fs.readFileSync(`${remote}/d/f`);
    fs.writeFileSync(`${remote}/d/g`, 'y');
    await watch.poll();
    expect(opened).toContain('d/f');
    expect(hints.map(({ path: file }) => file)).toContain('d/g');
    await watch.stop();
    const before = hints.length;
    fs.writeFileSync(`${remote}/d/h`, 'y');
    await one.look([relPath('d/h')]);
    expect(hints).toHaveLength(before);
  });

  it('one process serves all pairs of a mount: one that is closed frees its lock, and the others go on', async () => {
    const pool = createEndpointPool({ main: MAIN });
    const anchors = () => [`${local}/.lazysync/remote`];
    const enter = (name: string, lock: string): Endpoint => {
      fs.mkdirSync(`${base}/${name}/.lazysync`, { recursive: true });
      fs.writeFileSync(`${base}/${name}/f`, name);
      const one = pool.open({ localRoot: local, remoteRoot: `${base}/${name}`, anchors, lock: `${base}/${lock}` });
      open.push(one);
      return one;
    };
    const [a, b] = [enter('a', 'lock-a'), enter('b', 'lock-b')];
    const opened: string[] = [];
    const watch = b.watch({ onHint: ({ path: at }) => opened.push(at), onLost: () => undefined });
    await watch.start();
    expect((await a.look([relPath('f')]))[0]).toMatchObject({ kind: 'file', stat: { size: 1 } });
    expect((await b.list([{ path: relPath('') }]))[0]).toMatchObject({ kind: 'listing' });
    const pid = a.pid() as number;
    expect(b.pid()).toBe(pid);
    expect([holdsOpen(pid, `${base}/lock-a`), holdsOpen(pid, `${base}/lock-b`)]).toEqual([true, true]);
    await a.close();
    expect([holdsOpen(pid, `${base}/lock-a`), holdsOpen(pid, `${base}/lock-b`)]).toEqual([false, true]);
    await expect(a.look([relPath('f')])).rejects.toBeInstanceOf(RemoteOffline);
    fs.writeFileSync(`${base}/b/new`, 'x');
    await until(() => opened.includes('new'));
    // The lock may be taken again, by another room of the same process.
    const again = enter('a', 'lock-a');
    expect((await again.look([relPath('f')]))[0]).toMatchObject({ kind: 'file' });
    expect(again.pid()).toBe(pid);
    await Promise.all([again.close(), b.close()]);
    await until(() => !isAlive(pid));
  });
});
