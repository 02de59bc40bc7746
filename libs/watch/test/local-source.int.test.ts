import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { ARMED_ATIME_NS } from '@lazysync/event-model';
import { withDeadline } from '@lazysync/ops';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLocalSource, type LocalSource, ROUND_MS } from '../src/local-source.ts';
import { Ears, FakeTimers, type Folder, p, temporaryFolder, until } from './testing-tools.ts';

/** One suite for both ways of watching local: what a user does is told by each. */
describe.each(['chokidar', 'inotify'] as const)('%s', (watch) => {
  let folder: Folder;
  let ears: Ears;
  let source: LocalSource | undefined;
  const at = (path: string): string => join(folder.path, path);

  const begin = async (ignored?: (path: string) => boolean): Promise<void> => {
    const made = createLocalSource({
      root: folder.path,
      watch,
      listener: ears,
      ...(ignored === undefined ? {} : { ignored }),
    });
    source = made;
    await made.start();
    ears.clear();
  };
  /** Something that is told after all that came before. */
  const fence = async (): Promise<void> => {
    const name = `fence-${Math.random().toString(36).slice(2)}`;
    writeFileSync(at(name), '');
    await until(() => ears.hints.filter((hint) => hint.path === name).length >= 1, `hint of ${name}`);
    await source?.poll();
  };

  beforeEach(() => {
    folder = temporaryFolder('local');
    ears = new Ears();
  });
  afterEach(async () => {
    await source?.stop();
    source = undefined;
    folder.remove();
  });

  test('tells nothing of what was there before', async () => {
    mkdirSync(at('d/e'), { recursive: true });
    writeFileSync(at('d/e/f'), 'x');
    await begin();
    await fence();
    expect(ears.hints.filter((hint) => !hint.path.startsWith('fence'))).toEqual([]);
    expect(ears.lost).toEqual([]);
  });

  test('a file is made, written, given another mode and removed', async () => {
    await begin();
    writeFileSync(at('f'), 'one');
    await until(() => ears.has('f'), 'create');
    ears.clear();
    appendFileSync(at('f'), 'two');
    await until(() => ears.has('f'), 'append');
    await until(() => ears.writing.includes('f closed'), 'close');
    expect(ears.writing).toContain('f written');
    await fence();
    ears.clear();
    chmodSync(at('f'), 0o600);
    await until(() => ears.has('f'), 'chmod');
    ears.clear();
    utimesSync(at('f'), 1_000, 1_000);
    await until(() => ears.has('f'), 'utimes');
    ears.clear();
    unlinkSync(at('f'));
    await until(() => ears.last().get('f') === 'delete', 'delete');
    expect(ears.hints.every((hint) => hint.side === 'local' && hint.seen)).toBe(true);
  });

  test('a write that is not finished yet is told apart', async () => {
    await begin();
    const fd = openSync(at('f'), 'w');
    writeSync(fd, 'half');
    await until(() => ears.writing.includes('f written'), 'the write');
    await fence();
    expect(ears.writing).not.toContain('f closed');
    closeSync(fd);
    await until(() => ears.writing.includes('f closed'), 'the close');
  });

  test('a file is renamed', async () => {
    writeFileSync(at('a'), 'x');
    await begin();
    renameSync(at('a'), at('b'));
    await until(() => ears.last().get('a') === 'delete' && ears.last().get('b') === 'create', 'both halves');
    expect(ears.moves).toEqual(['a -> b']);
  });

  test('a file is renamed over another', async () => {
    writeFileSync(at('a'), 'new');
    writeFileSync(at('b'), 'old');
    await begin();
    renameSync(at('a'), at('b'));
    await until(() => ears.last().get('a') === 'delete' && ears.has('b'), 'both halves');
  });

  test('a folder is renamed, and its inside is watched under the new name', async () => {
    mkdirSync(at('old/in'), { recursive: true });
    writeFileSync(at('old/in/f'), 'x');
    await begin();
    renameSync(at('old'), at('new'));
    await until(() => ears.last().get('old') === 'delete' && ears.has('new') && ears.has('new/in/f'), 'the move');
    await fence();
    ears.clear();
    writeFileSync(at('new/in/g'), 'y');
    await until(() => ears.has('new/in/g'), 'a file in the moved folder');
    expect(ears.hints.filter((hint) => hint.path.startsWith('old'))).toEqual([]);
  });

  test('folders swap their names', async () => {
    for (const name of ['a', 'b']) mkdirSync(at(name));
    await begin();
    renameSync(at('a'), at('t'));
    renameSync(at('b'), at('a'));
    renameSync(at('t'), at('b'));
    await fence();
    ears.clear();
    writeFileSync(at('a/in-a'), '');
    writeFileSync(at('b/in-b'), '');
    await until(() => ears.has('a/in-a') && ears.has('b/in-b'), 'files in both');
    expect(ears.has('b/in-a') || ears.has('a/in-b') || ears.has('t/in-a') || ears.has('t/in-b')).toBe(false);
  });

  test('a tree comes in, goes out, and comes in again', async () => {
    const outside = temporaryFolder('outside');
    try {
      await begin();
      mkdirSync(join(outside.path, 'tree/deep'), { recursive: true });
      writeFileSync(join(outside.path, 'tree/deep/f'), 'x');
      renameSync(join(outside.path, 'tree'), at('tree'));
      await until(() => ears.has('tree') && ears.has('tree/deep/f'), 'in');
      await fence();
      renameSync(at('tree'), join(outside.path, 'tree'));
      await until(() => ears.last().get('tree') === 'delete', 'out');
      renameSync(join(outside.path, 'tree'), at('again'));
      await until(() => ears.has('again/deep/f'), 'in again');
      await fence();
      ears.clear();
      writeFileSync(at('again/deep/g'), 'y');
      await until(() => ears.has('again/deep/g'), 'a new file in it');
    } finally {
      outside.remove();
    }
  });

  test('a link becomes a file, a file becomes a link, a link another link', async () => {
    symlinkSync('/nowhere/a', at('x'));
    await begin();
    writeFileSync(at('.t'), 'copy');
    renameSync(at('.t'), at('x'));
    await until(() => ears.has('x'), 'link -> file');
    await fence();
    ears.clear();
    symlinkSync('/nowhere/b', at('.t'));
    renameSync(at('.t'), at('x'));
    await until(() => ears.has('x'), 'file -> link');
    await fence();
    ears.clear();
    symlinkSync('/nowhere/c', at('.t'));
    renameSync(at('.t'), at('x'));
    await until(() => ears.has('x'), 'link -> link');
  });

  test('links that lead nowhere come, move and go', async () => {
    await begin();
    symlinkSync('/nowhere/at/all', at('dead'));
    await until(() => ears.has('dead'), 'dead link made');
    await fence();
    renameSync(at('dead'), at('gone'));
    await until(() => ears.last().get('dead') === 'delete' && ears.has('gone'), 'dead link moved');
    await fence();
    unlinkSync(at('gone'));
    await until(() => ears.last().get('gone') === 'delete', 'dead link removed');
  });

  test('a link to a folder is not walked into', async () => {
    const outside = temporaryFolder('outside');
    try {
      writeFileSync(join(outside.path, 'f'), 'x');
      symlinkSync(outside.path, at('way'));
      await begin();
      writeFileSync(join(outside.path, 'g'), 'y');
      await fence();
      expect(ears.hints.filter((hint) => hint.path.startsWith('way'))).toEqual([]);
    } finally {
      outside.remove();
    }
  });

  test('a file is removed and made again at once', async () => {
    writeFileSync(at('f'), 'one');
    await begin();
    unlinkSync(at('f'));
    writeFileSync(at('f'), 'two');
    await until(() => ears.has('f') && ears.last().get('f') !== 'delete', 'the new one');
  });

  test('a folder is removed with all that is in it, and made again', async () => {
    mkdirSync(at('d/e/f'), { recursive: true });
    writeFileSync(at('d/e/f/g'), 'x');
    await begin();
    rmSync(at('d'), { recursive: true });
    await until(() => ears.last().get('d') === 'delete', 'gone');
    mkdirSync(at('d'));
    await until(() => ears.last().get('d') === 'create', 'made again');
    await fence();
    ears.clear();
    writeFileSync(at('d/h'), 'x');
    await until(() => ears.has('d/h'), 'a file in the new one');
  });

  test('deep folders made faster than they can be watched hide nothing', async () => {
    await begin();
    const script = [
      'import os, sys',
      'for i in range(150):',
      '    d = os.path.join(sys.argv[1], f"t{i}", "a", "b", "c")',
      '    os.makedirs(d)',
      '    open(os.path.join(d, "f"), "w").write("x")',
      '    open(os.path.join(sys.argv[1], f"t{i}", "a", "g"), "w").write("x")',
    ].join('\n');
    execFileSync('python3', ['-c', script, folder.path]);
    const wanted = Array.from({ length: 150 }, (_, i) => [`t${i}/a/b/c`, `t${i}/a/b/c/f`, `t${i}/a/g`]).flat();
    await until(() => wanted.every((path) => ears.has(path)), 'all 450 paths', 20_000);
  });

  test('5,000 files at once', async () => {
    await begin();
    const script = 'import sys\nfor i in range(5000): open(f"{sys.argv[1]}/f{i}", "w").write("x")';
    execFileSync('python3', ['-c', script, folder.path]);
    await until(
      () => ears.lost.length > 0 || new Set(ears.hints.map((hint) => hint.path)).size === 5_000,
      'all of them, or word that some were dropped',
      30_000,
    );
    expect(ears.lost.every((lost) => lost.kind === 'overflow')).toBe(true);
  });

  test('the own folder, stage names and what mounts leave behind are left out', async () => {
    mkdirSync(at('.lazysync/stage'), { recursive: true });
    mkdirSync(at('d'));
    await begin();
    writeFileSync(at('.lazysync/stage/x'), 'x');
    writeFileSync(at('d/.lazysync-c1-7.part'), 'x');
    writeFileSync(at('d/.nfs0001'), 'x');
    writeFileSync(at('d/.fuse_hidden0001'), 'x');
    writeFileSync(at('d/.lazysync'), 'a file of that name elsewhere is content');
    renameSync(at('d/.lazysync-c1-7.part'), at('d/file'));
    await until(() => ears.has('d/file') && ears.has('d/.lazysync'), 'what counts');
    await fence();
    const told = new Set(ears.hints.map((hint) => hint.path).filter((path) => !path.startsWith('fence')));
    expect([...told].sort()).toEqual(['d', 'd/.lazysync', 'd/file'].filter((path) => told.has(path as never)));
    expect(ears.opened).toEqual(ears.opened.filter((path) => !path.includes('.lazysync-')));
  });

  test('what is ignored is not told of, nor what is inside', async () => {
    await begin((path) => path === 'build');
    mkdirSync(at('build/deep'), { recursive: true });
    writeFileSync(at('build/deep/x'), 'x');
    writeFileSync(at('kept'), 'x');
    await until(() => ears.has('kept'), 'what is kept');
    await fence();
    expect(ears.hints.filter((hint) => hint.path.startsWith('build'))).toEqual([]);
  });

  test('a listing is told by its folder, an open file is not', async () => {
    mkdirSync(at('d'));
    await begin();
    execFileSync('ls', ['-l', at('d')]);
    await until(() => ears.listings.includes('d opened') && ears.listings.includes('d closed'), 'the listing of d');
  });

  test('our own arming of a link looks like nothing', async () => {
    symlinkSync('/nowhere', at('stub'));
    await begin();
    const { stubTimesIn } = await import('../src/stub-times.ts');
    stubTimesIn(folder.path).arm(p('stub'));
    await fence();
    expect(ears.has('stub')).toBe(false);
  });

  test('stubs are neither read nor followed, at the start and when something happens beside them', async () => {
    const { stubTimesIn } = await import('../src/stub-times.ts');
    const stubs = stubTimesIn(folder.path);
    const made = (path: string): void => {
      symlinkSync('/proc/self/cmdline', at(path));
      stubs.arm(p(path));
    };
    mkdirSync(at('d'));
    for (const name of ['a', 'b', 'd/a', 'd/b']) made(name);
    await begin();
    made('c');
    writeFileSync(at('d/f'), 'x');
    mkdirSync(at('e'));
    made('e/a');
    renameSync(at('d'), at('moved'));
    writeFileSync(at('file'), 'x');
    renameSync(at('file'), at('b'));
    symlinkSync('/proc/self/cmdline', at('.t'));
    stubs.arm(p('.t'));
    renameSync(at('.t'), at('b'));
    await until(() => ears.has('moved/f') && ears.has('e/a'), 'all of it');
    await fence();
    const touched = ['a', 'b', 'c', 'moved/a', 'moved/b', 'e/a'].filter(
      (path) => stubs.atime(p(path)) !== ARMED_ATIME_NS,
    );
    expect(touched).toEqual([]);
  });

  test('names that are not UTF-8 are passed over, and names around them are not', async () => {
    await begin();
    writeFileSync(Buffer.concat([Buffer.from(`${folder.path}/bad`), Buffer.of(0xff, 0xfe)]), 'x');
    writeFileSync(at('größe 漢字'), 'x');
    await until(() => ears.has('größe 漢字'), 'the good name');
  });

  test('watching again what is watched changes nothing', async () => {
    mkdirSync(at('d'));
    await begin();
    expect((await source?.rewatch([p(''), p('d'), p('not-there')]))?.fresh).toEqual([]);
    writeFileSync(at('d/f'), '');
    await until(() => ears.has('d/f'), 'd is still watched');
  });
});

test('auto leaves chokidar out of a folder that is too big for it', async () => {
  const folder = temporaryFolder('local');
  try {
    for (let i = 0; i < 20; i++) writeFileSync(join(folder.path, `f${i}`), '');
    for (const [chokidarLimit, uses] of [
      [20, 'chokidar and inotify'],
      [19, 'inotify'],
    ] as const) {
      const source = createLocalSource({ root: folder.path, watch: 'auto', listener: new Ears(), chokidarLimit });
      await source.start();
      expect(source.uses()).toBe(uses);
      await source.stop();
    }
  } finally {
    folder.remove();
  }
});

describe('auto goes on without chokidar', () => {
  let folder: Folder;
  let ears: Ears;
  const left: string[] = [];
  let source: LocalSource;
  const timers = new FakeTimers();
  const write = (from: number, to: number): void => {
    for (let i = from; i < to; i++) writeFileSync(join(folder.path, `f${i}`), '');
  };

  beforeEach(async () => {
    folder = temporaryFolder('local');
    ears = new Ears();
    left.length = 0;
    write(0, 10);
    const limits = { chokidarLimit: 100, chokidarBurst: 200, onLeft: (message: string) => left.push(message) };
    source = createLocalSource({ root: folder.path, watch: 'auto', listener: ears, timers, ...limits });
    await source.start();
    expect(source.uses()).toBe('chokidar and inotify');
  });
  afterEach(async () => {
    await source.stop();
    folder.remove();
  });

  test('in a storm of changes, says so, loses nothing, and takes it up again when it is quiet', async () => {
    for (let turn = 0; turn < 10; turn++) {
      write(0, 20);
      for (let i = 10; i < 20; i++) unlinkSync(join(folder.path, `f${i}`));
    }
    await until(() => source.uses() === 'inotify', 'the switch');
    expect(left).toEqual([expect.stringMatching(/inotify alone.*200 changes/)]);
    await source.poll();
    for (let i = 0; i < 20; i++) expect(ears.last().get(`f${i}`)).toBe(i < 10 ? 'modify' : 'delete');
    ears.clear();
    write(20, 21);
    await until(() => ears.has('f20'), 'what comes after that');
    await source.poll();
    timers.advance(5 * ROUND_MS);
    expect(source.uses()).toBe('inotify');
    timers.advance(2 * ROUND_MS);
    // RACE: what is written the moment it is said to be back is told by it.
    const end = Date.now() + 60_000;
    for (let turn = 0; source.uses() === 'inotify' && Date.now() < end; turn++)
      await (turn < 100 ? undefined : new Promise(setImmediate));
    write(21, 22);
    expect(source.uses()).toBe('chokidar and inotify');
    expect(ears.lost).toEqual([]);
    await until(
      () => ears.hints.filter((hint) => hint.path === 'f21' && hint.kind === 'create').length >= 2,
      'both tell',
    );
  });

  test('when many changes come and the process is held up, but not by few, and not when it keeps up', async () => {
    write(10, 14);
    await source.poll();
    timers.skip(3_000);
    timers.advance(0);
    expect(source.uses()).toBe('chokidar and inotify');
    write(14, 50);
    await source.poll();
    timers.advance(3_000);
    expect(source.uses()).toBe('chokidar and inotify');
    timers.skip(3_000);
    timers.advance(0);
    expect(source.uses()).toBe('inotify');
    expect(left[0]).toMatch(/hold this process up for 2000 ms/);
  });

  test('when the folder has become big, and does not take it up again', async () => {
    write(10, 60);
    await source.poll();
    timers.advance(ROUND_MS);
    expect(source.uses()).toBe('chokidar and inotify');
    write(60, 120);
    await until(() => ears.has('f119'), 'the last one');
    await source.poll();
    timers.advance(ROUND_MS);
    expect(source.uses()).toBe('inotify');
    expect(left[0]).toMatch(/more than 100 entries/);
    timers.advance(20 * ROUND_MS);
    await source.poll();
    expect(source.uses()).toBe('inotify');
  });
});

test('a tree that is not there yet is watched by inotify until it is known how large it is', async () => {
  const folder = temporaryFolder('local');
  try {
    for (const [watch, entries, uses] of [
      ['auto', 21, 'inotify'],
      ['auto', 20, 'chokidar and inotify'],
      ['inotify', 1, 'inotify'],
      ['chokidar', 1_000_000, 'chokidar and inotify'],
    ] as const) {
      const ears = new Ears();
      const source = createLocalSource({ root: folder.path, watch, listener: ears, chokidarLimit: 20, later: true });
      await source.start();
      expect(source.uses()).toBe('inotify');
      await source.choose(() => entries);
      await source.choose(() => entries);
      expect(source.uses()).toBe(uses);
      await source.stop();
    }
  } finally {
    folder.remove();
  }
});

test('a burst that comes while chokidar still looks at the tree ends that look, which may not end by itself', async () => {
  const folder = temporaryFolder('local');
  try {
    const ears = new Ears();
    const left: string[] = [];
    const stopped = Promise.withResolvers<void>();
    const source = createLocalSource({
      root: folder.path,
      watch: 'auto',
      listener: ears,
      later: true,
      chokidarBurst: 20,
      onLeft: (message) => left.push(message),
      chokidar: () => ({
        start: () => stopped.promise,
        rewatch: async () => ({ fresh: [], unwatched: [] }),
        poll: async () => undefined,
        stop: async () => stopped.resolve(),
      }),
    });
    await source.start();
    const choosing = source.choose(() => 0);
    await new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 30; i++) writeFileSync(join(folder.path, `f${i}`), '');
    await source.poll();
    expect(left).toHaveLength(1);
    await withDeadline(choosing, 5_000, 'it is given up');
    expect(source.uses()).toBe('inotify');
    await source.stop();
  } finally {
    folder.remove();
  }
});

test('stopped while chokidar still looks at the tree, it ends', async () => {
  const folder = temporaryFolder('local');
  try {
    for (let i = 0; i < 500; i++) mkdirSync(join(folder.path, `d${i}`));
    const ears = new Ears();
    const source = createLocalSource({ root: folder.path, watch: 'auto', listener: ears, later: true });
    await source.start();
    const choosing = source.choose(() => 500);
    await new Promise((resolve) => setImmediate(resolve));
    expect(source.uses()).toBe('inotify');
    await withDeadline(source.stop(), 5_000, 'it ends');
    await withDeadline(choosing, 5_000, 'chokidar is given up');
    expect(ears.lost).toEqual([]);
  } finally {
    folder.remove();
  }
});
