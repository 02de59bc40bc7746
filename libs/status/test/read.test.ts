import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBase } from '@lazysync/base';
import { relPath } from '@lazysync/event-model';
import { flockExclusive } from '@lazysync/ops';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildStatus, type LaneView, openStatus, type StatusPair, sayHalted, takeBackHalted } from '../src/index.ts';

let stateFolder: string;
let pairs: readonly StatusPair[];
beforeEach(() => {
  stateFolder = mkdtempSync(join(tmpdir(), 'lazysync-status-'));
  pairs = [{ id: 'p', local: '/l', remote: '/r', state: join(stateFolder, 'p') }];
});
afterEach(() => rmSync(stateFolder, { recursive: true, force: true }));

const counts = { waiting: 0, active: 0, failed: 0, delayed: 0 };
const present = [{ pid: 7, host: 'h', since: 0 }];
const working: LaneView = { counts: async () => counts, presence: async () => present };
const folder = (): string => {
  mkdirSync(join(stateFolder, 'p'), { recursive: true });
  return join(stateFolder, 'p', 'base.db');
};

test('with nothing there every field is there', async () => {
  expect(await buildStatus({ pairs, lanes: null, deadlineMs: 100 })).toEqual({
    version: 1,
    pairs: [
      {
        id: 'p',
        local: '/l',
        remote: '/r',
        state: 'stopped',
        queued: 0,
        transfers: 0,
        entries: 0,
        directories: 0,
        stubs: 0,
        copies: 0,
        cachedBytes: 0,
        remoteBytes: 0,
        conflicts: 0,
        problems: 0,
        held: 0,
        openReplaces: 0,
        lastChange: null,
        redis: 'down',
        watchers: [],
        serverWatchers: [],
        remoteScan: null,
        warnings: [],
        worker: [],
        transferList: [],
      },
    ],
  });
});

test('a Redis that hangs is down, and the answer comes in time', async () => {
  const hanging: LaneView = { counts: () => new Promise(() => undefined), presence: async () => present };
  const begun = performance.now();
  const { pairs: seen } = await buildStatus({ pairs, lanes: hanging, deadlineMs: 100 });
  expect(performance.now() - begun).toBeLessThan(1000);
  expect(seen[0]).toMatchObject({ redis: 'down', state: 'stopped' });
  const refusing: LaneView = {
    counts: () => Promise.reject(new Error('MISCONF Errors writing to the AOF file: No space left on device')),
    presence: async () => present,
  };
  const status = openStatus({ pairs, lanes: refusing, deadlineMs: 100 });
  expect((await status.read())[0]).toMatchObject({
    status: { redis: 'down' },
    why: 'Redis refuses to work: MISCONF Errors writing to the AOF file: No space left on device.',
  });
  status.close();
  // The worker's lock is held: it runs, whatever Redis does.
  folder();
  const lock = openSync(join(stateFolder, 'p', 'lock'), 'w');
  try {
    expect(flockExclusive(lock)).toBe(true);
    const { pairs: again } = await buildStatus({ pairs, lanes: hanging, deadlineMs: 100 });
    expect(again[0]?.redis).toBe('down');
    expect(again[0]?.state).not.toBe('stopped');
  } finally {
    closeSync(lock);
  }
});

test('a Redis that refuses is down', async () => {
  const refusing: LaneView = { counts: () => Promise.reject(new Error('no')), presence: async () => present };
  expect((await buildStatus({ pairs, lanes: refusing, deadlineMs: 100 })).pairs[0]?.redis).toBe('down');
});

test('the state is what the worker wrote last, as long as one works', async () => {
  const base = openBase(folder());
  const read = async (lanes: LaneView): Promise<string | undefined> =>
    (await buildStatus({ pairs, lanes, deadlineMs: 100 })).pairs[0]?.state;
  const nobody: LaneView = { ...working, presence: async () => [] };
  const queued: LaneView = { ...working, counts: async () => ({ ...counts, waiting: 2, active: 1 }) };
  expect(await read(working)).toBe('starting');
  base.setMeta('state', 'idle');
  expect(await read(working)).toBe('idle');
  expect(await read(queued)).toBe('syncing');
  expect(await read(nobody)).toBe('stopped');
  base.setMeta('state', 'remote-offline');
  expect(await read(queued)).toBe('remote-offline');
  base.setMeta('state', 'a word of another version');
  expect(await read(working)).toBe('starting');
  base.close();
});

test('what is held is counted apart from problems; progress and reasons are told', async () => {
  const base = openBase(folder());
  base.putProblem({ code: 'no-space', path: relPath('a'), side: 'local', message: 'full' }, 1);
  base.putProblem({ code: 'held', path: relPath('b'), side: 'local', message: '120 deletes' }, 2);
  base.setMeta('state', 'starting');
  base.setMeta('state-why', 'mirroring');
  base.setMeta('progress', '{"done":3,"total":9}');
  const status = openStatus({ pairs, lanes: working, deadlineMs: 100 });
  const [report] = await status.read();
  expect(report).toMatchObject({ why: 'mirroring', progress: { done: 3, total: 9 }, status: { problems: 1, held: 1 } });
  base.setMeta('progress', 'nonsense');
  expect((await status.read())[0]?.progress).toBeNull();
  status.close();
  base.close();
});

test('a base that was removed and made anew is read anew, a damaged one is told of', async () => {
  const file = folder();
  const status = openStatus({ pairs, lanes: working, deadlineMs: 100 });
  const first = openBase(file);
  first.putProblem({ code: 'failed', path: relPath('a'), side: null, message: 'x' }, 1);
  expect((await status.read())[0]?.status.problems).toBe(1);
  first.close();
  rmSync(stateFolder, { recursive: true });
  expect((await status.read())[0]?.status.problems).toBe(0);
  const second = openBase(folder());
  expect((await status.read())[0]?.status.problems).toBe(0);
  second.close();
  rmSync(stateFolder, { recursive: true });
  writeFileSync(folder(), 'this is no database, but long enough to be looked at as if it were one'.repeat(20));
  expect((await status.read())[0]).toMatchObject({
    why: expect.stringContaining('can not be read'),
    status: { stubs: 0 },
  });
  status.close();
});

test('transfers are listed, what runs first, and not all of very many', async () => {
  const base = openBase(folder());
  const remote = { size: 100, mtimeNs: 1n, mode: 0o644 };
  const put = (id: string, state: 'queued' | 'running' | 'staged', bytes: number): void =>
    base.putTransfer({ id, path: relPath(id), state, remote, bytes, staged: null });
  for (let n = 0; n < 150; n++) put(`q${n}`, 'queued', 0);
  put('s', 'staged', 100);
  put('r', 'running', 40);
  const stat = { size: 7, mtimeNs: 1n, ctimeNs: 1n, mode: 0o644, dev: 1n, ino: 2n, birthNs: 0n };
  base.putTransfer({
    id: 'u',
    path: relPath('u'),
    state: 'running',
    remote: { ...remote, size: 7 },
    bytes: 1,
    staged: null,
    up: { source: stat, staged: null },
  });
  const [pair] = (await buildStatus({ pairs, lanes: working, deadlineMs: 100 })).pairs;
  expect(pair?.transfers).toBe(153);
  expect(pair?.transferList).toHaveLength(100);
  expect(pair?.transferList.slice(0, 4)).toEqual([
    { path: 'r', direction: 'down', state: 'running', bytes: 40, size: 100 },
    { path: 'u', direction: 'up', state: 'running', bytes: 1, size: 7 },
    { path: 's', direction: 'down', state: 'staged', bytes: 100, size: 100 },
    { path: 'q0', direction: 'down', state: 'queued', bytes: 0, size: 100 },
  ]);
  base.close();
});

test('who watches beside the disk, how the remote is scanned, and what the watcher lacks', async () => {
  const scan = { folders: 3, hot: 1, oldestMs: 900, duty: 0.01, everyMs: 2_000, pushed: true };
  const warnings = [{ message: 'too few watches', mend: 'sudo sysctl …' }];
  const lanes: LaneView = {
    ...working,
    presence: async (_pair, role) => (role === 'server-watcher' ? [{ pid: 7, host: 'server', since: 1 }] : []),
    watch: async () => ({ scan, warnings }),
  };
  const [pair] = (await buildStatus({ pairs, lanes, deadlineMs: 100 })).pairs;
  expect(pair).toMatchObject({
    serverWatchers: [{ pid: 7, host: 'server' }],
    remoteScan: scan,
    warnings,
    watchers: [],
  });
});

test('given up by an `up` that lives: halted, and why; by one that is dead: stopped', async () => {
  folder();
  const state = join(stateFolder, 'p');
  const lock = openSync(join(state, 'up.lock'), 'w');
  try {
    expect(flockExclusive(lock)).toBe(true);
    sayHalted(state, 'The worker failed: mend it.');
    const status = openStatus({ pairs, lanes: working, deadlineMs: 100 });
    expect((await status.read())[0]).toMatchObject({ status: { state: 'halted' }, why: 'The worker failed: mend it.' });
    takeBackHalted(state);
    expect((await status.read())[0]?.status.state).toBe('starting');
    sayHalted(state, 'The worker failed: mend it.');
    closeSync(lock);
    expect((await status.read())[0]?.status.state).toBe('starting');
    status.close();
  } finally {
    takeBackHalted(state);
  }
});
