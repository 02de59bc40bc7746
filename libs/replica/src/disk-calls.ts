/**
 * The calls that disk-fs is made of, in two ways: at once (a local disk: no thread, a few microseconds each) and later
 * (a mount: through the thread pool, so that many are in flight and none holds up the event loop).
 */
import fs, { type BigIntStats } from 'node:fs';
import fsp from 'node:fs/promises';
import {
  type Errno,
  openBeneath,
  openBeneathAsync,
  type Result,
  renameat2,
  renameat2Async,
  setTimes,
  setTimesAsync,
  type Times,
} from '@lazysync/ops';

type Maybe<T> = T | Promise<T>;

export interface Calls {
  openRoot(path: string, flags: number): Maybe<number>;
  openBeneath(dirFd: number, path: string, flags: number): Maybe<Result<number>>;
  lstat(path: string): Maybe<BigIntStats>;
  fstat(fd: number): Maybe<BigIntStats>;
  readlink(path: string): Maybe<string>;
  readlinkBytes(path: string): Maybe<Buffer>;
  readdir(path: string): Maybe<string[]>;
  readdirBytes(path: string): Maybe<Buffer[]>;
  mkdir(path: string, mode: number): Maybe<unknown>;
  rmdir(path: string): Maybe<void>;
  unlink(path: string): Maybe<void>;
  symlink(target: string, path: string): Maybe<void>;
  link(from: string, to: string): Maybe<void>;
  rename(from: string, to: string): Maybe<void>;
  renameat2(fromFd: number, from: string, toFd: number, to: string, flags: number): Maybe<Errno | null>;
  chmod(path: string, mode: number): Maybe<void>;
  setTimes(dirFd: number, name: string, times: Times): Maybe<Errno | null>;
  open(path: string, flags: number, mode?: number): Maybe<number>;
}

export const AT_ONCE: Calls = {
  openRoot: (path, flags) => fs.openSync(path, flags),
  openBeneath,
  lstat: (path) => fs.lstatSync(path, { bigint: true }),
  fstat: (fd) => fs.fstatSync(fd, { bigint: true }),
  readlink: (path) => fs.readlinkSync(path),
  readlinkBytes: (path) => fs.readlinkSync(path, 'buffer'),
  readdir: (path) => fs.readdirSync(path),
  readdirBytes: (path) => fs.readdirSync(path, 'buffer'),
  mkdir: (path, mode) => fs.mkdirSync(path, mode),
  rmdir: (path) => fs.rmdirSync(path),
  unlink: (path) => fs.unlinkSync(path),
  symlink: (target, path) => fs.symlinkSync(target, path),
  link: (from, to) => fs.linkSync(from, to),
  rename: (from, to) => fs.renameSync(from, to),
  renameat2,
  chmod: (path, mode) => fs.chmodSync(path, mode),
  setTimes,
  open: (path, flags, mode) => fs.openSync(path, flags, mode),
};

/** Descriptors as plain numbers: a FileHandle would be closed by the garbage collector. */
function openLater(path: string, flags: number, mode?: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, mode, (error, fd) => (error === null ? resolve(fd) : reject(error)));
  });
}

function fstatLater(fd: number): Promise<BigIntStats> {
  return new Promise((resolve, reject) => {
    fs.fstat(fd, { bigint: true }, (error, stats) => (error === null ? resolve(stats) : reject(error)));
  });
}

export const LATER: Calls = {
  openRoot: openLater,
  openBeneath: openBeneathAsync,
  lstat: (path) => fsp.lstat(path, { bigint: true }),
  fstat: fstatLater,
  readlink: (path) => fsp.readlink(path),
  readlinkBytes: (path) => fsp.readlink(path, 'buffer'),
  readdir: (path) => fsp.readdir(path),
  readdirBytes: (path) => fsp.readdir(path, 'buffer'),
  mkdir: (path, mode) => fsp.mkdir(path, mode),
  rmdir: (path) => fsp.rmdir(path),
  unlink: (path) => fsp.unlink(path),
  symlink: (target, path) => fsp.symlink(target, path),
  link: (from, to) => fsp.link(from, to),
  rename: (from, to) => fsp.rename(from, to),
  renameat2: renameat2Async,
  chmod: (path, mode) => fsp.chmod(path, mode),
  setTimes: setTimesAsync,
  open: openLater,
};
