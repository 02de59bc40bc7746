import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createInotifySource, type InotifySource } from '../src/inotify-source.ts';
import { Ears, type Folder, p, temporaryFolder, until } from './testing-tools.ts';

let folder: Folder;
let ears: Ears;
const sources: InotifySource[] = [];
const at = (path: string): string => join(folder.path, path);

beforeEach(() => {
  folder = temporaryFolder('inotify');
  ears = new Ears();
});
afterEach(async () => {
  for (const source of sources.splice(0)) await source.stop();
  folder.remove();
});

function watching(side: 'local' | 'remote', mount: boolean): InotifySource {
  const source = createInotifySource({ root: folder.path, side, mount, listener: ears });
  sources.push(source);
  return source;
}

function python(script: string): void {
  execFileSync('python3', ['-c', script, folder.path]);
}

test('a burst that the kernel drops is told, and the scan that answers it watches the folders made in it', async () => {
  const source = watching('local', false);
  await source.start();
  // This process does not read meanwhile.
  python(`
import os, sys
for i in range(20000): open(f"{sys.argv[1]}/f{i}", "w").close()
os.makedirs(f"{sys.argv[1]}/late/deep")
`);
  await until(() => ears.lost.some((lost) => lost.kind === 'overflow'), 'overflow');
  await source.rewatch([p(''), p('late'), p('late/deep')]);
  await source.poll();
  ears.clear();
  writeFileSync(at('late/deep/x'), '');
  await until(() => ears.has('late/deep/x'), 'a file in the late folder');
});

test('while nobody needs to hear of it, folders that are made are told of and not followed, until they are asked for', async () => {
  let postponed = true;
  const source = createInotifySource({
    root: folder.path,
    side: 'local',
    mount: false,
    listener: ears,
    postponed: () => postponed,
  });
  sources.push(source);
  mkdirSync(at('there'));
  await source.start();
  mkdirSync(at('new/deep'), { recursive: true });
  writeFileSync(at('new/deep/x'), '');
  writeFileSync(at('there/x'), '');
  await until(() => ears.has('there/x'), 'a file in a folder that was there');
  expect(ears.has('new')).toBe(true);
  expect(source.watched()).toBe(2);
  postponed = false;
  await source.rewatch([p(''), p('there'), p('new'), p('new/deep')]);
  writeFileSync(at('new/deep/y'), '');
  await until(() => ears.has('new/deep/y'), 'a file in a folder that was asked for');
  mkdirSync(at('new/deep/last'));
  await until(() => source.watched() === 5, 'a folder that was made afterwards');
  expect(ears.hints.map((hint) => hint.path)).not.toContain('new/deep/x');
});

test('at a start that is told which folders there are, these are watched, and no other is looked for', async () => {
  for (const path of ['known/below', 'strange/deep', 'other']) mkdirSync(at(path), { recursive: true });
  const known = ['', 'gone', 'gone/below', 'known', 'known/below', 'other'].map(p);
  const source = createInotifySource({
    root: folder.path,
    side: 'local',
    mount: false,
    listener: ears,
    known: () => known,
  });
  sources.push(source);
  await source.start();
  expect(source.watched()).toBe(4);
  writeFileSync(at('strange/deep/x'), '');
  writeFileSync(at('known/below/x'), '');
  await until(() => ears.has('known/below/x'), 'a file in a known folder');
  await source.poll();
  expect(ears.hints.map((hint) => hint.path)).toEqual(expect.not.arrayContaining([p('strange/deep/x')]));
  mkdirSync(at('gone/below'), { recursive: true });
  writeFileSync(at('gone/below/x'), '');
  await until(() => ears.has('gone/below/x'), 'a file in a folder that was not there at the start');
  expect((await source.rewatch([...known, p('strange'), p('strange/deep')])).fresh).toEqual([
    'strange',
    'strange/deep',
  ]);
  expect(ears.lost).toEqual([]);
});

test('10,000 folders', async () => {
  python('import os, sys\nfor i in range(10000): os.makedirs(f"{sys.argv[1]}/{i % 100}/{i}")');
  const source = watching('local', false);
  await source.start();
  expect(source.watched()).toBe(10_101);
  expect(source.entriesAtStart()).toBe(10_100);
  writeFileSync(at('37/9937/x'), '');
  await until(() => ears.has('37/9937/x'), 'a file far inside');
  expect(ears.lost).toEqual([]);
});

const ownNamespace = spawnSync('unshare', ['-Ur', 'true']).status === 0;

test.skipIf(!ownNamespace)('the limit of watches is told once, with the command that mends it', async () => {
  const child = `
import { createInotifySource } from '@lazysync/watch';
const lost = [];
const listener = { onHint() {}, onLost: (one) => lost.push(one) };
const source = createInotifySource({ root: process.argv[2], side: 'local', mount: false, listener });
await source.start();
await source.rewatch(['d0', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6', 'd7', 'd8', 'd9']);
console.log(JSON.stringify({ lost, watched: source.watched() }));
await source.stop();
`;
  for (let i = 0; i < 10; i++) mkdirSync(at(`d${i}`));
  const file = join(import.meta.dirname, `limit-${process.pid}.mjs`);
  writeFileSync(file, child);
  try {
    // The limit of a user namespace of its own: the machine's is left alone.
    const out = execFileSync(
      'unshare',
      [
        '-Ur',
        'sh',
        '-c',
        'echo 5 > /proc/sys/user/max_inotify_watches && exec "$@"',
        'sh',
        process.execPath,
        file,
        folder.path,
      ],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const { lost, watched } = JSON.parse(out) as { lost: { kind: string; mend: string }[]; watched: number };
    expect(watched).toBe(5);
    expect(lost).toHaveLength(1);
    expect(lost[0]).toMatchObject({ kind: 'watch-limit' });
    expect(lost[0]?.mend).toMatch(/^sudo sysctl user\.max_inotify_watches=\d{6,}$/);
  } finally {
    rmSync(file);
  }
});

test('a new folder that can not be looked into for want of descriptors is told as a loss', () => {
  const child = `
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createInotifySource } from '@lazysync/watch';
const lost = [];
const listener = { onHint() {}, onLost: (one) => lost.push(one.kind) };
const source = createInotifySource({ root: process.argv[2], side: 'local', mount: false, listener });
await source.start();
const taken = [];
for (;;) try { taken.push(openSync('/dev/null')); } catch { break; }
mkdirSync(process.argv[2] + '/folder');
await source.poll();
for (const fd of taken) closeSync(fd);
mkdirSync(process.argv[2] + '/other');
await source.poll();
console.log(JSON.stringify(lost));
await source.stop();
`;
  const file = join(import.meta.dirname, `descriptors-${process.pid}.mjs`);
  writeFileSync(file, child);
  try {
    const args = ['-c', 'ulimit -n 64 && exec "$@"', 'sh', process.execPath, file, folder.path];
    const ran = spawnSync('sh', args, { encoding: 'utf8', timeout: 30_000 });
    expect([ran.stdout, ran.status]).toEqual(['["failed"]\n', 0]);
  } finally {
    rmSync(file);
  }
});

test('stopping gives the descriptor back', async () => {
  const watches = (): number =>
    readdirSync('/proc/self/fdinfo').filter((fd) => {
      try {
        return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').includes('inotify wd');
      } catch {
        return false; // the descriptor of this very listing
      }
    }).length;
  const before = watches();
  const source = watching('local', false);
  await source.start();
  expect(watches()).toBe(before + 1);
  await source.stop();
  await source.stop();
  expect(watches()).toBe(before);
  writeFileSync(at('after'), '');
  expect(ears.hints).toEqual([]);
});

describe.each([false, true])('remote, mount: %s', (mount) => {
  test('opens of files are told, those of folders and looks are not', async () => {
    mkdirSync(at('d'));
    writeFileSync(at('d/f'), 'content');
    writeFileSync(at('g'), 'content');
    const source = watching('remote', mount);
    await source.start();
    expect((await source.rewatch([p(''), p('d')])).fresh).toEqual(mount ? ['d'] : []);
    execFileSync('sh', ['-c', `ls -lR ${folder.path}; stat -L ${at('d/f')}; find ${folder.path}`]);
    execFileSync('cat', [at('d/f')]);
    await until(() => ears.opened.length > 0, 'the open');
    await source.poll();
    expect(ears.opened).toEqual(['d/f']);
    expect(ears.hints).toEqual([]);
  });

  test('changes of this host are told; folders made by it are followed', async () => {
    const source = watching('remote', mount);
    await source.start();
    mkdirSync(at('new/deep'), { recursive: true });
    writeFileSync(at('new/deep/f'), 'x');
    await until(() => ears.has('new/deep/f'), 'the file');
    await source.poll();
    ears.clear();
    writeFileSync(at('new/deep/g'), 'x');
    await until(() => ears.has('new/deep/g'), 'a second file');
    renameSync(at('new'), at('moved'));
    await until(() => ears.last().get('new') === 'delete' && ears.has('moved'), 'the move');
    await source.poll();
    ears.clear();
    execFileSync('cat', [at('moved/deep/f')]);
    await until(() => ears.opened.includes(p('moved/deep/f')), 'an open under the new name');
    rmSync(at('moved'), { recursive: true });
    await until(() => ears.last().get('moved') === 'delete', 'the end');
  });

  test('a folder that was replaced is watched again', async () => {
    mkdirSync(at('d'));
    const source = watching('remote', mount);
    await source.start();
    await source.rewatch([p('d')]);
    // As another host would do it: nothing of this is told through some mounts, and the watch is dead.
    const outside = temporaryFolder('outside');
    try {
      renameSync(at('d'), join(outside.path, 'd'));
      mkdirSync(at('d'));
      await source.poll();
      await source.rewatch([p(''), p('d')]);
      expect((await source.rewatch([p(''), p('d')])).fresh).toEqual([]);
      writeFileSync(at('d/f'), 'x');
      await until(() => ears.has('d/f'), 'the file in the new folder');
    } finally {
      outside.remove();
    }
  });
});
