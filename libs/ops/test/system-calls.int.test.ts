import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AT_FDCWD,
  errnoOf,
  fileSystemOf,
  flockExclusive,
  inotifyAddWatch,
  inotifyAddWatchAsync,
  inotifyInit,
  inotifyRead,
  inotifyRmWatch,
  isFlocked,
  mountOf,
  O_PATH,
  onReadable,
  openBeneath,
  openBeneathAsync,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  renameat2,
  renameat2Async,
  setTimes,
  setTimesAsync,
  setTimesOf,
  statDescriptor,
  statDescriptorAsync,
  writersOf,
} from '../src/index.ts';

let dir: string;
let dirFd: number;
const fds: number[] = [];

function keep(fd: number | string): number {
  if (typeof fd === 'string') throw new Error(fd);
  fds.push(fd);
  return fd;
}

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ops-'));
  dirFd = keep(fs.openSync(dir, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY));
});
afterEach(() => {
  for (const fd of fds.splice(0)) fs.closeSync(fd);
  fs.rmSync(dir, { recursive: true, force: true });
});

describe('openBeneath', () => {
  it('opens below, and refuses links on the way, links at the end and ways out', async () => {
    fs.mkdirSync(`${dir}/a/b`, { recursive: true });
    fs.writeFileSync(`${dir}/a/b/f`, 'hello');
    fs.symlinkSync('a', `${dir}/link`);
    const fd = keep(openBeneath(dirFd, 'a/b', O_PATH | fs.constants.O_DIRECTORY));
    expect(fs.readFileSync(`/proc/self/fd/${fd}/f`, 'utf8')).toBe('hello');
    expect(openBeneath(dirFd, 'link/b', O_PATH)).toBe('ELOOP');
    expect(openBeneath(dirFd, 'link', O_PATH)).toBe('ELOOP');
    expect(openBeneath(dirFd, '..', O_PATH)).toBe('EXDEV');
    expect(openBeneath(dirFd, 'nope/b', O_PATH)).toBe('ENOENT');
    expect(openBeneath(dirFd, 'a/b/f', O_PATH | fs.constants.O_DIRECTORY)).toBe('ENOTDIR');
    const again = keep(await openBeneathAsync(dirFd, 'a/b', O_PATH | fs.constants.O_DIRECTORY));
    expect(fs.readdirSync(`/proc/self/fd/${again}/.`)).toEqual(['f']);
    expect(await openBeneathAsync(dirFd, 'link/b', O_PATH)).toBe('ELOOP');
  });

  it('tells each of many calls in flight its own errno', async () => {
    fs.mkdirSync(`${dir}/d`);
    fs.symlinkSync('d', `${dir}/l`);
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) => openBeneathAsync(dirFd, ['nope', 'l', '..', 'd'][i % 4] as string, O_PATH)),
    );
    answers.forEach((answer, i) => {
      if (i % 4 === 3) keep(answer);
      else expect(answer).toBe(['ENOENT', 'ELOOP', 'EXDEV'][i % 4]);
    });
  });
});

describe('renameat2', () => {
  it('exchanges, and replaces nothing when told so', async () => {
    fs.writeFileSync(`${dir}/f`, 'file');
    fs.symlinkSync('nowhere', `${dir}/l`);
    expect(renameat2(dirFd, 'f', dirFd, 'l', RENAME_NOREPLACE)).toBe('EEXIST');
    expect(renameat2(dirFd, 'f', dirFd, 'l', RENAME_EXCHANGE)).toBeNull();
    expect(fs.readFileSync(`${dir}/l`, 'utf8')).toBe('file');
    expect(fs.readlinkSync(`${dir}/f`)).toBe('nowhere');
    expect(await renameat2Async(dirFd, 'l', dirFd, 'm', RENAME_NOREPLACE)).toBeNull();
    expect(await renameat2Async(dirFd, 'gone', dirFd, 'x', 0)).toBe('ENOENT');
  });
});

describe('times', () => {
  it('keeps nanoseconds, leaves what is omitted, and touches a link itself', async () => {
    fs.writeFileSync(`${dir}/f`, '');
    fs.symlinkSync('f', `${dir}/l`);
    const before = fs.lstatSync(`${dir}/f`, { bigint: true });
    expect(setTimes(dirFd, 'l', { atimeNs: 946684800123456789n })).toBeNull();
    expect(fs.lstatSync(`${dir}/l`, { bigint: true }).atimeNs).toBe(946684800123456789n);
    expect(fs.lstatSync(`${dir}/f`, { bigint: true }).atimeNs).toBe(before.atimeNs);
    expect(await setTimesAsync(AT_FDCWD, `${dir}/f`, { mtimeNs: 1700000000987654321n })).toBeNull();
    const after = fs.lstatSync(`${dir}/f`, { bigint: true });
    expect(after.mtimeNs).toBe(1700000000987654321n);
    expect(after.atimeNs).toBe(before.atimeNs);
    const fd = keep(fs.openSync(`${dir}/f`, 'r+'));
    expect(setTimesOf(fd, { mtimeNs: -1n })).toBeNull();
    expect(fs.fstatSync(fd, { bigint: true }).mtimeNs).toBe(-1n);
    expect(setTimes(dirFd, 'gone', { mtimeNs: 1n })).toBe('ENOENT');
  });
});

describe('statDescriptor', () => {
  it('says what fstat says', async () => {
    fs.writeFileSync(`${dir}/f`, 'x'.repeat(5));
    const fd = keep(fs.openSync(`${dir}/f`, 'r'));
    const node = fs.fstatSync(fd, { bigint: true });
    for (const stat of [statDescriptor(fd), await statDescriptorAsync(fd)]) {
      if (typeof stat === 'string') throw new Error(stat);
      expect(stat).toMatchObject({ size: 5, ino: node.ino, dev: node.dev, mode: Number(node.mode), nlink: 1 });
      expect(stat).toMatchObject({ mtimeNs: node.mtimeNs, ctimeNs: node.ctimeNs, birthNs: node.birthtimeNs });
    }
    expect(statDescriptor(99999)).toBe('EBADF');
  });
});

describe('writersOf', () => {
  it('says yes while another process writes, no afterwards, and survives a break of the lease', async () => {
    fs.writeFileSync(`${dir}/f`, 'x');
    const fd = keep(fs.openSync(`${dir}/f`, 'r'));
    expect(writersOf(fd)).toBe('no');
    const child = spawn('bash', ['-c', `exec 3>>"${dir}/f"; echo open; read x`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(writersOf(fd)).toBe('yes');
    child.stdin.end('\n');
    await once(child, 'exit');
    expect(writersOf(fd)).toBe('no');
    process.kill(process.pid, 'SIGIO'); // its default would kill
    expect(writersOf(keep(fs.openSync(dir, 'r')))).toBe('unknown');
  });
});

describe('flockExclusive', () => {
  it('is held by one descriptor at a time', () => {
    const a = fs.openSync(`${dir}/lock`, 'w');
    const b = keep(fs.openSync(`${dir}/lock`, 'w'));
    expect(flockExclusive(a)).toBe(true);
    expect(flockExclusive(b)).toBe(false);
    fs.closeSync(a);
    expect(flockExclusive(b)).toBe(true);
  });
});

describe('inotify', () => {
  it('wakes the event loop, reads events, and gives errno names', async () => {
    const fd = keep(inotifyInit());
    const buffer = Buffer.alloc(4096);
    expect(inotifyRead(fd, buffer)).toBe(0);
    const woken = new Promise<void>((resolve) => {
      const registration = onReadable(fd, () => {
        registration.close();
        resolve();
      });
    });
    const wd = inotifyAddWatch(fd, dir, 0x100);
    expect(wd).toBe(1);
    expect(await inotifyAddWatchAsync(fd, Buffer.from(dir), 0x100)).toBe(1);
    expect(inotifyAddWatch(fd, `${dir}/gone`, 0x100)).toBe('ENOENT');
    fs.writeFileSync(`${dir}/new`, '');
    await Promise.race([
      woken,
      new Promise((_, no) => setTimeout(() => no(new Error('not woken')), 5000).unref()),
      new Promise((yes) => setTimeout(yes, 6000)),
    ]);
    expect(inotifyRead(fd, buffer)).toBe(32);
    expect(buffer.readUInt32LE(4)).toBe(0x100);
    expect(inotifyRmWatch(fd, 1)).toBeNull();
    expect(inotifyRmWatch(fd, 1)).toBe('EINVAL');
  });
});

describe('errnoOf', () => {
  it('names what Node throws', () => {
    try {
      fs.lstatSync(`${dir}/gone`);
      expect.unreachable();
    } catch (error) {
      expect(errnoOf(error)).toBe('ENOENT');
    }
    const stale = Object.assign(new Error('x'), { errno: -116, code: 'Unknown system error -116' });
    expect(errnoOf(stale)).toBe('ESTALE');
    expect(errnoOf(new Error('x'))).toBeNull();
  });
});

it('finds the mount of a path', () => {
  expect(mountOf('/proc/self')?.fsType).toBe('proc');
  expect(mountOf(dir)).not.toBeNull();
  expect(fileSystemOf(fs.statSync('/proc/self', { bigint: true }).dev)).toBe('proc');
  expect(fileSystemOf(fs.statSync(dir, { bigint: true }).dev)).toBe(mountOf(dir)?.fsType);
  expect(fileSystemOf(1n << 40n)).toBeNull();
});

it('tells whether a file is locked without taking the lock', () => {
  const file = path.join(dir, 'lock');
  expect(isFlocked(file)).toBe(false);
  const fd = fs.openSync(file, 'w');
  expect(isFlocked(file)).toBe(false);
  expect(flockExclusive(fd)).toBe(true);
  expect(isFlocked(file)).toBe(true);
  fs.closeSync(fd);
  expect(isFlocked(file)).toBe(false);
});
