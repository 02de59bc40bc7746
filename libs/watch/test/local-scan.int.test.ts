import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ARMED_ATIME_NS, type BaseRecord, parentOf, type RelPath } from '@lazysync/event-model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Hint } from '../src/hint.ts';
import { createLocalScan } from '../src/local-scan.ts';
import type { Scanner } from '../src/scan.ts';
import { stubTimesIn } from '../src/stub-times.ts';
import { systemTimers } from '../src/timers.ts';
import { type Folder, p, temporaryFolder } from './testing-tools.ts';

let folder: Folder;
let base: Map<RelPath, BaseRecord>;
let hints: Hint[];
let watched: RelPath[];
let scanner: Scanner;
let tooMany: number;
/** Folders that are as they were sealed, and the folders in them. */
let sealed: Map<string, RelPath[]>;
const MANY = 50;
const at = (path: string): string => join(folder.path, path);

/** The base as it is right after everything in local was recorded. */
function record(path: string): void {
  const stat = lstatSync(at(path), { bigint: true });
  const { dev, ino, birthtimeNs: birthNs, mtimeNs, ctimeNs } = stat;
  const identity = { dev, ino, birthNs };
  const mode = Number(stat.mode) & 0o7777;
  const size = Number(stat.size);
  const remote = { size, mtimeNs, mode };
  const put = (one: BaseRecord): void => void base.set(one.path, one);
  if (stat.isDirectory()) {
    put({ kind: 'directory', path: p(path), local: identity, localMode: mode, remoteMode: mode });
    for (const name of readdirSync(at(path))) record(`${path}/${name}`);
  } else if (stat.isSymbolicLink()) {
    if (path.includes('stub')) put({ kind: 'file', form: 'stub', path: p(path), remote, link: identity });
    else put({ kind: 'symlink', path: p(path), localTarget: 'target', remoteTarget: 'target' });
  } else {
    const local = { ...identity, size, mtimeNs, ctimeNs, mode };
    put({ kind: 'file', form: 'copy', path: p(path), remote, local, hash: 'h', origin: 'local', racy: false });
  }
}

const recordAll = (): void => {
  for (const name of readdirSync(folder.path)) if (name !== '.lazysync') record(name);
};
const shown = (): string[] => hints.map(({ kind, path }) => `${kind} ${path}`).sort();

beforeEach(() => {
  folder = temporaryFolder('local-scan');
  mkdirSync(at('.lazysync/remote'), { recursive: true });
  base = new Map();
  hints = [];
  watched = [];
  tooMany = 0;
  sealed = new Map();
  scanner = createLocalScan({
    root: folder.path,
    timers: systemTimers,
    many: MANY,
    ports: {
      children: (directory) => [...base.values()].filter((row) => parentOf(row.path) === directory),
      unchanged: async (directory) => sealed.get(directory) ?? null,
      rewatch: async (paths) => {
        watched.push(...paths);
        return { fresh: [], unwatched: [] };
      },
      hint: (hint) => hints.push(hint),
      tooMany: () => {
        tooMany++;
      },
      ignored: (path) => path === 'ignored' || path.startsWith('ignored/'),
    },
  });
  mkdirSync(at('d/e'), { recursive: true });
  writeFileSync(at('d/copy'), 'content');
  writeFileSync(at('d/e/deep'), 'content');
  symlinkSync(at('.lazysync/remote/d/stub'), at('d/stub'));
  symlinkSync('target', at('d/link'));
  stubTimesIn(folder.path).arm(p('d/stub'));
});
afterEach(async () => {
  await scanner.stop();
  folder.remove();
});

test('a folder that is as it was sealed is watched again and not looked into; the folders in it are', async () => {
  recordAll();
  sealed.set('d', [p('d/e'), p('ignored')]);
  writeFileSync(at('d/new'), 'not looked at');
  writeFileSync(at('d/e/new'), 'found');
  expect(await scanner.scanNow()).toMatchObject({ published: 1, problem: null });
  expect(shown()).toEqual(['create d/e/new']);
  expect(watched).toEqual(['', 'd', 'd/e']);
});

test('what is as the base says gives nothing, is watched again, and no stub is read', async () => {
  recordAll();
  expect(await scanner.scanNow()).toMatchObject({ published: 0, problem: null });
  expect(hints).toEqual([]);
  expect(watched).toEqual(['', 'd', 'd/e']);
  expect(stubTimesIn(folder.path).atime(p('d/stub'))).toBe(ARMED_ATIME_NS);
});

test.each<[string, () => void, string[]]>([
  ['a new file', () => writeFileSync(at('d/new'), 'x'), ['create d/new']],
  ['a new tree', () => mkdirSync(at('n/m'), { recursive: true }), ['create n', 'create n/m']],
  ['an edit', () => writeFileSync(at('d/copy'), 'changed'), ['modify d/copy']],
  ['a touch', () => utimesSync(at('d/copy'), 1, 1), ['modify d/copy']],
  ['a chmod', () => chmodSync(at('d/copy'), 0o600), ['modify d/copy']],
  ['a folder’s chmod', () => chmodSync(at('d/e'), 0o700), ['modify d/e']],
  ['a delete', () => unlinkSync(at('d/copy')), ['delete d/copy']],
  ['a deleted tree: one event', () => rmSync(at('d'), { recursive: true }), ['delete d']],
  ['a rename', () => renameSync(at('d/copy'), at('d/moved')), ['create d/moved', 'delete d/copy']],
  [
    'a stub that became a file',
    () => void (unlinkSync(at('d/stub')), writeFileSync(at('d/stub'), 'x')),
    ['modify d/stub'],
  ],
  ['a deleted stub', () => unlinkSync(at('d/stub')), ['delete d/stub']],
  ['a moved stub', () => renameSync(at('d/stub'), at('d/e/stub')), ['create d/e/stub', 'delete d/stub']],
  [
    'a stub that another stub was moved over',
    () => {
      symlinkSync(at('.lazysync/remote/d/stul'), at('d/t'));
      renameSync(at('d/t'), at('d/stub'));
    },
    ['modify d/stub'],
  ],
  [
    'a link with another text',
    () => {
      unlinkSync(at('d/link'));
      symlinkSync('elsewhere', at('d/link'));
    },
    ['modify d/link'],
  ],
  ['a second name of a file', () => linkSync(at('d/copy'), at('d/twin')), ['create d/twin', 'modify d/copy']],
  ['a pipe', () => void execFileSync('mkfifo', [at('pipe')]), ['create pipe']],
  ['own and passing names', () => writeFileSync(at('d/.lazysync-c-1.part'), 'x'), []],
  ['ignored things', () => mkdirSync(at('ignored/x'), { recursive: true }), []],
])('finds %s', async (_, change, expected) => {
  recordAll();
  change();
  await scanner.scanNow();
  expect(shown()).toEqual(expected);
  expect(hints.every((hint) => hint.side === 'local' && !hint.seen)).toBe(true);
});

test('a write to a mapped file, of which the kernel tells nothing, is found', async () => {
  recordAll();
  const script = [
    'import mmap, os, sys',
    'f = os.open(sys.argv[1], os.O_RDWR)',
    'm = mmap.mmap(f, 0); m[0:3] = b"NEW"; m.flush(); m.close()',
  ].join('\n');
  execFileSync('python3', ['-c', script, at('d/copy')]);
  await scanner.scanNow();
  expect(shown()).toEqual(['modify d/copy']);
});

test('a folder that can not be read deletes nothing', async () => {
  recordAll();
  renameSync(at('d/e'), at('hidden'));
  mkdirSync(at('d/e'), { mode: 0o000 });
  base.delete(p('hidden'));
  const readable = process.getuid?.() === 0;
  await scanner.scanNow();
  // Root reads everything: then the folder is just another, empty one.
  expect(shown().includes('delete d/e/deep')).toBe(readable);
});

test.each<[string, () => void]>([
  ['gone', () => rmSync(folder.path, { recursive: true })],
  ['another folder', () => rmSync(at('.lazysync'), { recursive: true })],
])('a root that is %s gives a problem and nothing else', async (_, change) => {
  recordAll();
  change();
  const result = await scanner.scanNow();
  expect(result.problem).toBeTypeOf('string');
  expect(hints).toEqual([]);
});

test('a folder of 20,000 files does not hold up the event loop', async () => {
  execFileSync('python3', [
    '-c',
    'import sys\nfor i in range(20000): open(f"{sys.argv[1]}/d/f{i}", "w").close()',
    folder.path,
  ]);
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  expect((await scanner.scanNow()).published).toBeGreaterThan(20_000);
  clearInterval(timer);
  expect(longest).toBeLessThan(500);
});

test('very many differences are told as one, again at each scan that finds them, and watched all the same', async () => {
  for (let dir = 0; dir < 6; dir++) {
    mkdirSync(at(`d${dir}`));
    for (let i = 0; i < 20; i++) writeFileSync(at(`d${dir}/f${i}`), '');
  }
  for (const scans of [1, 2]) {
    watched = [];
    hints = [];
    expect((await scanner.scanNow()).published).toBeGreaterThan(MANY);
    expect(tooMany).toBe(scans);
    expect(hints.length).toBeLessThanOrEqual(MANY);
    for (let dir = 0; dir < 6; dir++) expect(watched).toContain(`d${dir}`);
  }
  recordAll();
  expect((await scanner.scanNow()).published).toBe(0);
  expect(tooMany).toBe(2);
});
