import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { anchorOf } from '@lazysync/event-model';
import { mountOf, parseMountinfo } from '@lazysync/ops';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createDiskFs,
  createMarkerCheck,
  type DiskFs,
  FsError,
  type FsPort,
  factsOf,
  findPair,
  type MarkerOptions,
  pointAnchor,
  prepareOwnFolder,
  probeQuickly,
  probeTree,
  RemoteOffline,
  readAnchor,
  readPairFile,
  stepOf,
  writePairFile,
} from '../src/index.ts';

let base: string;
let dir: string;
let tree: DiskFs;
let now: number;

beforeEach(() => {
  base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'roots-')));
  dir = `${base}/root`;
  fs.mkdirSync(dir);
  tree = createDiskFs({ root: dir, mode: 'mount' });
  now = Date.UTC(2030, 0, 1);
});
afterEach(() => {
  tree.close();
  fs.rmSync(base, { recursive: true, force: true });
});

const wish = (known: string | null = null) => ({ pair: 'p', known, fresh: 'aaaaaaaa-1111' });
const marker = () => `${dir}/.lazysync/root.json`;

function options(more: Partial<MarkerOptions> = {}): MarkerOptions {
  const clock = { now: () => now, elapsed: () => now, sleep: () => Promise.resolve() };
  return { side: 'remote', root: dir, clock, readOnlyId: () => 'ext4 /dev/x', ...more };
}

function but(calls: Partial<FsPort>): FsPort {
  return { ...tree, ...calls };
}

function failing(code: string): () => Promise<never> {
  return () => Promise.reject(new FsError(code, 'test', ''));
}

describe('prepareOwnFolder', () => {
  it('leaves nothing of its trial, whoever was killed in the middle of one', async () => {
    fs.mkdirSync(`${dir}/.lazysync/stage`, { recursive: true });
    fs.writeFileSync(`${dir}/.lazysync/stage/.trial`, '');
    expect(await prepareOwnFolder(tree, wish(), options())).toMatchObject({ kind: 'ready', readOnly: false });
    expect(fs.readdirSync(`${dir}/.lazysync/stage`)).toEqual([]);
  });

  it('makes the folder and the marker, and takes them over afterwards', async () => {
    expect(await prepareOwnFolder(tree, wish(), options())).toEqual({
      kind: 'ready',
      uuid: 'aaaaaaaa-1111',
      readOnly: false,
    });
    expect(JSON.parse(fs.readFileSync(marker(), 'utf8'))).toEqual({
      v: 1,
      uuid: 'aaaaaaaa-1111',
      pair: 'p',
      madeAt: '2030-01-01T00:00:00.000Z',
    });
    expect(fs.readdirSync(`${dir}/.lazysync`).sort()).toEqual(['root.json', 'stage', 'trash']);
    expect(fs.readdirSync(`${dir}/.lazysync/stage`)).toEqual([]);
    const other = { pair: 'q', known: null, fresh: 'bbbbbbbb-2222' };
    expect(await prepareOwnFolder(tree, other, options())).toMatchObject({ kind: 'ready', uuid: 'aaaaaaaa-1111' });
    expect(await prepareOwnFolder(tree, wish('aaaaaaaa-1111'), options())).toMatchObject({ kind: 'ready' });
  });

  it('keeps the local own folder to its user', async () => {
    await prepareOwnFolder(tree, wish(), options({ side: 'local' }));
    expect(fs.statSync(`${dir}/.lazysync`).mode & 0o777).toBe(0o700);
  });

  it('refuses a root without the marker that is known, or with another, and touches nothing', async () => {
    const none = await prepareOwnFolder(tree, wish('known'), options());
    expect(none).toMatchObject({ kind: 'refused', message: expect.stringMatching(/does not carry its marker.*adopt/) });
    expect(fs.readdirSync(dir)).toEqual([]);
    await prepareOwnFolder(tree, wish(), options());
    const other = await prepareOwnFolder(tree, wish('known'), options());
    expect(other).toMatchObject({ kind: 'refused', message: expect.stringMatching(/another folder/) });
    fs.writeFileSync(marker(), '{"v":1,"uu');
    expect(await prepareOwnFolder(tree, wish(), options())).toMatchObject({ kind: 'refused' });
    fs.unlinkSync(marker());
    fs.symlinkSync('/etc/passwd', marker());
    expect(await prepareOwnFolder(tree, wish(), options())).toMatchObject({ kind: 'refused' });
  });

  it('refuses what is no folder, and roots that are not there', async () => {
    fs.writeFileSync(`${dir}/.lazysync`, 'x');
    expect(await prepareOwnFolder(tree, wish(), options())).toMatchObject({ kind: 'refused' });
    fs.unlinkSync(`${dir}/.lazysync`);
    fs.symlinkSync(base, `${dir}/.lazysync`);
    expect(await prepareOwnFolder(tree, wish(), options())).toMatchObject({ kind: 'refused' });
    fs.rmSync(dir, { recursive: true });
    expect(await prepareOwnFolder(tree, wish(), options())).toMatchObject({ kind: 'refused' });
    fs.mkdirSync(dir);
    const lost = but({ openRead: failing('ENOTCONN') });
    await expect(prepareOwnFolder(lost, wish(), options())).rejects.toBeInstanceOf(RemoteOffline);
  });

  it('writes nothing to a read-only remote, and knows it by its mount', async () => {
    const readOnly = but({ mkdir: failing('EROFS'), create: failing('EROFS') });
    const uuid = 'ro:ext4 /dev/x';
    expect(await prepareOwnFolder(readOnly, wish(), options())).toEqual({ kind: 'ready', uuid, readOnly: true });
    expect(await prepareOwnFolder(readOnly, wish(uuid), options())).toMatchObject({ kind: 'ready', uuid });
    const elsewhere = options({ readOnlyId: () => 'ext4 /dev/y' });
    expect(await prepareOwnFolder(readOnly, wish(uuid), elsewhere)).toMatchObject({ kind: 'refused' });
    expect(await prepareOwnFolder(readOnly, wish(), options({ side: 'local' }))).toMatchObject({ kind: 'refused' });
    // It has become writable since.
    expect(await prepareOwnFolder(tree, wish(uuid), options())).toMatchObject({ kind: 'ready', uuid: 'aaaaaaaa-1111' });
    const closed = but({ create: failing('EACCES') });
    expect(await prepareOwnFolder(closed, wish('aaaaaaaa-1111'), options())).toMatchObject({
      uuid: 'aaaaaaaa-1111',
      readOnly: true,
    });
  });

  it('makes one marker when two clients come at once, and does without links', async () => {
    const noLinks = but({ link: failing('EPERM'), renameNoReplace: failing('EINVAL') });
    expect(await prepareOwnFolder(noLinks, wish(), options())).toMatchObject({ uuid: 'aaaaaaaa-1111' });
    fs.rmSync(`${dir}/.lazysync`, { recursive: true });
    const found = await Promise.all(
      ['11111111', '22222222', '33333333'].map((fresh) =>
        prepareOwnFolder(tree, { pair: 'p', known: null, fresh }, options()),
      ),
    );
    const uuids = new Set(found.map((one) => (one.kind === 'ready' ? one.uuid : one.message)));
    expect(uuids.size).toBe(1);
    expect(fs.readdirSync(`${dir}/.lazysync`).sort()).toEqual(['root.json', 'stage', 'trash']);
  });
});

describe('createMarkerCheck', () => {
  it('sees a marker that is gone or another at once', async () => {
    await prepareOwnFolder(tree, wish(), options());
    let reads = 0;
    const counting = but({
      openRead: async (name) => {
        reads++;
        return await tree.openRead(name);
      },
    });
    const { check } = createMarkerCheck(counting, options());
    expect(await check('aaaaaaaa-1111')).toEqual({ kind: 'ok' });
    expect(await check('aaaaaaaa-1111')).toEqual({ kind: 'ok' });
    expect(reads).toBe(1);
    expect(await check('aaaaaaaa-1111', true)).toEqual({ kind: 'ok' });
    expect(reads).toBe(2);
    now += 10_001;
    expect(await check('aaaaaaaa-1111')).toEqual({ kind: 'ok' });
    expect(reads).toBe(3);
    expect(await check('other')).toMatchObject({ kind: 'not-ours' });
    const text = fs.readFileSync(marker(), 'utf8');
    fs.writeFileSync(marker(), text.replace('aaaaaaaa', 'cccccccc'));
    expect(await check('aaaaaaaa-1111')).toMatchObject({ kind: 'not-ours', message: expect.stringMatching(/another/) });
    fs.unlinkSync(marker());
    expect(await check('aaaaaaaa-1111')).toMatchObject({ kind: 'not-ours', message: expect.stringMatching(/mounted/) });
    fs.writeFileSync(marker(), text);
    expect(await check('aaaaaaaa-1111')).toEqual({ kind: 'ok' });
  });

  it('lets nothing be seen of a root that is not ours, until it is again', async () => {
    await prepareOwnFolder(tree, wish(), options());
    const { check } = createMarkerCheck(tree, options());
    expect(await check('aaaaaaaa-1111')).toEqual({ kind: 'ok' });
    fs.renameSync(dir, `${dir}.away`);
    expect(await check('aaaaaaaa-1111', true)).toMatchObject({ kind: 'not-ours' });
    fs.mkdirSync(dir);
    expect(await check('aaaaaaaa-1111')).toMatchObject({ kind: 'not-ours' });
    await expect(tree.lstat('f')).rejects.toMatchObject({ code: 'ESTALE' });
    fs.rmdirSync(dir);
    fs.renameSync(`${dir}.away`, dir);
    expect(await check('aaaaaaaa-1111')).toEqual({ kind: 'ok' });
    await expect(tree.lstat('f')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('knows a read-only root by its mount', async () => {
    let id = 'ext4 /dev/x';
    const { check } = createMarkerCheck(tree, options({ readOnlyId: () => id }));
    expect(await check('ro:ext4 /dev/x')).toEqual({ kind: 'ok' });
    id = 'tmpfs none';
    expect(await check('ro:ext4 /dev/x')).toMatchObject({ kind: 'not-ours' });
    id = 'ext4 /dev/x';
    expect(await check('ro:ext4 /dev/x')).toEqual({ kind: 'ok' });
  });

  it('says offline when the mount does, and not ours when it can not be read', async () => {
    const lost = createMarkerCheck(but({ openRead: failing('ENOTCONN'), lstat: failing('ENOTCONN') }), options());
    await expect(lost.check('u')).rejects.toBeInstanceOf(RemoteOffline);
    const broken = createMarkerCheck(but({ openRead: failing('EIO'), lstat: failing('EIO') }), options());
    expect(await broken.check('u')).toMatchObject({ kind: 'not-ours' });
  });
});

describe('anchor and pair file', () => {
  const pair = () => ({ v: 1 as const, id: 'p', local: dir, remote: `${base}/far`, state: '/s', redis: 'redis://h' });

  it('turns to the remote and to itself', () => {
    fs.mkdirSync(`${base}/far`);
    fs.writeFileSync(`${base}/far/f`, 'through');
    expect(readAnchor(dir)).toBeNull();
    pointAnchor(dir, 'remote', `${base}/far`);
    expect(readAnchor(dir)).toBe(`${base}/far`);
    fs.symlinkSync(`${anchorOf(dir)}/f`, `${dir}/f`);
    expect(fs.readFileSync(`${dir}/f`, 'utf8')).toBe('through');
    const inode = fs.lstatSync(anchorOf(dir)).ino;
    pointAnchor(dir, 'remote', `${base}/far`);
    expect(fs.lstatSync(anchorOf(dir)).ino).toBe(inode);
    pointAnchor(dir, 'self', `${base}/far`);
    expect(readAnchor(dir)).toBe('self');
    expect(() => fs.readFileSync(`${dir}/f`)).toThrow(/ELOOP/);
    expect(() => fs.writeFileSync(`${anchorOf(dir)}/new`, 'x')).toThrow(/ELOOP/);
    expect(fs.readdirSync(`${dir}/.lazysync`)).toEqual(['remote']);
  });

  it('finds the pair from anywhere below, without following what is asked for', () => {
    writePairFile(dir, pair());
    expect(fs.statSync(`${dir}/.lazysync/pair.json`).mode & 0o777).toBe(0o600);
    expect(readPairFile(dir)).toEqual(pair());
    fs.mkdirSync(`${dir}/a/b`, { recursive: true });
    fs.symlinkSync('/nowhere/x', `${dir}/a/stub`);
    const rel = (name: string) => findPair(`${dir}/${name}`)?.path;
    expect(findPair(dir)).toEqual({ pair: pair(), root: dir, path: '' });
    expect(rel('a/b')).toBe('a/b');
    expect(rel('a/stub')).toBe('a/stub');
    expect(rel('a/nope')).toBe('a/nope');
    expect(rel('nope/deep/er')).toBe('nope/deep/er');
    expect(rel('a/../a/b/')).toBe('a/b');
    fs.symlinkSync(dir, `${base}/link`);
    expect(findPair(`${base}/link/a/b`)).toMatchObject({ root: dir, path: 'a/b' });
    pointAnchor(dir, 'self', '/far');
    fs.symlinkSync(anchorOf(dir), `${dir}/loop`);
    expect(rel('loop/x/y')).toBe('loop/x/y');
    expect(findPair(base)).toBeNull();
    fs.renameSync(dir, `${base}/moved`);
    expect(findPair(`${base}/moved/a`)).toMatchObject({ root: `${base}/moved`, pair: { local: dir } });
  });

  it('takes no torn or foreign file for a pair', () => {
    fs.mkdirSync(`${dir}/.lazysync`);
    for (const text of ['', '{', 'null', '{"v":2}', '{"v":1,"id":"x"}']) {
      fs.writeFileSync(`${dir}/.lazysync/pair.json`, text);
      expect(readPairFile(dir)).toBeNull();
    }
    fs.unlinkSync(`${dir}/.lazysync/pair.json`);
    fs.writeFileSync(`${base}/other.json`, JSON.stringify(pair()));
    fs.symlinkSync(`${base}/other.json`, `${dir}/.lazysync/pair.json`);
    expect(readPairFile(dir)).toBeNull();
  });
});

describe('probe', () => {
  const probing = { side: 'local', readOnly: false, tag: 'test-1', now: () => Date.now() } as const;

  it('finds out what a disk of this host can do, and leaves nothing behind', async () => {
    fs.mkdirSync(`${dir}/.lazysync/probe-test-1`, { recursive: true });
    fs.writeFileSync(`${dir}/.lazysync/probe-test-1/of a crash`, 'x');
    const found = await probeTree(tree, { ...probing, realRoot: dir });
    expect(found).toMatchObject({ hardLinks: true, exchange: true, noReplace: true, symlinks: true, readOnly: false });
    expect(found.foldsCase).toBe(false);
    expect(found).toMatchObject({ fsType: mountOf(dir)?.fsType, mtimeStepNs: 1n });
    expect(fs.readdirSync(`${dir}/.lazysync`)).toEqual([]);
  });

  it('tells how far the clock of the tree is ahead of ours', async () => {
    fs.mkdirSync(`${dir}/.lazysync`);
    const ahead = async (now: () => number): Promise<number> =>
      (await probeTree(tree, { ...probing, now, realRoot: dir })).clockAheadMs ?? Number.NaN;
    const before = Date.now();
    const here = await ahead(() => Date.now());
    // Sound however slow the machine is: never further off than the call took.
    expect(Math.abs(here)).toBeLessThanOrEqual(Date.now() - before + 10);
    expect(await ahead(() => Date.now() - 3_600_000)).toBeGreaterThan(3_590_000);
  });

  it('sees that an open through a link moves its atime', async () => {
    fs.mkdirSync(`${dir}/.lazysync`);
    fs.writeFileSync(`${dir}/t`, 'x');
    fs.symlinkSync('t', `${dir}/l`);
    await tree.setLinkAtime('l', 946_684_800_000_000_000n);
    fs.readFileSync(`${dir}/l`);
    const moves = fs.lstatSync(`${dir}/l`).atimeMs !== 946_684_800_000;
    const found = await probeTree(tree, { ...probing, realRoot: dir });
    expect(found.linkAtime).toBe(moves);
    expect((await probeTree(tree, { ...probing, side: 'remote', realRoot: dir })).linkAtime).toBe(false);
  });

  it('is quick where trials take long: one look, nothing is written', async () => {
    fs.mkdirSync(`${dir}/.lazysync`);
    fs.writeFileSync(`${dir}/.lazysync/root.json`, '{}');
    const before = fs.statSync(`${dir}/.lazysync`).mtimeMs;
    const options = { ...probing, side: 'remote', realRoot: dir } as const;
    expect(await probeQuickly(tree, options)).toMatchObject({ foldsCase: false, hardLinks: false });
    expect(fs.statSync(`${dir}/.lazysync`).mtimeMs).toBe(before);
    // As it shows where case does not count.
    fs.writeFileSync(`${dir}/.lazysync/ROOT.JSON`, '{}');
    expect(await probeQuickly(tree, options)).toMatchObject({ foldsCase: true });
  });

  it('counts as can not whatever fails', async () => {
    fs.mkdirSync(`${dir}/.lazysync`);
    const poor = but({
      link: failing('EPERM'),
      exchange: failing('EINVAL'),
      renameNoReplace: (from, to) => tree.rename(from, to),
      symlink: failing('EPERM'),
      setMtime: failing('EPERM'),
    });
    expect(await probeTree(poor, { ...probing, realRoot: dir })).toMatchObject({
      hardLinks: false,
      exchange: false,
      noReplace: false,
      symlinks: false,
      linkAtime: false,
      mtimeStepNs: 2_000_000_000n,
    });
    const none = { hardLinks: false, fsType: 'unknown', seesAllChanges: false, listingCacheMs: 20_000 };
    expect(await probeTree(poor, { ...probing, readOnly: true, realRoot: null })).toMatchObject(none);
    const lost = but({ mkdir: failing('ENOTCONN') });
    await expect(probeTree(lost, { ...probing, realRoot: dir })).rejects.toBeInstanceOf(RemoteOffline);
  });

  it('knows the step of mtimes from what was kept of a sample', () => {
    const second = 1_700_000_001_000_000_000n;
    expect(stepOf(second + 123_456_789n)).toBe(1n);
    expect(stepOf(second + 123_456_700n)).toBe(100n);
    expect(stepOf(second + 123_456_000n)).toBe(1_000n);
    expect(stepOf(second + 123_000_000n)).toBe(1_000_000n);
    expect(stepOf(second + 120_000_000n)).toBe(10_000_000n);
    expect(stepOf(second)).toBe(1_000_000_000n);
    expect(stepOf(second - 1_000_000_000n)).toBe(2_000_000_000n);
    expect(stepOf(5n)).toBe(2_000_000_000n);
  });
});

describe('factsOf', () => {
  const mount = (type: string, more = 'rw') => {
    const [found] = parseMountinfo(`21 20 0:5 / /mnt/nas rw,nosuid - ${type} ${more}`);
    if (found === undefined) throw new Error('no mount');
    return found;
  };
  const lines =
    (...line: string[]) =>
    () => [['sshfs', 'me@other:/', '/mnt/other', '-o', 'dcache_timeout=1'], line];

  it('reads the cache times of sshfs and rclone from their command lines', () => {
    const sshfs = mount('fuse.sshfs', 'me@nas:/a rw');
    const ms = (...line: string[]) => factsOf(sshfs, lines(...line)).listingCacheMs;
    expect(ms()).toBe(20_000);
    expect(ms('sshfs', 'me@nas:/a', '/mnt/nas', '-o', 'reconnect,dcache_timeout=5')).toBe(5_000);
    expect(ms('/usr/bin/sshfs', 'me@nas:/a', '/mnt/nas/', '-odcache_stat_timeout=60')).toBe(60_000);
    expect(ms('sshfs', 'me@nas:/a', 'nas', '-o', 'dir_cache=no')).toBe(1_000);
    expect(factsOf(sshfs, lines()).seesAllChanges).toBe(false);
    const rclone = mount('fuse.rclone', 'gdrive: rw');
    expect(factsOf(rclone, lines()).listingCacheMs).toBe(300_000);
    expect(
      factsOf(rclone, lines('rclone', 'mount', 'gdrive:', '/mnt/nas', '--dir-cache-time', '1m30s')).listingCacheMs,
    ).toBe(90_000);
    expect(
      factsOf(rclone, lines('rclone', 'mount', 'gdrive:', '/mnt/nas', '--dir-cache-time=10s')).listingCacheMs,
    ).toBe(10_000);
  });

  it('reads those of kernel mounts from the mount table', () => {
    const ms = (type: string, more?: string) => factsOf(mount(type, more), lines()).listingCacheMs;
    expect(ms('nfs4', 'h:/x rw,vers=4.2')).toBe(60_000);
    expect(ms('nfs4', 'h:/x rw,acregmax=5,acdirmax=7')).toBe(7_000);
    expect(ms('nfs', 'h:/x rw,noac')).toBe(0);
    expect(ms('cifs', '//h/x rw,actimeo=3')).toBe(3_000);
    expect(ms('cifs', '//h/x rw')).toBe(1_000);
    expect(ms('fuse', 'https://h/dav rw')).toBe(60_000);
    expect(ms('fuse.something', 'x rw')).toBe(20_000);
    expect(ms('9p', 'x rw')).toBe(20_000);
    expect(ms('ext4', '/dev/x rw')).toBe(0);
    expect(factsOf(mount('tmpfs', 'none rw'), lines()).seesAllChanges).toBe(true);
  });
});

it.runIf(process.getuid?.() === 0)('tmpfs is probed, and a mount over the root is not ours', async (context) => {
  fs.mkdirSync(`${dir}/t`);
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'none', `${dir}/t`], { stdio: 'pipe' });
  } catch {
    context.skip('may not mount here');
  }
  try {
    const inside = createDiskFs({ root: `${dir}/t`, mode: 'local' });
    const probed = { side: 'local', realRoot: `${dir}/t`, readOnly: false, tag: 't', now: () => Date.now() } as const;
    await inside.mkdir('.lazysync', 0o700);
    expect(await probeTree(inside, probed)).toMatchObject({ fsType: 'tmpfs', exchange: true, seesAllChanges: true });
    fs.writeFileSync(`${dir}/t/f`, 'x');
    await inside.lstat('f');
    inside.close();
    execFileSync('umount', [`${dir}/t`]);
    await expect(inside.lstat('f')).rejects.toMatchObject({ code: 'ESTALE' });
  } finally {
    try {
      execFileSync('umount', [`${dir}/t`], { stdio: 'pipe' });
    } catch {
      // Unmounted above.
    }
  }
});
