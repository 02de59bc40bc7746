import { execFileSync } from 'node:child_process';
import { appendFileSync, lstatSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ARMED_ATIME_NS, type RelPath } from '@lazysync/event-model';
import { AT_FDCWD, setTimes } from '@lazysync/ops';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Access, createAccess } from '../src/access.ts';
import { createInotifySource, type InotifySource } from '../src/inotify-source.ts';
import { stubTimesIn } from '../src/stub-times.ts';
import { systemTimers } from '../src/timers.ts';
import { type Folder, p, temporaryFolder, until } from './testing-tools.ts';

/** Real links to real files, judged from the kernel's own reports, as the watcher does it. */
let folder: Folder;
let access: Access;
let remote: InotifySource;
let local: InotifySource;
let counted: RelPath[];
let reported: RelPath[];

const there = (path: string): string => join(folder.path, 'remote', path);
const here = (path: string): string => join(folder.path, 'local', path);
const armed = (path: string): boolean => lstatSync(here(path), { bigint: true }).atimeNs === ARMED_ATIME_NS;
const arm = (path: string): null | string => setTimes(AT_FDCWD, here(path), { atimeNs: ARMED_ATIME_NS });

function stub(path: string, content = 'content'): void {
  writeFileSync(there(path), content);
  symlinkSync(there(path), here(path));
  arm(path);
}

async function begin(linkAtime = true): Promise<void> {
  const stubsIn = (directory: RelPath): RelPath[] =>
    readdirSync(here(directory), { withFileTypes: true })
      .filter((one) => one.isSymbolicLink())
      .map((one) => p(directory === '' ? one.name : `${directory}/${one.name}`));
  const known = new Map(['', 'd'].map((directory) => [directory, stubsIn(p(directory))]));
  access = createAccess({
    timers: systemTimers,
    stubs: stubTimesIn(join(folder.path, 'local')),
    stubsIn: (directory) => known.get(directory) ?? [],
    linkAtime,
    onAccess: (paths) => counted.push(...paths),
  });
  remote = createInotifySource({
    root: join(folder.path, 'remote'),
    side: 'remote',
    mount: false,
    listener: {
      onHint: () => undefined,
      onLost: () => undefined,
      onOpen: (path) => {
        reported.push(path);
        access.opened(path);
      },
    },
  });
  local = createInotifySource({
    root: join(folder.path, 'local'),
    side: 'local',
    mount: false,
    listener: {
      onHint: () => undefined,
      onLost: () => undefined,
      onListing: (path, open) => access.listing(path, open),
      onMoved: (from, to) => access.moved(from, to),
    },
  });
  await remote.start();
  await local.start();
}

/** Everything that happened until now is judged, and gathered. */
async function judged(opens: number): Promise<void> {
  await until(() => reported.length >= opens, `${opens} opens reported, ${reported.length} were`);
  await remote.poll();
  const mark = counted.length;
  await new Promise((resolve) => setTimeout(resolve, 60));
  if (counted.length !== mark) await judged(opens);
}

beforeEach(() => {
  folder = temporaryFolder('access');
  counted = [];
  reported = [];
  mkdirSync(there('d'), { recursive: true });
  mkdirSync(here('d'), { recursive: true });
});
afterEach(async () => {
  access.stop();
  await remote.stop();
  await local.stop();
  folder.remove();
});

test('an open through the stub counts, and the stub is armed again', async () => {
  stub('d/f');
  await begin();
  execFileSync('cat', [here('d/f')]);
  await until(() => counted.includes(p('d/f')), 'the access');
  expect(armed('d/f')).toBe(true);
  counted.length = 0;
  execFileSync('cat', [here('d/f')]);
  await until(() => counted.includes(p('d/f')), 'the next access');
});

test('an open at the remote path does not', async () => {
  stub('f');
  await begin();
  execFileSync('cat', [there('f')]);
  await judged(1);
  expect(counted).toEqual([]);
});

test.each([
  ['mapped', 'import mmap, os, sys\nf = os.open(sys.argv[1], os.O_RDONLY)\nmmap.mmap(f, 0, prot=mmap.PROT_READ)[0:3]'],
  ['opened and closed at once', 'import os, sys\nos.close(os.open(sys.argv[1], os.O_RDONLY))'],
  ['opened for appending', 'import sys\nopen(sys.argv[1], "a").close()'],
])('a file that is %s counts', async (_, script) => {
  stub('f');
  await begin();
  execFileSync('python3', ['-c', script, here('f')]);
  await until(() => counted.includes(p('f')), 'the access');
});

test('looking does not count: ls -l, ls -lL, stat -L, find, readlink, test -e', async () => {
  stub('f');
  stub('d/g');
  await begin();
  const d = here('');
  execFileSync('sh', [
    '-c',
    `ls -l ${d}; ls -lLR ${d}; stat -L ${here('f')}; find ${d}; readlink ${here('f')}; test -e ${here('f')}`,
  ]);
  execFileSync('cat', [there('d/g')]); // a report that comes after all of those
  await until(() => armed('f') && armed('d/g'), 'armed again after the listing');
  expect(counted.filter((path) => path === 'f')).toEqual([]);
});

test('after a listing an open at the remote path does not count, one through the stub does', async () => {
  for (let i = 0; i < 20; i++) stub(`d/f${i}`);
  await begin();
  execFileSync('ls', ['-lL', here('d')]);
  expect(armed('d/f0')).toBe(false);
  await until(() => Array.from({ length: 20 }, (_, i) => armed(`d/f${i}`)).every(Boolean), 'all armed again');
  // What was touched before it was armed is remembered for 800 ms.
  const since = Date.now();
  await until(() => Date.now() - since > 900, 'the memory is over');
  execFileSync('cat', [there('d/f1')]);
  execFileSync('cat', [here('d/f2')]);
  await judged(2);
  expect(counted).toEqual(['d/f2']);
});

test('an open right before the arming, reported after it, is not missed', async () => {
  for (let i = 0; i < 50; i++) stub(`d/f${i}`);
  await begin();
  execFileSync('ls', ['-lL', here('d')]);
  execFileSync('cat', [here('d/f7')]);
  // The order that is feared: armed first, the report after it.
  access.rearm([p('d')]);
  await new Promise((resolve) => setImmediate(() => setTimeout(resolve, 1)));
  await until(() => armed('d/f7'), 'armed');
  await until(() => counted.includes(p('d/f7')), 'the access');
});

test('1,000 files, every second one opened through its stub: 500 right, none missed', async () => {
  for (let i = 0; i < 1_000; i++) stub(`d/f${i}`);
  await begin();
  const script = [
    'import os, sys',
    'for i in range(1000):',
    '    os.close(os.open(f"{sys.argv[1 + i % 2]}/d/f{i}", os.O_RDONLY))',
  ].join('\n');
  execFileSync('python3', ['-c', script, here(''), there('')]);
  await judged(1_000);
  const through = Array.from({ length: 500 }, (_, i) => `d/f${2 * i}`);
  expect(new Set(counted)).toEqual(new Set(through));
});

test('1,000 opens held and closed at once are counted once each', async () => {
  for (let i = 0; i < 1_000; i++) stub(`d/f${i}`);
  await begin();
  const script = [
    'import os, resource, sys',
    'resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))',
    'fds = [os.open(f"{sys.argv[1]}/d/f{i}", os.O_RDONLY) for i in range(1000)]',
    'for fd in fds: os.close(fd)',
  ].join('\n');
  execFileSync('python3', ['-c', script, here('')]);
  await judged(1_000);
  expect(counted).toHaveLength(1_000);
  expect(new Set(counted).size).toBe(1_000);
});

test('a stub that was just renamed in local is known again', async () => {
  stub('d/old');
  await begin();
  renameSync(here('d/old'), here('d/new'));
  await local.poll();
  execFileSync('cat', [here('d/new')]);
  await until(() => counted.includes(p('d/new')), 'the access, at the new path');
});

test('a copy is not a stub: opens of its remote file do not count', async () => {
  writeFileSync(there('f'), 'x');
  writeFileSync(here('f'), 'x');
  await begin();
  execFileSync('cat', [there('f')]);
  await judged(1);
  expect(counted).toEqual([]);
});

test('where links keep no atime every open of a stub counts', async () => {
  stub('f');
  await begin(false);
  execFileSync('cat', [there('f')]);
  await until(() => counted.includes(p('f')), 'the access');
});

test('after lost reports every touched stub counts', async () => {
  stub('d/touched');
  stub('d/quiet');
  await begin();
  // As if the kernel had dropped the report.
  await remote.stop();
  execFileSync('cat', [here('d/touched')]);
  access.sweep([p('d')]);
  await until(() => counted.length > 0, 'the access');
  expect(counted).toEqual(['d/touched']);
});

test('arming leaves the stub’s mtime as it is', async () => {
  stub('f');
  await begin();
  const before = lstatSync(here('f'), { bigint: true }).mtimeNs;
  execFileSync('cat', [here('f')]);
  await until(() => counted.includes(p('f')) && armed('f'), 'judged');
  expect(lstatSync(here('f'), { bigint: true }).mtimeNs).toBe(before);
});

test('a write through the stub counts as an access too', async () => {
  stub('f');
  await begin();
  appendFileSync(here('f'), 'more');
  await until(() => counted.includes(p('f')), 'the access');
});
