/** What the kernel knows of a file, and its times. */
import type { Errno } from './errno.ts';
import { call, callAsync, failed, libc, type Result } from './libc.ts';

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const AT_STATX_FORCE_SYNC = 0x2000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;
const UTIME_OMIT = (1n << 30n) - 2n;
const UTIME_NOW = (1n << 30n) - 1n;

/** `mode` holds the type bits too (S_IFMT). `birthNs` 0n: the file system keeps none. */
export interface Statx {
  readonly mode: number;
  readonly size: number;
  readonly nlink: number;
  readonly uid: number;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly atimeNs: bigint;
  readonly birthNs: bigint;
}

function timeAt(buffer: Buffer, at: number): bigint {
  return buffer.readBigInt64LE(at) * 1_000_000_000n + BigInt(buffer.readUInt32LE(at + 8));
}

/** As `st_dev` shows it. */
export function device(major: number, minor: number): bigint {
  const hi = BigInt(major);
  const lo = BigInt(minor);
  return ((hi & 0xfffn) << 8n) | (lo & 0xffn) | ((lo & ~0xffn) << 12n) | ((hi & ~0xfffn) << 32n);
}

/** What was met last: nearly all that is looked at lies on one, and the arithmetic of large numbers takes long. */
let lastDevice = { major: 0, minor: 0, dev: 0n };

function deviceAt(buffer: Buffer): bigint {
  const major = buffer.readUInt32LE(136);
  const minor = buffer.readUInt32LE(140);
  if (lastDevice.major !== major || lastDevice.minor !== minor)
    lastDevice = { major, minor, dev: device(major, minor) };
  return lastDevice.dev;
}

/** What statName has put into a buffer. */
export function decodeStatx(buffer: Buffer): Statx {
  const mask = buffer.readUInt32LE(0);
  return {
    mode: buffer.readUInt16LE(28),
    size: Number(buffer.readBigUInt64LE(40)),
    nlink: buffer.readUInt32LE(16),
    uid: buffer.readUInt32LE(20),
    dev: deviceAt(buffer),
    ino: buffer.readBigUInt64LE(32),
    mtimeNs: timeAt(buffer, 112),
    ctimeNs: timeAt(buffer, 96),
    atimeNs: timeAt(buffer, 64),
    birthNs: (mask & STATX_BTIME) === 0 ? 0n : timeAt(buffer, 80),
  };
}

/** Times before 1970: the nanoseconds still count upwards. */
function putTime(buffer: Buffer, at: number, ns: bigint): void {
  if (ns === 0n) {
    buffer.fill(0, at, at + 12);
    return;
  }
  const rest = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  buffer.writeBigInt64LE((ns - rest) / 1_000_000_000n, at);
  buffer.writeUInt32LE(Number(rest), at + 8);
}

/** The inverse of decodeStatx, but for `nlink`, `uid` and `atimeNs`; what it does not write stays as it was. */
export function encodeStatx(
  stat: Pick<Statx, 'mode' | 'size' | 'dev' | 'ino' | 'mtimeNs' | 'ctimeNs' | 'birthNs'>,
  into: Buffer,
): void {
  into.writeUInt16LE(stat.mode, 28);
  into.writeBigUInt64LE(stat.ino, 32);
  into.writeBigUInt64LE(BigInt(stat.size), 40);
  putTime(into, 80, stat.birthNs);
  putTime(into, 96, stat.ctimeNs);
  putTime(into, 112, stat.mtimeNs);
  const { dev } = stat;
  if (dev !== lastDevice.dev) {
    const major = Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n));
    const minor = Number((dev & 0xffn) | ((dev >> 12n) & 0xffffff00n));
    lastDevice = { major, minor, dev };
  }
  into.writeUInt32LE(lastDevice.major, 136);
  into.writeUInt32LE(lastDevice.minor, 140);
}

/** What an open descriptor shows, fetched anew from a network mount's server. */
export function statDescriptor(fd: number): Result<Statx> {
  const c = libc();
  const into = Buffer.alloc(256);
  const flags = AT_EMPTY_PATH | AT_STATX_FORCE_SYNC;
  const done = call(c.statx, c.numbers.statx, fd, '', flags, STATX_BASIC_STATS | STATX_BTIME, into);
  return failed(done) ? done : decodeStatx(into);
}

/** Bytes of what statName fills. */
export const STATX_BYTES = 256;

/**
 * lstat of `name` in the directory `dirFd`, left in `into` as the kernel wrote it: half the cost of Node's lstat by way of
 * /proc, which counts where whole trees are looked at every two seconds. null: done; see decodeStatx.
 */
export function statName(dirFd: number, name: string, into: Buffer): Errno | null {
  const c = libc();
  const mask = STATX_BASIC_STATS | STATX_BTIME;
  const done = call(c.statx, c.numbers.statx, dirFd, name, AT_SYMLINK_NOFOLLOW, mask, into);
  return failed(done) ? done : null;
}

export async function statDescriptorAsync(fd: number): Promise<Result<Statx>> {
  const c = libc();
  const into = Buffer.alloc(256);
  const flags = AT_EMPTY_PATH | AT_STATX_FORCE_SYNC;
  const done = await callAsync(c.statx, c.numbers.statx, fd, '', flags, STATX_BASIC_STATS | STATX_BTIME, into);
  return failed(done) ? done : decodeStatx(into);
}

/** Nanoseconds since 1970, or as it is at the call; undefined leaves that time as it is. */
export interface Times {
  readonly atimeNs?: bigint | 'now';
  readonly mtimeNs?: bigint | 'now';
}

function writeTime(buffer: Buffer, at: number, ns: bigint | 'now' | undefined): void {
  if (ns === undefined || ns === 'now') {
    buffer.writeBigInt64LE(ns === 'now' ? UTIME_NOW : UTIME_OMIT, at + 8);
    return;
  }
  putTime(buffer, at, ns);
}

function timesOf(times: Times): Buffer {
  const buffer = Buffer.alloc(32);
  writeTime(buffer, 0, times.atimeNs);
  writeTime(buffer, 16, times.mtimeNs);
  return buffer;
}

/** Sets times of `name` in the directory `dirFd` (or of an absolute path with AT_FDCWD); of a symlink itself. */
export function setTimes(dirFd: number, name: string, times: Times): Errno | null {
  const c = libc();
  const done = call(c.utimensat, c.numbers.utimensat, dirFd, name, timesOf(times), AT_SYMLINK_NOFOLLOW);
  return failed(done) ? done : null;
}

export async function setTimesAsync(dirFd: number, name: string, times: Times): Promise<Errno | null> {
  const c = libc();
  const done = await callAsync(c.utimensat, c.numbers.utimensat, dirFd, name, timesOf(times), AT_SYMLINK_NOFOLLOW);
  return failed(done) ? done : null;
}

/** Sets times of an open file. */
export function setTimesOf(fd: number, times: Times): Errno | null {
  const c = libc();
  const done = call(c.utimensat, c.numbers.utimensat, fd, null, timesOf(times), 0);
  return failed(done) ? done : null;
}

export async function setTimesOfAsync(fd: number, times: Times): Promise<Errno | null> {
  const c = libc();
  const done = await callAsync(c.utimensat, c.numbers.utimensat, fd, null, timesOf(times), 0);
  return failed(done) ? done : null;
}
