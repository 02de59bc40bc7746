import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { anchorOf, type FileStat, relPath } from '@lazysync/event-model';
import { systemClock } from '@lazysync/ops';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createDiskFs,
  type DiskFs,
  type FetchContext,
  FsError,
  type FsPort,
  fetchFile,
  hashFile,
  type Listing,
  list,
  look,
  type OpenFile,
  RemoteOffline,
} from '../src/index.ts';

let base: string;
let dir: string;
let local: string;
let tree: DiskFs;
let localTree: DiskFs;
/** The same folder as `tree`, as one on a disk of this host. */
let atOnce: DiskFs;

beforeEach(() => {
  base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'looking-')));
  dir = `${base}/remote`;
  local = `${base}/local`;
  fs.mkdirSync(dir);
  fs.mkdirSync(`${local}/.lazysync/stage`, { recursive: true });
  tree = createDiskFs({ root: dir, mode: 'mount' });
  localTree = createDiskFs({ root: local, mode: 'local' });
  atOnce = createDiskFs({ root: dir, mode: 'local' });
});
afterEach(() => {
  tree.close();
  localTree.close();
  atOnce.close();
  fs.rmSync(base, { recursive: true, force: true });
});

const write = (name: string, content: string | Buffer) => fs.writeFileSync(`${dir}/${name}`, content);
const sha = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');

/** The tree with some of its calls replaced. */
function but(calls: Partial<FsPort>): FsPort {
  return { ...tree, ...calls };
}

function failing(code: string): () => Promise<never> {
  return () => Promise.reject(new FsError(code, 'test', ''));
}

describe('look', () => {
  const options = () => ({ anchors: [anchorOf(local), '/old/.lazysync/remote'], parallel: 4 });

  it('tells each kind of entry', async () => {
    write('f', 'abc');
    fs.mkdirSync(`${dir}/d`, { mode: 0o750 });
    fs.symlinkSync('f', `${dir}/l`);
    fs.symlinkSync(`${anchorOf(local)}/x/y`, `${dir}/stub`);
    fs.symlinkSync('/old/.lazysync/remote/x', `${dir}/old`);
    fs.symlinkSync('/else/.lazysync/remote/x', `${dir}/foreign`);
    fs.symlinkSync(`${anchorOf(local)}/../x`, `${dir}/odd`);
    execFileSync('mkfifo', [`${dir}/p`]);
    const names = ['f', 'd', 'l', 'stub', 'old', 'foreign', 'odd', 'p', 'nope', 'nope/x', 'f/x', 'l/x', 'stub/x'];
    const entries = await look(tree, names.map(relPath), options());
    expect(entries).toMatchObject([
      { kind: 'file', stat: { size: 3, mode: fs.statSync(`${dir}/f`).mode & 0o7777 } },
      { kind: 'directory', mode: fs.statSync(`${dir}/d`).mode & 0o7777 },
      { kind: 'symlink', target: 'f' },
      { kind: 'stub', points: 'x/y', identity: { ino: fs.lstatSync(`${dir}/stub`, { bigint: true }).ino } },
      { kind: 'stub', points: 'x' },
      { kind: 'stub', points: null },
      { kind: 'stub', points: null },
      { kind: 'other', what: 'pipe' },
      ...Array.from({ length: 5 }, () => ({ kind: 'absent' })),
    ]);
  });

  it('takes nothing for absent that it could not see', async () => {
    write('f', 'abc');
    fs.symlinkSync('f', `${dir}/l`);
    for (const code of ['EACCES', 'EIO', 'ESTALE']) {
      const [entry] = await look(but({ lstat: failing(code) }), [relPath('f')], options());
      expect(entry).toEqual({ kind: 'unknown', reason: code });
    }
    const { size, mtimeNs } = fs.lstatSync(`${dir}/l`, { bigint: true });
    for (const code of ['EPERM', 'EACCES', 'EILSEQ']) {
      const [entry] = await look(but({ readlink: failing(code) }), [relPath('l')], options());
      expect(entry).toEqual({ kind: 'unknown', reason: code, link: { size: Number(size), mtimeNs } });
    }
    // The link is there, its text is not to be had.
    const [entry] = await look(but({ readlink: failing('ENOENT') }), [relPath('l')], options());
    expect(entry?.kind).toBe('unknown');
  });

  it('says that a mount without its server is offline', async () => {
    for (const code of ['ENOTCONN', 'ETIMEDOUT', 'EHOSTDOWN']) {
      const lost = but({ lstat: failing(code) });
      await expect(look(lost, [relPath('f')], options())).rejects.toBeInstanceOf(RemoteOffline);
    }
  });

  it('sees a link that became a file meanwhile', async () => {
    fs.symlinkSync('f', `${dir}/x`);
    let first = true;
    const swapping = but({
      readlink: async (name) => {
        if (first) {
          fs.unlinkSync(`${dir}/x`);
          write('x', 'abc');
        }
        first = false;
        return await tree.readlink(name);
      },
    });
    const [entry] = await look(swapping, [relPath('x')], options());
    expect(entry).toMatchObject({ kind: 'file', stat: { size: 3 } });
  });

  it('knows a file system that is mounted inside', async () => {
    const mounted = but({
      lstat: async (name) => {
        const stat = await tree.lstat(name);
        return name === 'd' ? { ...stat, dev: stat.dev + 1n } : stat;
      },
    });
    fs.mkdirSync(`${dir}/d`);
    const [entry] = await look(mounted, [relPath('d')], options());
    expect(entry).toEqual({ kind: 'other', what: 'file system mounted inside' });
    expect(await list(mounted, [{ path: relPath('d') }], { ...options(), exact: true })).toMatchObject([
      { kind: 'unreadable' },
    ]);
  });
});

describe.each([true, false])('list, exact %s', (exact) => {
  const options = () => ({ anchors: [anchorOf(local)], parallel: 4, exact });
  // What is exact is looked at in another way, without threads.
  async function one(name: string, known?: string, port: FsPort = exact ? atOnce : tree): Promise<Listing> {
    const query = { path: relPath(name), ...(known === undefined ? {} : { known }) };
    const [listing] = await list(port, [query], options());
    return listing as Listing;
  }
  function listingOf(listing: Listing): Extract<Listing, { kind: 'listing' }> {
    if (listing.kind !== 'listing') throw new Error(`it is ${listing.kind}`);
    return listing;
  }

  it('leaves out what is ours, and names what can not be synced', async () => {
    fs.mkdirSync(`${dir}/.lazysync`);
    fs.mkdirSync(`${dir}/d/.lazysync`, { recursive: true });
    write('.lazysync-abc-1.part', 'x');
    write('b', 'x');
    write('a', 'x');
    fs.symlinkSync('a', `${dir}/l`);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/bad`), Buffer.from([0xff])]), 'x');
    const listing = listingOf(await one(''));
    expect(listing.names.map(({ name, entry }) => [name, entry.kind])).toEqual([
      ['a', 'file'],
      ['b', 'file'],
      ['d', 'directory'],
      ['l', 'symlink'],
    ]);
    expect(listing).toMatchObject({ unsyncable: ['bad\\xff'], partial: false });
    expect(listingOf(await one('d')).names.map(({ name }) => name)).toEqual(['.lazysync']);
  });

  it('is the same until something in it shows something else', async () => {
    write('f', 'abc');
    fs.mkdirSync(`${dir}/d`);
    fs.symlinkSync('f', `${dir}/l`);
    let digest = listingOf(await one('')).digest;
    const unchanged = async () => expect(await one('', digest)).toEqual({ kind: 'same', path: '' });
    const changed = async () => {
      const next = listingOf(await one('', digest)).digest;
      expect(next).not.toBe(digest);
      digest = next;
    };
    await unchanged();
    fs.readFileSync(`${dir}/f`);
    fs.readlinkSync(`${dir}/l`);
    await tree.setLinkAtime('l', 946_684_800_000_000_000n);
    write('d/inside', 'x');
    await unchanged();
    write('f', 'abcd');
    await changed();
    fs.utimesSync(`${dir}/f`, 5, 5);
    await changed();
    fs.chmodSync(`${dir}/f`, 0o600);
    await changed();
    fs.unlinkSync(`${dir}/l`);
    fs.symlinkSync('g', `${dir}/l`);
    await changed();
    fs.renameSync(`${dir}/f`, `${dir}/g`);
    await changed();
    fs.chmodSync(`${dir}/d`, 0o700);
    await changed();
    fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/bad`), Buffer.from([0xff])]), 'x');
    await changed();
    await unchanged();
  });

  it('tells a folder that is gone from one that can not be read', async () => {
    write('f', 'x');
    fs.mkdirSync(`${dir}/d`);
    fs.symlinkSync('d', `${dir}/l`);
    for (const name of ['nope', 'f', 'l', 'nope/x']) expect(await one(name)).toEqual({ kind: 'gone', path: name });
    const closed = but({ scan: failing('EACCES') });
    expect(await one('d', undefined, closed)).toEqual({ kind: 'unreadable', path: 'd', reason: 'EACCES' });
    const away = but({ scan: failing('ESTALE'), lstat: failing('ESTALE') });
    expect(await one('d', undefined, away)).toEqual({ kind: 'unreadable', path: 'd', reason: 'ESTALE' });
  });

  it('is partial when something could not be looked at, not when it is gone', async () => {
    write('f', 'x');
    write('g', 'x');
    write('h', 'x');
    const torn = but({
      scan: async (name) => {
        const scanned = await tree.scan(name);
        const names = scanned.names().map((found) => {
          if (found.name === 'f') return { ...found, seen: 'EACCES' };
          return found.name === 'g' ? { ...found, seen: 'ENOENT' } : found;
        });
        return { print: null, names: () => names };
      },
    });
    const listing = listingOf(await one('', undefined, torn));
    expect(listing.partial).toBe(true);
    expect(listing.names).toMatchObject([
      { name: 'f', entry: { kind: 'unknown', reason: 'EACCES' } },
      { name: 'h', entry: { kind: 'file' } },
    ]);
    const port = { ...tree, lstat: tree.lstat, readdir: tree.readdir } as FsPort & { scan?: unknown };
    delete port.scan;
    expect(listingOf(await one('', undefined, port)).names).toHaveLength(3);
  });
});

it('a stub that is still the one that was known is not read again; another one under its name is', async () => {
  const anchor = anchorOf(local);
  const own = `${anchor}/d/s`;
  fs.mkdirSync(`${local}/d`);
  fs.symlinkSync(own, `${local}/d/s`);
  await localTree.setLinkAtime('d/s', 946_684_800_000_000_000n);
  const { dev, ino, birthNs } = await localTree.lstat('d/s');
  expect(birthNs).not.toBe(0n);
  const stubs = new Map([['s', { dev, ino, birthNs }]]);
  const reads: string[] = [];
  const counting: FsPort = {
    ...localTree,
    readlink: async (name) => (reads.push(name), await localTree.readlink(name)),
  };
  const entryIn = async (anchors: readonly [string, ...string[]], exact = true) => {
    const [found] = await list(counting, [{ path: relPath('d'), stubs: () => stubs }], { anchors, parallel: 1, exact });
    return found?.kind === 'listing' ? found.names[0]?.entry : found;
  };
  const stub = { kind: 'stub', target: own, points: 'd/s', identity: { dev, ino, birthNs } };
  expect(await entryIn([anchor])).toEqual(stub);
  expect(reads).toEqual([]);
  expect((await localTree.lstat('d/s')).atimeNs).toBe(946_684_800_000_000_000n);
  // It may lead through either.
  expect(await entryIn([anchor, '/elsewhere/.lazysync/remote'])).toEqual(stub);
  expect(reads).toEqual(['d/s']);
  expect(await entryIn([anchor], false)).toEqual(stub);
  expect(reads).toHaveLength(2);
  fs.symlinkSync('other', `${local}/d/new`);
  fs.renameSync(`${local}/d/new`, `${local}/d/s`);
  expect(await entryIn([anchor])).toEqual({ kind: 'symlink', target: 'other' });
});

it('a look at many paths at once says what a look at each says', async () => {
  fs.mkdirSync(`${dir}/a/b`, { recursive: true });
  fs.mkdirSync(`${dir}/many`);
  for (let i = 0; i < 1_100; i++) write(`many/${i}`, `${i}`);
  write('a/f', 'abc');
  write('a/b/g', 'x');
  fs.symlinkSync('b', `${dir}/a/link-to-folder`);
  fs.symlinkSync(`${anchorOf(local)}/a/f`, `${dir}/a/stub`);
  fs.symlinkSync('nowhere', `${dir}/dangling`);
  execFileSync('mkfifo', [`${dir}/a/pipe`]);
  const some = ['', 'a', 'a/f', 'a/nope', 'a/b', 'a/b/g', 'a/link-to-folder', 'a/link-to-folder/g', 'a/stub', 'a/pipe'];
  const none = ['dangling', 'nope', 'nope/x', 'a/f/x', 'a/f', 'a/'.padEnd(300, 'n')];
  const paths = [...some, ...none, ...Array.from({ length: 1_100 }, (_, i) => `many/${i}`)].map((one) => relPath(one));
  const options = { anchors: [anchorOf(local)], parallel: 4 };
  const each = [];
  for (const one of paths) each.push(...(await look(atOnce, [one], options)));
  expect(await look(atOnce, paths, options)).toEqual(each);
  expect(await look(tree, paths, options)).toEqual(each);
  expect(new Set(each.map(({ kind }) => kind))).toEqual(
    new Set(['directory', 'file', 'absent', 'symlink', 'stub', 'other', 'unknown']),
  );
});

it('a list of an unchanged local folder leaves the atimes of its stubs alone', async () => {
  fs.symlinkSync(`${anchorOf(local)}/s`, `${local}/s`);
  const options = { anchors: [anchorOf(local)], parallel: 1, exact: true };
  const [first] = await list(localTree, [{ path: relPath('') }], options);
  await localTree.setLinkAtime('s', 946_684_800_000_000_000n);
  const other = createDiskFs({ root: local, mode: 'local' }); // one that has read no link yet
  const digest = first?.kind === 'listing' ? first.digest : '';
  expect(await list(other, [{ path: relPath(''), known: digest }], options)).toEqual([{ kind: 'same', path: '' }]);
  expect((await localTree.lstat('s')).atimeNs).toBe(946_684_800_000_000_000n);
  other.close();
});

/** Does something to the file once that many reads were made. */
function afterReads(reads: number, act: () => void): FsPort {
  return but({
    openRead: async (name): Promise<OpenFile> => {
      const file = await tree.openRead(name);
      let left = reads;
      return {
        ...file,
        read: async (into, at) => {
          const got = await file.read(into, at);
          if (--left === 0) act();
          return got;
        },
      };
    },
  });
}

describe('hash', () => {
  const context = { side: 'remote', anchors: [] } as const;
  async function expected(name: string): Promise<FileStat> {
    const [entry] = await look(tree, [relPath(name)], { anchors: [], parallel: 1 });
    if (entry?.kind !== 'file') throw new Error('no file');
    return entry.stat;
  }

  it.each([0, 5, 262_144, 1_048_577, 5_000_000])('of %i bytes', async (size) => {
    const content = Buffer.alloc(size, 'lazysync!');
    write('f', content);
    const outcome = await hashFile(tree, relPath('f'), await expected('f'), context);
    expect(outcome).toMatchObject({ kind: 'hash', hash: sha(content), stat: { size } });
  });

  it('is stale when it is another file, or changes meanwhile', async () => {
    write('f', Buffer.alloc(3_000_000, 'x'));
    const stat = await expected('f');
    expect(await hashFile(tree, relPath('nope'), stat, context)).toEqual({ kind: 'stale', saw: { kind: 'absent' } });
    fs.mkdirSync(`${dir}/d`);
    expect(await hashFile(tree, relPath('d'), stat, context)).toMatchObject({
      kind: 'stale',
      saw: { kind: 'directory' },
    });
    const older = { ...stat, mtimeNs: stat.mtimeNs - 1n };
    expect(await hashFile(tree, relPath('f'), older, context)).toMatchObject({ kind: 'stale', saw: { kind: 'file' } });
    const torn = afterReads(2, () => fs.appendFileSync(`${dir}/f`, 'more'));
    expect(await hashFile(torn, relPath('f'), stat, context)).toMatchObject({ kind: 'stale', saw: { kind: 'file' } });
    const cut = afterReads(2, () => fs.truncateSync(`${dir}/f`, 10));
    expect(await hashFile(cut, relPath('f'), await expected('f'), context)).toMatchObject({ kind: 'stale' });
  });

  it('says why it could not be read', async () => {
    write('f', 'x');
    const stat = await expected('f');
    const closed = but({ openRead: failing('EACCES') });
    expect(await hashFile(closed, relPath('f'), stat, context)).toMatchObject({
      kind: 'failed',
      problem: { code: 'no-permission', path: 'f', side: 'remote' },
    });
    const lost = but({ openRead: failing('ENOTCONN') });
    await expect(hashFile(lost, relPath('f'), stat, context)).rejects.toBeInstanceOf(RemoteOffline);
  });
});

describe('fetch', () => {
  const order = { path: relPath('f'), slot: 'slot-1', limit: null };
  const stage = () => `${local}/.lazysync/stage/slot-1`;
  function context(more: Partial<FetchContext> = {}): FetchContext {
    return { remote: tree, local: localTree, anchors: [], clock: systemClock, ...more };
  }

  it.each([0, 1, 65_536, 1_048_576, 7_654_321])('brings %i bytes whole, with their time and mode', async (size) => {
    const content = Buffer.alloc(size, 'abcdefg');
    write('f', content);
    fs.chmodSync(`${dir}/f`, 0o640);
    await tree.setMtime('f', 1_600_000_000_123_456_789n);
    fs.writeFileSync(stage(), 'an older try');
    const outcome = await fetchFile(order, context());
    const shown = { size, mode: 0o640, mtimeNs: 1_600_000_000_123_456_789n };
    expect(outcome).toMatchObject({ kind: 'staged', hash: sha(content), remote: shown, staged: shown });
    expect(fs.readFileSync(stage()).equals(content)).toBe(true);
    if (outcome.kind !== 'staged') throw new Error('not staged');
    expect(fs.lstatSync(stage(), { bigint: true }).ino).toBe(outcome.staged.ino);
  });

  it('keeps holes', async () => {
    const content = Buffer.alloc(8 * 1024 * 1024);
    content.write('in the middle', 3_000_000);
    write('f', content);
    const outcome = await fetchFile(order, context());
    expect(outcome).toMatchObject({ kind: 'staged', hash: sha(content), staged: { size: content.length } });
    expect(fs.readFileSync(stage()).equals(content)).toBe(true);
    expect(fs.statSync(stage()).blocks * 512).toBeLessThan(1_000_000);
  });

  it('is stale when somebody writes meanwhile, and leaves nothing behind', async () => {
    write('f', Buffer.alloc(4_000_000, 'x'));
    const grown = afterReads(3, () => fs.appendFileSync(`${dir}/f`, 'more'));
    expect(await fetchFile(order, context({ remote: grown }))).toMatchObject({ kind: 'stale', saw: { kind: 'file' } });
    const cut = afterReads(1, () => fs.truncateSync(`${dir}/f`, 100));
    expect(await fetchFile(order, context({ remote: cut }))).toMatchObject({
      kind: 'stale',
      saw: { stat: { size: 100 } },
    });
    const inPlace = afterReads(1, () => {
      const fd = fs.openSync(`${dir}/f`, 'r+');
      fs.writeSync(fd, 'y', 0);
      fs.closeSync(fd);
    });
    expect(await fetchFile(order, context({ remote: inPlace }))).toMatchObject({ kind: 'stale' });
    fs.unlinkSync(`${dir}/f`);
    expect(await fetchFile(order, context())).toEqual({ kind: 'stale', saw: { kind: 'absent' } });
    fs.mkdirSync(`${dir}/f`);
    expect(await fetchFile(order, context())).toMatchObject({ kind: 'stale', saw: { kind: 'directory' } });
    expect(fs.readdirSync(`${local}/.lazysync/stage`)).toEqual([]);
  });

  it('does not read to its end what has changed', async () => {
    write('f', Buffer.alloc(48 << 20, 'x'));
    let read = 0;
    const changing = afterReads(10, () => fs.appendFileSync(`${dir}/f`, 'more'));
    const counted: FsPort = {
      ...changing,
      openRead: async (name) => {
        const file = await changing.openRead(name);
        return {
          ...file,
          read: async (into, at) => {
            const got = await file.read(into, at);
            read += got;
            return got;
          },
        };
      },
    };
    expect(await fetchFile(order, context({ remote: counted }))).toMatchObject({
      kind: 'stale',
      saw: { kind: 'file' },
    });
    expect(read).toBeLessThan(40 << 20);
    expect(fs.readdirSync(`${local}/.lazysync/stage`)).toEqual([]);
  });

  it('says no-space, and leaves nothing behind', async () => {
    write('f', Buffer.alloc(2_000_000, 'x'));
    const full: FsPort = {
      ...localTree,
      create: async (name, mode) => {
        const file = await localTree.create(name, mode);
        return { ...file, write: (bytes, at) => (at > 500_000 ? failing('ENOSPC')() : file.write(bytes, at)) };
      },
    };
    expect(await fetchFile(order, context({ local: full }))).toMatchObject({
      kind: 'failed',
      problem: { code: 'no-space', side: 'local', path: 'f' },
    });
    expect(fs.readdirSync(`${local}/.lazysync/stage`)).toEqual([]);
    expect(await fetchFile(order, context({ remote: but({ openRead: failing('EIO') }) }))).toMatchObject({
      kind: 'broken-off',
      problem: { code: 'unreadable', side: 'remote' },
    });
  });

  it('keeps to its limit and tells how far it is', async () => {
    write('f', Buffer.alloc(1_000_000, 'x'));
    let now = 0;
    const clock = {
      now: () => 0,
      elapsed: () => now,
      sleep: (ms: number) => {
        now += ms;
        return Promise.resolve();
      },
    };
    const progress: number[] = [];
    const outcome = await fetchFile(
      { ...order, limit: 100_000 },
      context({ clock, progress: (bytes) => progress.push(bytes) }),
    );
    expect(outcome.kind).toBe('staged');
    expect(now).toBeGreaterThanOrEqual(9_999);
    expect(now).toBeLessThan(10_100);
    expect(progress).toEqual([131_072, 262_144, 393_216, 524_288, 655_360, 786_432, 917_504, 1_000_000]);
  });
});
