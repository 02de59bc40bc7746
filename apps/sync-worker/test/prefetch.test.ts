/** Several files of a folder are opened in a row: the others are fetched ahead, within bounds, and after what is opened. */
import fs from 'node:fs';
import path from 'node:path';
import { type RelPath, relPath } from '@lazysync/event-model';
import { afterEach, expect, test } from 'vitest';
import { createHydration } from '../src/hydration.ts';
import { createPrefetch } from '../src/prefetch.ts';
import { createTransferQueue } from '../src/transfer-queue.ts';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

let pair: TwoFolders | null = null;
afterEach(async () => {
  await pair?.close();
  pair = null;
});

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `photos/${name}`);

async function folder(prefetch?: { readonly files: number; readonly size: number }): Promise<TwoFolders> {
  pair = await twoFolders(prefetch === undefined ? {} : { prefetch: { perHour: Infinity, ...prefetch } });
  for (const name of [...NAMES, 'photos/deep/x', 'other/y']) {
    fs.mkdirSync(path.dirname(path.join(pair.remote, name)), { recursive: true });
    fs.writeFileSync(path.join(pair.remote, name), name.repeat(10));
  }
  await pair.rescan();
  return pair;
}

function copies({ tree }: TwoFolders): string[] {
  return Object.entries(tree('local'))
    .filter(([, what]) => what.startsWith('file'))
    .map(([name]) => name);
}

test('the rest of the folder comes, not what lies in folders in it', async () => {
  const it = await folder({ files: 100, size: 1_000_000 });
  await it.open('photos/g');
  await it.open('photos/e');
  expect(copies(it)).toEqual(['photos/e', 'photos/g']);
  await it.open('photos/f');
  expect(copies(it)).toEqual(NAMES);
});

test('by default nothing is fetched that nobody opened', async () => {
  const it = await folder();
  for (const name of NAMES.slice(0, 5)) await it.open(name);
  expect(copies(it)).toEqual(NAMES.slice(0, 5));
});

test('no more files than so many, and no more bytes', async () => {
  const few = await folder({ files: 2, size: 1_000_000 });
  await few.open('photos/e', 'photos/f', 'photos/g');
  expect(copies(few)).toEqual(['photos/a', 'photos/b', 'photos/e', 'photos/f', 'photos/g']);
  // Not again at once.
  await few.open('photos/c');
  expect(copies(few)).not.toContain('photos/d');
  await few.close();
  const small = await folder({ files: 100, size: 170 });
  await small.open('photos/e', 'photos/f', 'photos/g');
  expect(copies(small)).toEqual(['photos/a', 'photos/b', 'photos/e', 'photos/f', 'photos/g']);
});

interface Wish {
  readonly on?: 'open' | 'never';
  readonly perHour?: number;
}

/** Times are when something is opened, ms. */
function fetched(
  opens: readonly (readonly [number, string])[],
  { on = 'open', perHour = Infinity }: Wish = {},
): string[] {
  const got: string[] = [];
  let now = 0;
  const remote = { size: 1, mtimeNs: 1n, mode: 0o644 };
  const prefetch = createPrefetch({
    base: {
      page: (at) => [
        { kind: 'file', form: 'stub', path: `${at}/rest` as RelPath, remote, link: { dev: 1n, ino: 1n, birthNs: 1n } },
      ],
    },
    hydration: createHydration({ on, maxSize: Infinity }, () => []),
    policy: { files: 10, size: 100, perHour },
    elapsed: () => now,
    fetchAhead: (at) => void got.push(at),
  });
  for (const [at, name] of opens) {
    now = at;
    prefetch.opened(relPath(name));
  }
  return got;
}

test('no more bytes of all folders together than so many within an hour', () => {
  const folders = ['d', 'e', 'f'];
  const opens = (at: number, folder: string): (readonly [number, string])[] =>
    [1, 2, 3].map((n) => [at + n, `${folder}/${n}`]);
  const all = folders.flatMap((one, i) => opens(i * 1_000, one));
  expect(fetched(all)).toEqual(['d/rest', 'e/rest', 'f/rest']);
  expect(fetched(all, { perHour: 2 })).toEqual(['d/rest', 'e/rest']);
  expect(fetched([...all, ...opens(3_600_100, 'g'), ...opens(3_600_200, 'h')], { perHour: 2 })).toEqual([
    'd/rest',
    'e/rest',
    'g/rest',
  ]);
});

test('only different files, one soon after the other, in one folder', () => {
  expect(
    fetched([
      [0, 'd/a'],
      [9_000, 'd/b'],
      [18_000, 'd/c'],
    ]),
  ).toEqual(['d/rest']);
  expect(
    fetched([
      [0, 'd/a'],
      [1, 'd/b'],
      [12_000, 'd/c'],
    ]),
  ).toEqual([]);
  expect(
    fetched([
      [0, 'd/a'],
      [1, 'd/a'],
      [2, 'd/a'],
      [3, 'd/b'],
    ]),
  ).toEqual([]);
  expect(
    fetched([
      [0, 'd/a'],
      [1, 'e/b'],
      [2, 'f/c'],
    ]),
  ).toEqual([]);
  expect(
    fetched(
      [
        [0, 'd/a'],
        [1, 'd/b'],
        [2, 'd/c'],
      ],
      { on: 'never' },
    ),
  ).toEqual([]);
});

test('a folder has its turn again when nobody opened anything in it for long', () => {
  const three = (from: number) => ['a', 'b', 'c'].map((name, i) => [from + i, `d/${name}`] as const);
  expect(fetched([...three(0), ...three(300_000), ...three(800_000)])).toEqual(['d/rest']);
  expect(fetched([...three(0), ...three(700_000)])).toEqual(['d/rest', 'd/rest']);
});

test('what is opened goes before what is fetched ahead', () => {
  const queue = createTransferQueue({ sizeOf: () => 1, most: 1, limited: false });
  queue.add('1', true);
  queue.add('2', true);
  queue.add('3', false);
  queue.hasten('2');
  queue.addFirst('4');
  const order: (string | undefined)[] = [];
  for (let id = queue.next(); id !== undefined; id = queue.next()) {
    order.push(id);
    expect(queue.next()).toBeUndefined();
    queue.over(id);
  }
  expect(order).toEqual(['4', '3', '2', '1']);
});

test('what is opened does not wait for a place that is taken by what is fetched ahead', () => {
  const queue = createTransferQueue({ sizeOf: () => 1 << 30, most: 32, limited: false });
  const ids = (...names: string[]): void => {
    for (const name of names) queue.add(name, name.startsWith('ahead'));
  };
  ids('ahead1', 'ahead2', 'ahead3', 'ahead4');
  expect([queue.next(), queue.next(), queue.next(), queue.next()]).toEqual(['ahead1', 'ahead2', 'ahead3', undefined]);
  ids('a', 'b', 'c', 'd');
  expect([queue.next(), queue.next(), queue.next(), queue.next()]).toEqual(['a', 'b', 'c', undefined]);
  queue.over('ahead1');
  expect(queue.next()).toBeUndefined();
  queue.over('a');
  expect([queue.next(), queue.bytes]).toEqual(['d', 5 * (1 << 30)]);
});

test('many small ones run side by side, and few under a limit', () => {
  const taken = (limited: boolean): number => {
    const queue = createTransferQueue({ sizeOf: () => 1_000, most: 32, limited });
    for (let n = 0; n < 50; n++) queue.add(String(n), false);
    let count = 0;
    while (queue.next() !== undefined) count++;
    return count;
  };
  expect([taken(false), taken(true)]).toEqual([32, 3]);
});
