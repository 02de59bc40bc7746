/** The watcher beside the remote's disk, as a process, with a real Redis and this test at the end of a pair's lane. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChangeEvent, SyncEvent } from '@lazysync/event-model';
import { programFile } from '@lazysync/programs';
import {
  createLaneWorker,
  type EmbeddedRedis,
  type LaneWorker,
  listPresence,
  openRedis,
  type RedisLink,
  registerAtRemote,
  startEmbeddedRedis,
} from '@lazysync/queue';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from './support/watched-world.ts';

const MAIN = programFile('server-watcher');
const UUID = '0b3a4f8e-1111-4222-8333-444455556666';

let top: string;
let redis: EmbeddedRedis;
let link: RedisLink;
let lane: LaneWorker;
let child: ChildProcess;
let said = '';
const events: SyncEvent[] = [];
const jobs: string[] = [];

const at = (...parts: string[]): string => join(top, 'disk', ...parts);
const isChange = (event: SyncEvent): event is ChangeEvent => ['create', 'modify', 'delete'].includes(event.kind);
const changes = (): ChangeEvent[] => events.filter(isChange);
const told = (path: string): ChangeEvent | undefined => changes().findLast((event) => event.path === path);

beforeEach(async () => {
  events.length = 0;
  jobs.length = 0;
  said = '';
  top = realpathSync(mkdtempSync(join(tmpdir(), 'lazysync-server-')));
  mkdirSync(at('.lazysync/stage'), { recursive: true });
  mkdirSync(at('old/deep'), { recursive: true });
  writeFileSync(at('old/deep/f'), 'x');
  writeFileSync(at('.lazysync/root.json'), JSON.stringify({ v: 1, uuid: UUID, pair: 'p', madeAt: '' }));
  const started = await startEmbeddedRedis({ dir: join(top, 'redis'), log: () => undefined });
  if (started.kind === 'failed') throw new Error(started.message);
  redis = started.redis;
  link = openRedis(redis.address);
  lane = createLaneWorker({
    pair: 'p',
    redis: link,
    handlers: {
      handle: async (changeset, { id }) => {
        events.push(...changeset.events);
        jobs.push(id);
        return { kind: 'done', outcomes: [] };
      },
      refused: (reason) => {
        throw new Error(reason);
      },
      error: () => undefined,
    },
  });
  const { address } = redis;
  child = spawn(process.execPath, [MAIN, '--root', at(), '--remote-id', UUID, '--log-level', 'debug'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, REDIS_URL: address.kind === 'socket' ? address.path : address.url },
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
});

async function ended(): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const exit = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  child.kill('SIGTERM');
  return await exit;
}

afterEach(async () => {
  await ended();
  await lane.close(500);
  await link.close();
  await redis.stop();
  rmSync(top, { recursive: true, force: true });
});

const present = async (): Promise<number> => (await listPresence(link, 'p', 'server-watcher')).length;

async function untilPresent(count: number): Promise<void> {
  for (const end = Date.now() + 60_000; (await present()) !== count; ) {
    if (Date.now() > end) throw new Error(`not ${count} present\n${said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('what changes on the disk goes into the lane of each pair that has it, with what it shows', async () => {
  const registered = registerAtRemote(link, UUID, 'p');
  try {
    await untilPresent(1);
    writeFileSync(at('new'), 'four');
    await until(() => told('new'), `the file\n${said}`);
    expect(told('new')).toMatchObject({ side: 'remote', seen: true, pushed: { kind: 'file', size: 4 } });
    expect(jobs[0]).toMatch(/^server-watcher-/);
    mkdirSync(at('made/in/one'), { recursive: true });
    writeFileSync(at('made/in/one/go'), 'x');
    await until(() => told('made/in/one/go'), 'a file in new folders');
    expect(told('made/in')).toMatchObject({ kind: 'create', pushed: { kind: 'directory' } });
    renameSync(at('old'), at('moved'));
    await until(() => told('old') !== undefined && told('moved/deep/f') !== undefined, 'the rename');
    expect(told('old')).toMatchObject({ kind: 'delete', pushed: { kind: 'absent' } });
    rmSync(at('new'));
    await until(() => told('new')?.kind === 'delete', 'the delete');
  } finally {
    await registered.close();
  }
});

test('what clients stage is not told of; a file that is put in its place is', async () => {
  const registered = registerAtRemote(link, UUID, 'p');
  try {
    await untilPresent(1);
    writeFileSync(at('.lazysync/stage/slot'), 'x');
    writeFileSync(at('old/.lazysync-c-1.part'), 'x');
    renameSync(at('.lazysync/stage/slot'), at('old/up'));
    await until(() => told('old/up'), `the file\n${said}`);
    expect(changes().every(({ path }) => path === 'old/up')).toBe(true);
  } finally {
    await registered.close();
  }
});

test('nobody relies on it while the folder is another one, and it takes leave at its end', {
  timeout: 180_000,
}, async () => {
  const registered = registerAtRemote(link, UUID, 'p');
  try {
    await untilPresent(1);
    renameSync(at('.lazysync/root.json'), at('.lazysync/elsewhere'));
    await untilPresent(0);
    renameSync(at('.lazysync/elsewhere'), at('.lazysync/root.json'));
    await untilPresent(1);
    expect(await ended()).toBe(0);
    expect(await present()).toBe(0);
  } finally {
    await registered.close();
  }
});

test('a pair whose client has gone is told no more', async () => {
  const registered = registerAtRemote(link, UUID, 'p');
  await untilPresent(1);
  await registered.close();
  await untilPresent(0);
  await until(() => said.includes('this pair is told no more'), `word of it\n${said}`);
});
