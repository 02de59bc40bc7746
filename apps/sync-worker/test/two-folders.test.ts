import fs from 'node:fs';
import path from 'node:path';
import type { RelPath } from '@lazysync/event-model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listTrash } from '../src/trash.ts';
import { type TwoFolders, treeOf, twoFolders } from './support/two-folders.ts';

let pair: TwoFolders;
beforeEach(async () => {
  pair = await twoFolders();
});
afterEach(async () => {
  expect(fs.readdirSync(path.join(pair.local, '.lazysync/stage'))).toEqual([]);
  const staged = fs.readdirSync(path.join(pair.remote, '.lazysync/stage'), { recursive: true, withFileTypes: true });
  expect(staged.filter((one) => !one.isDirectory())).toEqual([]);
  expect([...pair.ports.base.intents(), ...pair.ports.base.leftovers()]).toEqual([]);
  await pair.close();
});

const write = (root: string, rel: string, text: string): void => {
  fs.mkdirSync(path.dirname(path.join(root, rel)), { recursive: true });
  fs.writeFileSync(path.join(root, rel), text);
};
const contents = (root: string): Record<string, string> =>
  Object.fromEntries(
    Object.keys(treeOf(root))
      .filter((rel) => fs.statSync(path.join(root, rel)).isFile())
      .map((rel) => [rel, fs.readFileSync(path.join(root, rel), 'utf8')]),
  );

test('a first rescan mirrors everything as stubs', async () => {
  write(pair.remote, 'a.txt', 'A');
  write(pair.remote, 'd/e/b.txt', 'B');
  fs.symlinkSync('a.txt', path.join(pair.remote, 'link'));
  await pair.rescan();
  expect(pair.tree('local')).toEqual({
    'a.txt': 'stub a.txt',
    d: 'directory',
    'd/e': 'directory',
    'd/e/b.txt': 'stub d/e/b.txt',
    link: 'link a.txt',
  });
  expect(contents(pair.local)).toEqual({ 'a.txt': 'A', 'd/e/b.txt': 'B', link: 'A' });
});

test('an opened stub becomes a copy with the same bytes, mode and mtime', async () => {
  write(pair.remote, 'a.txt', 'A');
  fs.chmodSync(path.join(pair.remote, 'a.txt'), 0o751);
  fs.utimesSync(path.join(pair.remote, 'a.txt'), 1_000_000.5, 1_000_000.5);
  await pair.rescan();
  await pair.open('a.txt');
  expect(pair.tree('local')).toEqual({ 'a.txt': 'file A' });
  const here = fs.statSync(path.join(pair.local, 'a.txt'), { bigint: true });
  const there = fs.statSync(path.join(pair.remote, 'a.txt'), { bigint: true });
  expect([here.mode, here.mtimeNs]).toEqual([there.mode, there.mtimeNs]);
  expect(await pair.change('local', 'create', 'a.txt')).toEqual(['in agreement']);
});

test('an edit goes up, a remote edit makes the copy a stub again', async () => {
  write(pair.local, 'a.txt', 'one');
  await pair.change('local', 'create', 'a.txt');
  expect(pair.tree('remote')).toEqual({ 'a.txt': 'file one' });
  write(pair.local, 'a.txt', 'two!');
  await pair.change('local', 'modify', 'a.txt');
  expect(pair.tree('remote')).toEqual({ 'a.txt': 'file two!' });
  expect(pair.trash('remote').length).toBe(1);
  write(pair.remote, 'a.txt', 'three three');
  await pair.change('remote', 'modify', 'a.txt');
  expect(pair.tree('local')).toEqual({ 'a.txt': 'stub a.txt' });
  expect(pair.trash('local').length).toBe(1);
});

test('deletes go to the trash on either side', async () => {
  for (const name of ['a', 'b', 'd/c', 'e/f', 'stays']) write(pair.remote, name, name);
  await pair.rescan();
  await pair.open('b');
  fs.rmSync(path.join(pair.local, 'a'));
  fs.rmSync(path.join(pair.local, 'd'), { recursive: true });
  await pair.change('local', 'delete', 'd', 'a');
  expect(Object.keys(pair.tree('remote'))).toEqual(['b', 'e', 'e/f', 'stays']);
  fs.rmSync(path.join(pair.remote, 'e'), { recursive: true });
  fs.rmSync(path.join(pair.remote, 'b'));
  await pair.change('remote', 'delete', 'e', 'b');
  expect(pair.tree('local')).toEqual({ stays: 'stub stays' });
  expect(pair.tree('remote')).toEqual({ stays: 'file stays' });
  expect(pair.trash('remote').length).toBe(2);
  expect(pair.trash('local').length).toBe(1);
});

test('a deleted folder of stubs and copies is one rename into the trash; a new file in it brings it back', async () => {
  for (const name of ['d/a', 'd/e/b', 'd/e/c', 'f/a', 'f/e/b', 'stays']) write(pair.remote, name, name);
  await pair.rescan();
  await pair.open('d/e/c');
  fs.rmSync(path.join(pair.local, 'd'), { recursive: true });
  fs.rmSync(path.join(pair.local, 'f'), { recursive: true });
  write(pair.remote, 'f/e/new', 'made meanwhile');
  await pair.change('local', 'delete', 'd', 'd/a', 'd/e', 'd/e/b', 'd/e/c', 'f', 'f/a', 'f/e', 'f/e/b');
  expect(contents(pair.remote)).toEqual({ 'f/e/new': 'made meanwhile', stays: 'stays' });
  expect(pair.tree('local')).toEqual({
    f: 'directory',
    'f/e': 'directory',
    'f/e/new': 'stub f/e/new',
    stays: 'stub stays',
  });
  expect(pair.trash('remote').length).toBe(5);
});

test('both changed: both are kept, the same change is adopted', async () => {
  write(pair.remote, 'a.txt', 'base');
  await pair.rescan();
  await pair.open('a.txt');
  write(pair.local, 'a.txt', 'local version');
  write(pair.remote, 'a.txt', 'remote version!');
  await pair.change('local', 'modify', 'a.txt');
  const conflict = 'a (conflict 2026-01-02 030405 host).txt';
  expect(pair.tree('local')).toEqual({ 'a.txt': 'stub a.txt', [conflict]: 'file local version' });
  expect(pair.tree('remote')).toEqual({ 'a.txt': 'file remote version!', [conflict]: 'file local version' });
  write(pair.local, 'same', 'S');
  write(pair.remote, 'same', 'S');
  await pair.change('local', 'create', 'same');
  expect(pair.tree('local')).toMatchObject({ same: 'file S' });
});

test('an edit beats a delete, on both sides', async () => {
  write(pair.remote, 'd/a', 'A');
  write(pair.remote, 'e/b', 'B');
  await pair.rescan();
  await pair.open('e/b');
  fs.rmSync(path.join(pair.local, 'd'), { recursive: true });
  write(pair.remote, 'd/a', 'A edited');
  await pair.change('local', 'delete', 'd', 'd/a');
  expect(contents(pair.local)).toMatchObject({ 'd/a': 'A edited' });
  fs.rmSync(path.join(pair.remote, 'e'), { recursive: true });
  write(pair.local, 'e/b', 'B edited');
  await pair.change('remote', 'delete', 'e');
  expect(contents(pair.remote)).toEqual({ 'd/a': 'A edited', 'e/b': 'B edited' });
});

test('a moved stub moves the remote file, no bytes, in either order of events', async () => {
  write(pair.remote, 'a', 'A');
  write(pair.remote, 'b', 'B');
  await pair.rescan();
  fs.mkdirSync(path.join(pair.local, 'd'));
  fs.renameSync(path.join(pair.local, 'a'), path.join(pair.local, 'd/a2'));
  await pair.change('local', 'create', 'd', 'd/a2');
  await pair.change('local', 'delete', 'a');
  fs.renameSync(path.join(pair.local, 'b'), path.join(pair.local, 'b2'));
  await pair.change('local', 'delete', 'b');
  await pair.change('local', 'create', 'b2');
  expect(pair.tree('local')).toEqual({ b2: 'stub b2', d: 'directory', 'd/a2': 'stub d/a2' });
  expect(pair.tree('remote')).toEqual({ b2: 'file B', d: 'directory', 'd/a2': 'file A' });
  expect(pair.trash('remote')).toEqual([]);
});

test('a moved folder of stubs and copies is one rename there', async () => {
  for (const name of ['d/a', 'd/e/b', 'd/e/c']) write(pair.remote, name, name);
  await pair.rescan();
  await pair.open('d/e/c');
  const inode = fs.statSync(path.join(pair.remote, 'd/e/c')).ino;
  fs.renameSync(path.join(pair.local, 'd'), path.join(pair.local, 'moved'));
  await pair.change('local', 'delete', 'd', 'd/a', 'd/e', 'd/e/b');
  await pair.change('local', 'create', 'moved', 'moved/a', 'moved/e', 'moved/e/b', 'moved/e/c');
  expect(pair.tree('local')).toEqual({
    moved: 'directory',
    'moved/a': 'stub moved/a',
    'moved/e': 'directory',
    'moved/e/b': 'stub moved/e/b',
    'moved/e/c': 'file d/e/c',
  });
  expect(contents(pair.remote)).toEqual({ 'moved/a': 'd/a', 'moved/e/b': 'd/e/b', 'moved/e/c': 'd/e/c' });
  expect(fs.statSync(path.join(pair.remote, 'moved/e/c')).ino).toBe(inode);
});

test('a copied stub gets a twin of the file, a swapped pair is swapped there', async () => {
  write(pair.remote, 'a', 'A');
  write(pair.remote, 'b', 'B');
  await pair.rescan();
  fs.symlinkSync(fs.readlinkSync(path.join(pair.local, 'a')), path.join(pair.local, 'copy'));
  await pair.change('local', 'create', 'copy');
  expect(contents(pair.remote)).toEqual({ a: 'A', b: 'B', copy: 'A' });
  for (const [from, to] of [
    ['a', 'x'],
    ['b', 'a'],
    ['x', 'b'],
  ] as const)
    fs.renameSync(path.join(pair.local, from), path.join(pair.local, to));
  await pair.change('local', 'modify', 'a', 'b');
  expect(contents(pair.remote)).toEqual({ a: 'B', b: 'A', copy: 'A' });
  expect(contents(pair.local)).toEqual({ a: 'B', b: 'A', copy: 'A' });
});

test('file, directory and link take turns at one path', async () => {
  write(pair.local, 'x', 'file');
  await pair.change('local', 'create', 'x');
  fs.rmSync(path.join(pair.local, 'x'));
  write(pair.local, 'x/y', 'inside');
  await pair.change('local', 'modify', 'x', 'x/y');
  expect(pair.tree('remote')).toEqual({ x: 'directory', 'x/y': 'file inside' });
  fs.rmSync(path.join(pair.remote, 'x'), { recursive: true });
  fs.symlinkSync('nowhere', path.join(pair.remote, 'x'));
  await pair.change('remote', 'modify', 'x');
  expect(pair.tree('local')).toEqual({ x: 'link nowhere' });
  fs.rmSync(path.join(pair.remote, 'x'));
  write(pair.remote, 'x', 'again');
  await pair.change('remote', 'modify', 'x');
  expect(pair.tree('local')).toEqual({ x: 'stub x' });
});

test('touch and chmod move no bytes', async () => {
  write(pair.local, 'a', 'A');
  await pair.change('local', 'create', 'a');
  const inode = fs.statSync(path.join(pair.remote, 'a')).ino;
  fs.chmodSync(path.join(pair.local, 'a'), 0o600);
  fs.utimesSync(path.join(pair.local, 'a'), 1000, 1000);
  await pair.change('local', 'modify', 'a');
  const there = fs.statSync(path.join(pair.remote, 'a'));
  expect([there.ino, there.mode & 0o777, there.mtimeMs]).toEqual([inode, 0o600, 1_000_000]);
});

test('what is ignored stays, and keeps its folder', async () => {
  write(pair.remote, 'd/a', 'A');
  await pair.rescan();
  write(pair.local, 'd/x.tmp', 'T');
  await pair.change('local', 'create', 'd/x.tmp');
  fs.rmSync(path.join(pair.remote, 'd'), { recursive: true });
  await pair.change('remote', 'delete', 'd');
  expect(pair.tree('local')).toEqual({ d: 'directory', 'd/x.tmp': 'file T' });
  expect(pair.tree('remote')).toEqual({});
  await pair.rescan();
  expect(pair.tree('remote')).toEqual({});
});

test('.lazysyncignore in the remote counts as soon as it is there, and deletes nothing', async () => {
  for (const name of ['keep/a', 'build/b', 'c.log']) write(pair.remote, name, name);
  await pair.rescan();
  write(pair.remote, '.lazysyncignore', 'build/\n*.log\n');
  await pair.change('remote', 'create', '.lazysyncignore');
  expect(Object.keys(pair.tree('remote'))).toEqual(['.lazysyncignore', 'build', 'build/b', 'c.log', 'keep', 'keep/a']);
  write(pair.remote, 'd.log', 'new');
  write(pair.local, 'build/new', 'new');
  fs.rmSync(path.join(pair.local, 'c.log'));
  await pair.change('local', 'create', 'build/new');
  fs.mkdirSync(path.join(pair.local, 'keep/build/x'), { recursive: true });
  write(pair.local, 'keep/build/x/y', 'new');
  await pair.change('local', 'create', 'keep/build', 'keep/build/x', 'keep/build/x/y');
  await pair.change('local', 'delete', 'c.log');
  await pair.rescan();
  expect(Object.keys(pair.tree('remote'))).toEqual([
    '.lazysyncignore',
    'build',
    'build/b',
    'c.log',
    'd.log',
    'keep',
    'keep/a',
  ]);
  expect(pair.tree('local')['d.log']).toBeUndefined();
});

test('a mass delete that nobody saw is held; approve carries it out, reject brings it back', async () => {
  for (let i = 0; i < 150; i++) write(pair.remote, `many/${i}`, String(i));
  for (let i = 0; i < 120; i++) write(pair.remote, `more/${i}`, String(i));
  await pair.rescan();
  const { holds } = pair.ports;
  fs.rmSync(path.join(pair.remote, 'many'), { recursive: true });
  const held = await pair.rescan().then(
    () => null,
    (error: unknown) => error as { message: string; hold: Parameters<typeof holds.show>[0] },
  );
  expect(held?.message).toMatch(/^151 of 272 entries are gone in remote/);
  expect(Object.keys(pair.tree('local')).length).toBe(272);
  holds.show(held!.hold);
  expect(holds.decide('approve')?.lost).toBe('remote');
  await pair.rescan();
  expect(Object.keys(pair.tree('local')).length).toBe(121);
  fs.rmSync(path.join(pair.local, 'more'), { recursive: true });
  const again = await pair.rescan().then(
    () => null,
    (error: unknown) => error as { hold: Parameters<typeof holds.show>[0] },
  );
  holds.show(again!.hold);
  holds.decide('reject');
  await pair.rescan();
  expect(Object.keys(pair.tree('local')).length).toBe(121);
  expect(Object.keys(pair.tree('remote')).length).toBe(121);
  expect(pair.trash('remote')).toEqual([]);
});

describe('commands', () => {
  let count = 0;
  const command = (
    name: 'get' | 'free' | 'pin' | 'unpin' | 'restore' | 'empty-trash',
    at: string,
    arg?: string,
  ): Promise<string[]> => {
    const event = { kind: 'command', side: 'local', path: at as RelPath, id: `c-${count++}`, command: name } as const;
    return pair.work(arg === undefined ? event : { ...event, arg });
  };

  test('get brings a folder here, free makes stubs of it again, and keeps what has changed', async () => {
    for (const name of ['d/a', 'd/e/b', 'other']) write(pair.remote, name, name);
    await pair.rescan();
    await command('get', 'd');
    expect(pair.tree('local')).toMatchObject({ 'd/a': 'file d/a', 'd/e/b': 'file d/e/b', other: 'stub other' });
    write(pair.local, 'd/a', 'edited here');
    expect(await command('free', 'd')).toEqual(['2 freed']);
    expect(contents(pair.remote)).toMatchObject({ 'd/a': 'edited here' });
    expect(pair.tree('local')).toMatchObject({ 'd/a': 'stub d/a', 'd/e/b': 'stub d/e/b' });
    await command('get', 'd/e/b');
    fs.rmSync(path.join(pair.remote, 'd/e/b'));
    await command('free', 'd/e/b');
    expect(pair.trash('local').some((name) => name.endsWith('/d/e/b'))).toBe(true);
  });

  test('free takes no copy that was edited while the remote was looked at', async () => {
    write(pair.remote, 'a', 'one');
    await pair.rescan();
    await command('get', 'a');
    const { remote } = pair.ports;
    const { look } = remote;
    remote.look = async (paths) => {
      const seen = await look(paths);
      if (paths.includes('a' as RelPath)) write(pair.local, 'a', 'edited just now');
      return seen;
    };
    expect(await command('free', 'a')).toEqual(['0 freed; kept: a has changed in local']);
    remote.look = look;
    expect(pair.tree('local')).toEqual({ a: 'file edited just now' });
    await pair.rescan();
    expect(pair.tree('remote')).toEqual({ a: 'file edited just now' });
  });

  test('free takes a copy that was only touched, and none with new content of the same size and time', async () => {
    for (const name of ['a', 'b']) write(pair.remote, name, 'one');
    await pair.rescan();
    await command('get', '');
    const { remote } = pair.ports;
    const { look } = remote;
    remote.look = async (paths) => {
      const seen = await look(paths);
      for (const name of ['a', 'b'].filter((one) => paths.includes(one as RelPath))) {
        const full = path.join(pair.local, name);
        const { atime, mtime } = fs.statSync(full);
        if (name === 'b') write(pair.local, 'b', 'two');
        fs.utimesSync(full, atime, mtime);
      }
      return seen;
    };
    const said = await command('free', '');
    remote.look = look;
    expect(said).toEqual(['1 freed; kept: b has changed in local']);
    expect(pair.tree('local')).toEqual({ a: 'stub a', b: 'file two' });
  });

  test('what is pinned is a copy, also when it is new, and is not freed', async () => {
    write(pair.remote, 'notes/a.md', 'A');
    await pair.rescan();
    await command('pin', '', '*.md');
    expect(pair.tree('local')).toMatchObject({ 'notes/a.md': 'file A' });
    write(pair.remote, 'notes/b.md', 'B');
    write(pair.remote, 'notes/c.txt', 'C');
    await pair.change('remote', 'create', 'notes/b.md', 'notes/c.txt');
    expect(pair.tree('local')).toMatchObject({ 'notes/b.md': 'file B', 'notes/c.txt': 'stub notes/c.txt' });
    expect(await command('free', 'notes')).toEqual(['0 freed; kept: notes/a.md is pinned, notes/b.md is pinned']);
    await command('unpin', '', '*.md');
    expect(await command('free', 'notes')).toEqual(['2 freed']);
  });

  test('what was deleted comes back out of the trash, on either side, beside what has taken its name', async () => {
    for (const name of ['a', 'd/b', 'd/c', 'stays']) write(pair.remote, name, name);
    await pair.rescan();
    await pair.open('a');
    fs.rmSync(path.join(pair.local, 'd'), { recursive: true });
    await pair.change('local', 'delete', 'd', 'd/b', 'd/c');
    fs.rmSync(path.join(pair.remote, 'a'));
    await pair.change('remote', 'delete', 'a');
    const items = await listTrash(pair.ports, 100);
    expect(items.map(({ side, path: at, kind }) => `${side} ${kind} ${at}`).sort()).toEqual([
      'local file a',
      'remote directory d',
      'remote file d/b',
      'remote file d/c',
    ]);
    const place = (at: string): string =>
      items.filter((one) => one.path === at).map((one) => `${one.side}:${one.slot}`)[0] ?? '';
    expect(await command('restore', 'd', place('d'))).toEqual(['restored as d']);
    write(pair.remote, 'a', 'another');
    await pair.change('remote', 'create', 'a');
    expect(await command('restore', 'a', place('a'))).toEqual(['restored as a (restored)']);
    expect(contents(pair.remote)).toEqual({
      a: 'another',
      'a (restored)': 'a',
      'd/b': 'd/b',
      'd/c': 'd/c',
      stays: 'stays',
    });
    expect(contents(pair.local)).toEqual(contents(pair.remote));
    await pair.rescan();
    expect(contents(pair.remote)['d/b']).toBe('d/b');
    fs.rmSync(path.join(pair.local, 'stays'));
    await pair.change('local', 'delete', 'stays');
    expect(await command('empty-trash', '', String(3_600_000))).toEqual(['0 removed for good']);
    expect(pair.trash('remote').length).toBe(1);
    expect(await command('empty-trash', '')).toEqual(['1 removed for good']);
    expect([...pair.trash('local'), ...pair.trash('remote')]).toEqual([]);
  });
});

describe('large uploads go up beside the lane', () => {
  const large = (letter: string): string => letter.repeat((1 << 20) + 7);

  test('a new one and an edit arrive whole, and a small change is not held up', async () => {
    write(pair.local, 'big', large('a'));
    expect(await pair.change('local', 'create', 'big')).toEqual(['upload begun', 'upload in remote (new in local)']);
    write(pair.local, 'big', large('b'));
    write(pair.local, 'small', 'small');
    const said = await pair.change('local', 'modify', 'big', 'small');
    expect(said).toEqual(['upload begun', 'upload in remote (new in local)', 'upload in remote (changed in local)']);
    expect(fs.readFileSync(path.join(pair.remote, 'big'), 'utf8')).toBe(large('b'));
    expect(fs.readFileSync(path.join(pair.remote, 'small'), 'utf8')).toBe('small');
    expect(pair.trash('remote').map((rel) => path.basename(rel))).toEqual(['big']);
    expect(pair.ports.base.transfers()).toEqual([]);
  });

  test('one that is changed or removed meanwhile does not arrive, and leaves nothing behind', async () => {
    const { remote } = pair.ports;
    const stage = remote.stage;
    let changing: (() => void) | null = () => write(pair.local, 'big', `${large('b')}longer`);
    Object.assign(remote, {
      stage: async (order: Parameters<typeof stage>[0]) => {
        const outcome = await stage(order);
        changing?.();
        changing = null;
        return outcome;
      },
    });
    write(pair.local, 'big', large('a'));
    await pair.change('local', 'create', 'big');
    expect(fs.readFileSync(path.join(pair.remote, 'big'), 'utf8')).toBe(`${large('b')}longer`);
    changing = () => fs.rmSync(path.join(pair.local, 'gone'));
    write(pair.local, 'gone', large('c'));
    await pair.change('local', 'create', 'gone');
    expect(fs.existsSync(path.join(pair.remote, 'gone'))).toBe(false);
    expect(pair.ports.base.transfers()).toEqual([]);
  });
});

test('a download leaves free what is to stay free, and says so', async () => {
  write(pair.remote, 'f', 'x'.repeat(500));
  await pair.rescan();
  pair.free.bytes = 1_400;
  await pair.open('f');
  expect(pair.tree('local').f).toBe('stub f');
  expect(pair.ports.base.problems().map(({ code }) => code)).toEqual(['no-space']);
  expect(pair.ports.base.problems()[0]?.message).toMatch(
    /500 bytes are needed and 1000 are to stay free .* 1400 are free/,
  );
  pair.free.bytes = 1_500;
  await pair.open('f');
  expect(pair.tree('local').f).toBe(`file ${'x'.repeat(500)}`);
  expect(pair.ports.base.problems()).toEqual([]);
});

test('moved in local and removed in remote at once: no stub of nothing is left', async () => {
  write(pair.remote, 'd/a', 'one');
  write(pair.remote, 'd/b', 'two');
  await pair.rescan();
  fs.renameSync(path.join(pair.local, 'd/a'), path.join(pair.local, 'moved'));
  fs.rmSync(path.join(pair.remote, 'd/a'));
  await pair.change('remote', 'delete', 'd/a');
  await pair.change('local', 'delete', 'd/a');
  await pair.change('local', 'create', 'moved');
  expect(pair.tree('local')).toEqual({ d: 'directory', 'd/b': 'stub d/b' });
  expect(pair.tree('remote')).toEqual({ d: 'directory', 'd/b': 'file two' });
  expect(pair.ports.base.problems()).toEqual([]);
});
