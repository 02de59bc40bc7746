import type { BaseRecord, ChangeEvent, Entry, FileStat, RelPath } from '@lazysync/event-model';
import { parentOf } from '@lazysync/event-model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRemoteScan, type RemoteScanPorts, type ScanListing } from '../src/remote-scan.ts';
import type { Scanner } from '../src/scan.ts';
import { FakeTimers, p, until } from './testing-tools.ts';

/** A remote and a base as plain values. */
const identity = { dev: 1n, ino: 1n, birthNs: 0n };
const file = (size: number): Entry => {
  const stat: FileStat = { ...identity, size, mtimeNs: 1n, ctimeNs: 1n, mode: 0o644 };
  return { kind: 'file', stat };
};
const directory: Entry = { kind: 'directory', mode: 0o755, identity };
const row = (path: string, size: number): BaseRecord => ({
  kind: 'file',
  form: 'stub',
  path: p(path),
  remote: { size, mtimeNs: 1n, mode: 0o644 },
  link: identity,
});
const folderRow = (path: string): BaseRecord => ({
  kind: 'directory',
  path: p(path),
  local: identity,
  localMode: 0o755,
  remoteMode: 0o755,
});

let remote: Map<RelPath, Entry>;
let base: Map<RelPath, BaseRecord>;
let version = 0;
let published: ChangeEvent[];
let log: string[];
let asked: { path: string; known: string | undefined }[];
let trouble: { check: string | null; list: Map<string, ScanListing>; offline: boolean };
let fresh: RelPath[];
let dead: RelPath[];
let quiet: boolean;
let sealed: Map<string, string>;
let timers: FakeTimers;
let scanner: Scanner;
let scans: number;
const CACHE_MS = 1_000;

const set = (path: string, entry: Entry | null): void => {
  if (entry === null) remote.delete(p(path));
  else remote.set(p(path), entry);
};
const know = (record: BaseRecord): void => {
  version++;
  base.set(record.path, record);
};
const digestOf = (entries: readonly (readonly [string, Entry])[]): string =>
  JSON.stringify(entries, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));

function listing(path: RelPath, known: string | undefined): ScanListing {
  const strange = trouble.list.get(path);
  if (strange !== undefined) return strange;
  if (path !== '' && remote.get(path)?.kind !== 'directory') return { kind: 'gone', path };
  const inside = [...remote].filter(([at]) => at !== '' && parentOf(at) === path);
  const names = inside.map(([at, entry]) => ({ name: at.slice(path === '' ? 0 : path.length + 1), entry }));
  const digest = digestOf(names.map(({ name, entry }) => [name, entry]));
  return digest === known ? { kind: 'same', path } : { kind: 'listing', path, names, digest, partial: false };
}

const ports: RemoteScanPorts = {
  check: async () => trouble.check,
  list: async (queries) => {
    if (trouble.offline) throw new Error('the remote does not answer');
    asked.push(...queries.map(({ path, known }) => ({ path, known })));
    log.push(`list ${queries.map(({ path }) => path || '.').join(' ')}`);
    return queries.map(({ path, known }) => listing(path, known));
  },
  children: (at) => [...base.values()].filter((record) => record.path !== '' && parentOf(record.path) === at),
  sealed: (at) => sealed.get(at) ?? null,
  baseVersion: () => version,
  directories: () => [...base.values()].filter((record) => record.kind === 'directory').map((record) => record.path),
  rewatch: async (paths) => {
    log.push(`watch ${paths.map((path) => path || '.').join(' ')}`);
    return { fresh: paths.filter((path) => dead.includes(path)), unwatched: [] };
  },
  unwatchedUntilNow: (paths) => void fresh.push(...paths),
  publish: (events) => {
    log.push(`publish ${events.map((event) => `${event.kind} ${event.path}`).join(', ')}`);
    published.push(...events);
  },
  ignored: (path) => path === 'ignored' || path.startsWith('ignored/'),
  quiet: () => quiet,
};

const shown = (): string[] => published.map((event) => `${event.kind} ${event.path}`);

beforeEach(() => {
  remote = new Map();
  base = new Map();
  published = [];
  log = [];
  asked = [];
  fresh = [];
  dead = [];
  quiet = false;
  sealed = new Map();
  trouble = { check: null, list: new Map(), offline: false };
  timers = new FakeTimers();
  scans = 0;
  scanner = createRemoteScan({ ports, timers, cacheMs: CACHE_MS, intervalMs: () => 2_000, done: () => scans++ });
});
afterEach(async () => {
  await scanner.stop();
});

test('what is as the base says gives nothing', async () => {
  set('d', directory);
  set('d/f', file(1));
  know(folderRow('d'));
  know(row('d/f', 1));
  expect(await scanner.scanNow()).toMatchObject({ published: 0, problem: null });
  expect(published).toEqual([]);
});

test('a folder is asked for by the digest that it was sealed with, until its listing shows another one', async () => {
  set('d', directory);
  set('d/f', file(1));
  know(folderRow('d'));
  know(row('d/f', 1));
  sealed.set('d', digestOf([['f', file(1)]]));
  expect(await scanner.scanNow()).toMatchObject({ published: 0, problem: null });
  expect(asked).toContainEqual({ path: 'd', known: digestOf([['f', file(1)]]) });
  set('d/f', file(2));
  expect(await scanner.scanNow()).toMatchObject({ published: 1, problem: null });
  expect(shown()).toEqual(['modify d/f']);
});

test('new, changed and vanished things become events, none of them seen happening', async () => {
  set('new', file(1));
  set('changed', file(2));
  know(row('changed', 1));
  know(row('gone', 1));
  expect(await scanner.scanNow()).toMatchObject({ published: 3, problem: null });
  expect(shown()).toEqual(['create new', 'modify changed', 'delete gone']);
  expect(published.every((event) => event.seen === false && event.side === 'remote')).toBe(true);
});

test('a vanished folder is one event', async () => {
  for (const path of ['d', 'd/e']) know(folderRow(path));
  know(row('d/e/f', 1));
  await scanner.scanNow();
  expect(shown()).toEqual(['delete d']);
});

test('a folder that was not known is watched before it is listed, and all in it is new', async () => {
  set('d', directory);
  set('d/e', directory);
  set('d/e/f', file(1));
  await scanner.scanNow();
  expect(shown()).toEqual(['create d', 'create d/e', 'create d/e/f']);
  expect(log.indexOf('watch d')).toBeLessThan(log.indexOf('list d'));
  expect(log.indexOf('watch d/e')).toBeLessThan(log.indexOf('list d/e'));
  expect(log.at(-1)).toBe('watch . d d/e');
});

test('deletions leave last, after the marker was looked at again', async () => {
  know(row('a-gone', 1));
  for (let i = 0; i < 40; i++) {
    set(`d${i}`, directory);
    set(`d${i}/new`, file(1));
    know(folderRow(`d${i}`));
  }
  await scanner.scanNow();
  expect(shown().at(-1)).toBe('delete a-gone');
  expect(published).toHaveLength(41);
});

test('a root that stopped being ours in the middle of it deletes nothing', async () => {
  set('new', file(1));
  know(row('gone', 1));
  const check = ports.check;
  let calls = 0;
  const watched = createRemoteScan({
    cacheMs: CACHE_MS,
    ports: { ...ports, check: async () => (++calls === 2 ? 'another folder' : await check()) },
    timers,
    intervalMs: () => 2_000,
  });
  expect(await watched.scanNow()).toMatchObject({ problem: 'another folder' });
  expect(shown()).toEqual(['create new']);
  // Nothing of it is taken for told: ours again, it is.
  await watched.scanNow();
  expect(shown().at(-1)).toBe('delete gone');
  await watched.stop();
});

test.each<[string, () => void]>([
  ['not ours', () => (trouble.check = 'another pair lies there')],
  ['gone', () => trouble.list.set('', { kind: 'gone', path: p('') })],
  ['unreadable', () => trouble.list.set('', { kind: 'unreadable', path: p(''), reason: 'EIO' })],
  ['offline', () => (trouble.offline = true)],
])('a root that is %s gives nothing at all, and a problem', async (_, break_) => {
  know(folderRow('d'));
  know(row('d/f', 1));
  break_();
  const result = await scanner.scanNow();
  expect(result.problem).toBeTypeOf('string');
  expect(published).toEqual([]);
});

test('a partial or unreadable folder deletes nothing below it', async () => {
  for (const path of ['half', 'dark']) {
    set(path, directory);
    know(folderRow(path));
    know(row(`${path}/f`, 1));
  }
  trouble.list.set('half', { kind: 'listing', path: p('half'), names: [], digest: 'x', partial: true });
  trouble.list.set('dark', { kind: 'unreadable', path: p('dark'), reason: 'EACCES' });
  expect((await scanner.scanNow()).problem).toBeNull();
  expect(published).toEqual([]);
  trouble.list.clear();
  await scanner.scanNow();
  expect(shown().sort()).toEqual(['delete dark/f', 'delete half/f']);
});

test('the own folder, stage names and ignored things are left out', async () => {
  for (const path of ['.lazysync', 'ignored']) set(path, directory);
  for (const path of ['.lazysync/root.json', 'ignored/x', '.nfs01', '.lazysync-c-1.part']) set(path, file(1));
  await scanner.scanNow();
  expect(published).toEqual([]);
  expect(asked.map(({ path }) => path)).toEqual(['']);
});

/** A scan at its interval, that nobody waits for: how many events it published. */
async function scanByItself(): Promise<number> {
  const before = published.length;
  const since = scans;
  scanner.nudge();
  await until(() => scans > since, 'a scan');
  return published.length - before;
}

test('a difference is told once until it looks different, then again', async () => {
  set('f', file(2));
  know(row('f', 1));
  expect(await scanByItself()).toBe(1);
  expect(await scanByItself()).toBe(0);
  set('f', file(3));
  expect(await scanByItself()).toBe(1);
  know(row('f', 3));
  expect(await scanByItself()).toBe(0);
  know(row('f', 1));
  expect(await scanByItself()).toBe(1);
});

test('a difference that stays is told again once the mount shows what is, after a minute, then more and more rarely', async () => {
  set('f', file(2));
  const told: number[] = [];
  for (let second = 0; second < 500; second += 5) {
    if ((await scanByItself()) > 0) told.push(second);
    timers.advance(5_000);
  }
  expect(told).toEqual([0, 5, 65, 185, 425]);
});

test('who waits for rest is told of a difference twice, as the first look at it may have been out of date', async () => {
  set('f', file(2));
  expect((await scanner.scanNow()).published).toBe(1);
  expect((await scanner.scanNow()).published).toBe(0);
  timers.advance(CACHE_MS);
  expect((await scanner.scanNow()).published).toBe(1);
  timers.advance(CACHE_MS);
  expect((await scanner.scanNow()).published).toBe(0);
});

test('a base that changed under an unchanged listing is compared with it again', async () => {
  set('f', file(1));
  know(row('f', 1));
  expect(await scanByItself()).toBe(0);
  // The worker looked at what the mount still showed.
  know(row('gone', 1));
  expect(await scanByItself()).toBe(1);
  expect(shown()).toEqual(['delete gone']);
});

test('a listing that was equal is asked for by its digest', async () => {
  set('d', directory);
  set('d/f', file(1));
  know(folderRow('d'));
  know(row('d/f', 1));
  scanner.start();
  await until(() => asked.length === 2, 'the first scan');
  asked.length = 0;
  await until(() => timers.pending > 0, 'the pause');
  timers.advance(2_000);
  await until(() => asked.length === 2, 'the second scan');
  expect(asked.every(({ known }) => known !== undefined)).toBe(true);
  // Somebody who waits gets a whole comparison.
  asked.length = 0;
  base.delete(p('d/f'));
  expect((await scanner.scanNow()).published).toBe(1);
  expect(asked.every(({ known }) => known === undefined)).toBe(true);
});

test('a round that took long is followed by a long rest: a busy mount is not kept busy by it', async () => {
  set('d', directory);
  know(folderRow('d'));
  let took = 1_000;
  const slow = createRemoteScan({
    cacheMs: CACHE_MS,
    ports: {
      ...ports,
      list: async (queries) => {
        timers.advance(took);
        return await ports.list(queries);
      },
    },
    timers,
    intervalMs: () => 2_000,
    inRounds: () => true,
    done: () => scans++,
  });
  slow.start();
  await until(() => timers.pending > 0, 'the pause');
  // Of everything: it puts nothing off.
  expect([timers.now(), scans]).toEqual([2_000, 1]);
  took = 500;
  timers.advance(2_000);
  await until(() => scans === 2 && timers.pending > 0, 'a round');
  const roundTook = timers.now() - 4_000;
  expect(roundTook).toBeGreaterThanOrEqual(500);
  timers.advance(9 * roundTook - 1);
  expect(scans).toBe(2);
  timers.advance(1);
  await until(() => scans === 3, 'the next round');
  await slow.stop();
});

test('while somebody else looks at everything it only puts up watches', async () => {
  quiet = true;
  set('d', directory);
  set('d/f', file(1));
  expect((await scanner.scanNow()).published).toBe(0);
  expect(log).toContain('watch d');
  quiet = false;
  expect((await scanner.scanNow()).published).toBe(2);
});

test('where a watch had died opens may have been missed, and it is scanned once more at once', async () => {
  set('d', directory);
  know(folderRow('d'));
  scanner.start();
  await until(() => timers.pending > 0, 'the pause');
  log.length = 0;
  dead = [p('d')];
  timers.advance(2_000);
  await until(() => log.length >= 3 && timers.pending > 0, 'the scan');
  expect(fresh).toEqual(['d']);
  log.length = 0;
  timers.advance(1);
  await until(() => log.length >= 3 && timers.pending > 0, 'the extra scan');
  log.length = 0;
  timers.advance(1_000);
  expect(log).toEqual([]);
});

test('a scan that somebody asks for while one runs starts after they asked', async () => {
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const slow = createRemoteScan({
    cacheMs: CACHE_MS,
    ports: {
      ...ports,
      list: async (queries) => {
        const seen = await ports.list(queries);
        if (asked.length === 1) await gate;
        return seen;
      },
    },
    timers,
    intervalMs: () => 2_000,
  });
  const first = slow.scanNow();
  await until(() => asked.length === 1, 'the listing');
  set('late', file(1));
  const second = slow.scanNow();
  release();
  expect((await first).published).toBe(0);
  expect((await second).published).toBe(1);
  await slow.stop();
});

test('after failures it tries less and less often, up to every 30 s', async () => {
  trouble.offline = true;
  scanner.start();
  const pauses: number[] = [];
  for (let i = 0; i < 7; i++) {
    await until(() => timers.pending > 0, 'the pause');
    let ms = 0;
    while (timers.pending > 0) {
      timers.advance(500);
      ms += 500;
    }
    pauses.push(ms);
  }
  expect(pauses).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test('stopping answers those who wait', async () => {
  await scanner.stop();
  expect((await scanner.scanNow()).problem).toBe('the watcher is stopping');
});

/** Many folders with a file each, all as the base says. */
function many(count: number): void {
  for (let at = 0; at < count; at++) {
    set(`d${at}`, directory);
    set(`d${at}/f`, file(1));
    know(folderRow(`d${at}`));
    know(row(`d${at}/f`, 1));
  }
}

test('in rounds: everything first, then some folders at a time, and everything when somebody asks', async () => {
  many(200);
  let scans = 0;
  scanner = createRemoteScan({
    ports,
    timers,
    cacheMs: CACHE_MS,
    // As long as time is moved on, so that no time goes by during a round.
    intervalMs: () => 20_000,
    inRounds: () => true,
    done: () => scans++,
  });
  scanner.start();
  await until(() => scans === 1, 'the first scan');
  expect(asked).toHaveLength(201);
  asked.length = 0;
  for (let round = 2; round < 5; round++) {
    timers.advance(20_000);
    await until(() => scans === round, 'a round');
  }
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.length).toBeLessThan(201);
  asked.length = 0;
  await scanner.scanNow();
  expect(asked).toHaveLength(201);
  asked.length = 0;
  const before = scans;
  scanner.nudge();
  await until(() => scans > before, 'the scan');
  expect(asked).toHaveLength(201);
});

test('in rounds: a folder that was touched is looked at next; what is gone there is told after the marker was looked at', async () => {
  many(200);
  let scans = 0;
  const touched = createRemoteScan({
    cacheMs: CACHE_MS,
    ports,
    timers,
    intervalMs: () => 2_000,
    inRounds: () => true,
    done: () => scans++,
  });
  scanner = touched;
  scanner.start();
  await until(() => scans === 1, 'the first scan');
  set('d7/f', null);
  set('d8/new', file(1));
  touched.touch(p('d7'));
  touched.touch(p('d8'));
  trouble.check = 'another folder';
  timers.advance(2_000);
  await until(() => scans === 2, 'a round that may conclude nothing');
  expect(shown()).toEqual([]);
  trouble.check = null;
  timers.advance(60_000);
  await until(() => scans === 3, 'everything, after the trouble');
  expect(shown().sort()).toEqual(['create d8/new', 'delete d7/f']);
});

test('in rounds: a new folder is entered at once and known from then on; a folder that is gone is told by the one above', async () => {
  many(100);
  let scans = 0;
  const rounds = createRemoteScan({
    cacheMs: CACHE_MS,
    ports,
    timers,
    intervalMs: () => 2_000,
    inRounds: () => true,
    done: () => scans++,
  });
  scanner = rounds;
  scanner.start();
  await until(() => scans === 1, 'the first scan');
  set('d1/in', directory);
  set('d1/in/f', file(1));
  rounds.touch(p('d1'));
  timers.advance(2_000);
  await until(() => scans === 2, 'a round');
  expect(shown()).toEqual(['create d1/in', 'create d1/in/f']);
  expect(rounds.facts().folders).toBe(102);
  published.length = 0;
  set('d2', null);
  set('d2/f', null);
  rounds.touch(p('d2'));
  for (let round = 3; round < 6 && published.length === 0; round++) {
    timers.advance(2_000);
    await until(() => scans === round, 'a round');
  }
  expect(shown()).toEqual(['delete d2']);
});
