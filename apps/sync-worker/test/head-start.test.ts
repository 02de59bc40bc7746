import { EventEmitter } from 'node:events';
import { type RelPath, ROOT, relPath } from '@lazysync/event-model';
import type { DirectoryQuery, Listing } from '@lazysync/replica';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFrameReader, createHeadStart, frameOf, type HeadStart } from '../src/head-start.ts';

const tree = { remoteRoot: '/remote', anchors: ['/local/.lazysync/remote'] };
const birth = { dev: 1n, ino: 2n ** 60n, birthNs: 3n };

function listing(path: string, ...names: string[]): Listing {
  const entries = names.map((name) => ({ name, entry: { kind: 'directory', mode: 0o755, identity: birth } as const }));
  return { kind: 'listing', path: path as RelPath, names: entries, unsyncable: [], digest: 'd', partial: false };
}

class Source extends EventEmitter {
  paused = false;
  destroyed = false;
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  destroy(): void {
    this.destroyed = true;
  }
  brings(...listings: Listing[]): void {
    for (const one of listings) this.emit('data', frameOf(one));
  }
}

let source: Source;
let asked: RelPath[];
let head: HeadStart;

function begin(more: { most?: number; walked?: typeof tree } = {}): void {
  source = new Source();
  asked = [];
  const replica = {
    list: async (queries: readonly DirectoryQuery[]) => {
      asked.push(...queries.map(({ path }) => path));
      return queries.map(({ path }) => listing(path, 'of the worker'));
    },
  };
  head = createHeadStart({ source, expected: tree, replica, silentMs: 1_000, most: more.most ?? 100 });
  source.emit('data', frameOf(more.walked ?? tree));
}

const list = (...paths: string[]): Promise<readonly Listing[]> =>
  head.list(paths.map((path) => ({ path: path as RelPath })));

beforeEach(() => {
  vi.useFakeTimers();
  begin();
});

afterEach(() => {
  head.stop();
  vi.useRealTimers();
});

test('what was sent comes out whole, however it is cut', () => {
  const sent = [tree, listing('a', 'b', 'c'), listing('', ...Array.from({ length: 500 }, (_one, n) => `name ${n}`))];
  const all = Buffer.concat(sent.map(frameOf));
  for (const size of [1, 3, 7, 4096, all.length]) {
    const got: unknown[] = [];
    const read = createFrameReader((value) => got.push(value));
    for (let at = 0; at < all.length; at += size) read(all.subarray(at, at + size));
    expect(got).toEqual(sent);
  }
});

test('what has come is taken, what is on its way is waited for, and nobody else is asked', async () => {
  source.brings(listing('', 'a', 'b'));
  expect(await list('')).toEqual([listing('', 'a', 'b')]);
  const later = list('a', 'b');
  source.brings(listing('b'));
  source.brings(listing('a', 'c'));
  expect(await later).toEqual([listing('a', 'c'), listing('b')]);
  expect(asked).toEqual([]);
});

test('what does not come is listed by the worker: at its end', async () => {
  const later = list('', 'a');
  source.brings(listing('', 'a'));
  source.emit('close');
  expect(await later).toEqual([listing('', 'a'), listing('a', 'of the worker')]);
  expect(await list('b')).toEqual([listing('b', 'of the worker')]);
  expect(asked).toEqual(['a', 'b']);
});

test('what came before its end counts', async () => {
  source.brings(listing('', 'a'));
  source.emit('close');
  expect(await list('')).toEqual([listing('', 'a')]);
});

test('when nothing comes for too long', async () => {
  const later = list('');
  await vi.advanceTimersByTimeAsync(900);
  source.brings(listing('a'));
  await vi.advanceTimersByTimeAsync(900);
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(await later).toEqual([listing('', 'of the worker')]);
  expect(source.destroyed).toBe(true);
  // Nobody waits: nobody is given up.
  begin();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(source.destroyed).toBe(false);
});

test('when it has broken off with an error', async () => {
  const later = list('');
  source.emit('error', new Error('reset'));
  expect(await later).toEqual([listing('', 'of the worker')]);
});

test.each([
  { ...tree, remoteRoot: '/another' },
  { ...tree, anchors: ['/moved/.lazysync/remote'] },
])('another tree than ours is of no use', async (walked) => {
  begin({ walked });
  source.brings(listing(''));
  expect(await list('')).toEqual([listing('', 'of the worker')]);
});

test('what nobody asks for is not read without an end', async () => {
  begin({ most: 3 });
  source.brings(listing('', 'a', 'b'));
  expect(source.paused).toBe(false);
  source.brings(listing('a', 'c', 'd'));
  expect(source.paused).toBe(true);
  const later = list('b');
  expect(source.paused).toBe(false);
  source.brings(listing('b'));
  expect(await later).toEqual([listing('b')]);
  expect([await list(ROOT), await list(relPath('a'))]).toEqual([[listing('', 'a', 'b')], [listing('a', 'c', 'd')]]);
});
