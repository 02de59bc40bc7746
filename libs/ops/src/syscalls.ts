/**
 * The Linux system calls that Node lacks, through libc's `syscall`. The only file that names koffi. What the kernel
 * refuses comes back as an errno name (a string), never as an exception. Calls ending in `Async` run on libuv's thread
 * pool: use them wherever the path may lie on a mount that can hang.
 */
import koffi from 'koffi';
import { type Errno, errnoName } from './errno.ts';

/** What a call gave, or the errno name it failed with. */
export type Result<T> = T | Errno;

export function failed<T>(result: Result<T>): result is Errno & Result<T> {
  return typeof result === 'string';
}

const NUMBERS = {
  x64: {
    read: 0,
    fcntl: 72,
    flock: 73,
    inotify_add_watch: 254,
    inotify_rm_watch: 255,
    symlinkat: 266,
    utimensat: 280,
    pipe2: 293,
    inotify_init1: 294,
    renameat2: 316,
    statx: 332,
    openat2: 437,
  },
  arm64: {
    fcntl: 25,
    inotify_init1: 26,
    inotify_add_watch: 27,
    inotify_rm_watch: 28,
    flock: 32,
    symlinkat: 36,
    read: 63,
    pipe2: 59,
    utimensat: 88,
    renameat2: 276,
    statx: 291,
    openat2: 437,
  },
} as const;

export const AT_FDCWD = -100;
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const AT_STATX_FORCE_SYNC = 0x2000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;
const UTIME_OMIT = (1n << 30n) - 2n;
const UTIME_NOW = (1n << 30n) - 1n;
const RESOLVE_NO_MAGICLINKS = 0x02n;
const RESOLVE_NO_SYMLINKS = 0x04n;
const RESOLVE_BENEATH = 0x08n;
const F_SETLEASE = 1024;
const F_RDLCK = 0;
const F_UNLCK = 2;
const LOCK_EX_NB = 2 | 4;
const IN_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

/** Flags of open that Node's `fs.constants` lacks. Linux, all architectures. */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;

type Call = ReturnType<ReturnType<typeof koffi.load>['func']>;

interface Libc {
  readonly numbers: (typeof NUMBERS)['x64'] | (typeof NUMBERS)['arm64'];
  readonly openat2: Call;
  readonly renameat2: Call;
  readonly statx: Call;
  readonly utimensat: Call;
  readonly symlinkat: Call;
  readonly three: Call;
  readonly addWatch: Call;
  readonly addWatchBytes: Call;
  readonly read: Call;
  readonly pipe2: Call;
}

let loaded: Libc | undefined;

function libc(): Libc {
  if (loaded !== undefined) return loaded;
  if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) {
    throw new Error(`LazySync runs on Linux on x86_64 and arm64, not on ${process.platform} on ${process.arch}`);
  }
  // Room for many calls in flight on a mount; each waiting call holds its own two blocks, so they are kept small.
  koffi.config({ max_async_calls: 1024, async_stack_size: 64 * 1024, async_heap_size: 64 * 1024 });
  // null: whatever libc this Node itself runs on (glibc or musl).
  const lib = koffi.load(null);
  const syscall = (...args: string[]): Call => lib.func('syscall', 'long', ['long', ...args]);
  loaded = {
    numbers: NUMBERS[process.arch],
    openat2: syscall('int', 'str', 'void *', 'size_t'),
    renameat2: syscall('int', 'str', 'int', 'str', 'uint32_t'),
    statx: syscall('int', 'str', 'int', 'uint32_t', 'void *'),
    utimensat: syscall('int', 'str', 'void *', 'int'),
    symlinkat: syscall('str', 'int', 'str'),
    three: syscall('int', 'int', 'long'),
    addWatch: syscall('int', 'str', 'uint32_t'),
    addWatchBytes: syscall('int', 'void *', 'uint32_t'),
    read: syscall('int', 'void *', 'size_t'),
    pipe2: syscall('void *', 'int'),
  };
  return loaded;
}

function result(value: number): Result<number> {
  return value < 0 ? errnoName(koffi.errno()) : value;
}

/**
 * RACE: errno is read after the call came back, and whatever the runtime did in between may have changed it. "Not there"
 * is what files are deleted for, so it must be said twice. A call that failed did nothing: to make it again is safe.
 */
const DOUBTED = 'ENOENT';

function call(fn: Call, ...args: unknown[]): Result<number> {
  const first = result(fn(...args) as number);
  return first === DOUBTED ? result(fn(...args) as number) : first;
}

function onceAsync(fn: Call, args: unknown[]): Promise<Result<number>> {
  return new Promise((resolve, reject) => {
    // koffi puts the errno of the pool's thread in place just for the time of this callback.
    fn.async(...args, (error: unknown, value: number) => {
      if (error !== null && error !== undefined) reject(new Error('a system call could not be made', { cause: error }));
      else resolve(result(value));
    });
  });
}

async function callAsync(fn: Call, ...args: unknown[]): Promise<Result<number>> {
  const first = await onceAsync(fn, args);
  return first === DOUBTED ? await onceAsync(fn, args) : first;
}

// ---------------------------------------------------------------------------------------------- opening and renaming

const openHow = new Map<number, Buffer>();

function howTo(flags: number): Buffer {
  const known = openHow.get(flags);
  if (known !== undefined) return known;
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, 16);
  openHow.set(flags, how);
  return how;
}

/**
 * Opens `path` below the directory `dirFd`: no symlink is followed on the way or at the end (ELOOP), no `..` leads out
 * (EXDEV). Gives a descriptor that the caller closes. Not for creating.
 */
export function openBeneath(dirFd: number, path: string, flags: number): Result<number> {
  const c = libc();
  return call(c.openat2, c.numbers.openat2, dirFd, path, howTo(flags), 24);
}

export function openBeneathAsync(dirFd: number, path: string, flags: number): Promise<Result<number>> {
  const c = libc();
  return callAsync(c.openat2, c.numbers.openat2, dirFd, path, howTo(flags), 24);
}

/** null: done. `flags`: RENAME_NOREPLACE, RENAME_EXCHANGE or 0. Descriptors are those of the parents, or AT_FDCWD. */
export function renameat2(oldFd: number, oldName: string, newFd: number, newName: string, flags: number): Errno | null {
  const c = libc();
  const done = call(c.renameat2, c.numbers.renameat2, oldFd, oldName, newFd, newName, flags);
  return failed(done) ? done : null;
}

export async function renameat2Async(
  oldFd: number,
  oldName: string,
  newFd: number,
  newName: string,
  flags: number,
): Promise<Errno | null> {
  const c = libc();
  const done = await callAsync(c.renameat2, c.numbers.renameat2, oldFd, oldName, newFd, newName, flags);
  return failed(done) ? done : null;
}

// --------------------------------------------------------------------------------------------------- stat and times

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

function device(major: number, minor: number): bigint {
  const hi = BigInt(major);
  const lo = BigInt(minor);
  return ((hi & 0xfffn) << 8n) | (lo & 0xffn) | ((lo & ~0xffn) << 12n) | ((hi & ~0xfffn) << 32n);
}

/** What statName has put into a buffer. */
export function decodeStatx(buffer: Buffer): Statx {
  const mask = buffer.readUInt32LE(0);
  return {
    mode: buffer.readUInt16LE(28),
    size: Number(buffer.readBigUInt64LE(40)),
    nlink: buffer.readUInt32LE(16),
    uid: buffer.readUInt32LE(20),
    dev: device(buffer.readUInt32LE(136), buffer.readUInt32LE(140)),
    ino: buffer.readBigUInt64LE(32),
    mtimeNs: timeAt(buffer, 112),
    ctimeNs: timeAt(buffer, 96),
    atimeNs: timeAt(buffer, 64),
    birthNs: (mask & STATX_BTIME) === 0 ? 0n : timeAt(buffer, 80),
  };
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
  // Times before 1970: the nanoseconds still count upwards.
  const rest = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  buffer.writeBigInt64LE((ns - rest) / 1_000_000_000n, at);
  buffer.writeBigInt64LE(rest, at + 8);
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

/** A link with this text under a name of an open folder. */
export function symlinkName(target: string, dirFd: number, name: string): Errno | null {
  const c = libc();
  const done = call(c.symlinkat, c.numbers.symlinkat, target, dirFd, name);
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

// -------------------------------------------------------------------------------------------------- leases and locks

let sigioHandled = false;

/**
 * Has any process the file open for writing? Asked by taking a read lease and dropping it at once; `fd` is open
 * read-only. `unknown`: the file belongs to somebody else, or its file system knows no leases.
 */
export function writersOf(fd: number): 'no' | 'yes' | 'unknown' {
  if (!sigioHandled) {
    // RACE: who opens the file for writing while we hold the lease makes the kernel send SIGIO, whose default kills.
    process.on('SIGIO', () => undefined);
    sigioHandled = true;
  }
  const c = libc();
  const taken = call(c.three, c.numbers.fcntl, fd, F_SETLEASE, F_RDLCK);
  if (failed(taken)) return taken === 'EAGAIN' ? 'yes' : 'unknown';
  call(c.three, c.numbers.fcntl, fd, F_SETLEASE, F_UNLCK);
  return 'no';
}

/** Takes the lock of an open file, without waiting. It is held until the descriptor is closed or the process ends. */
export function flockExclusive(fd: number): boolean {
  const c = libc();
  const done = call(c.three, c.numbers.flock, fd, LOCK_EX_NB, 0);
  if (done === 'EAGAIN') return false;
  if (failed(done)) throw new Error(`flock: ${done}`);
  return true;
}

// ------------------------------------------------------------------------------------------------------------- pipes

/** Both ends of a new pipe; children get none but those that they are given. Node makes pipes only between it and a child. */
export function pipe(): Result<{ readonly from: number; readonly to: number }> {
  const c = libc();
  const ends = Buffer.alloc(8);
  const done = call(c.pipe2, c.numbers.pipe2, ends, O_CLOEXEC);
  return failed(done) ? done : { from: ends.readInt32LE(0), to: ends.readInt32LE(4) };
}

// ----------------------------------------------------------------------------------------------------------- inotify

/** A new inotify descriptor: non-blocking, not handed to children. */
export function inotifyInit(): Result<number> {
  const c = libc();
  return call(c.three, c.numbers.inotify_init1, IN_NONBLOCK_CLOEXEC, 0, 0);
}

function nulEnded(path: Buffer): Buffer {
  return Buffer.concat([path, Buffer.of(0)]);
}

/** The watch's number, or an errno name (ENOSPC: the limit of watches is reached). A Buffer is a path that is not UTF-8. */
export function inotifyAddWatch(fd: number, path: string | Buffer, mask: number): Result<number> {
  const c = libc();
  return typeof path === 'string'
    ? call(c.addWatch, c.numbers.inotify_add_watch, fd, path, mask)
    : call(c.addWatchBytes, c.numbers.inotify_add_watch, fd, nulEnded(path), mask);
}

export function inotifyAddWatchAsync(fd: number, path: string | Buffer, mask: number): Promise<Result<number>> {
  const c = libc();
  return typeof path === 'string'
    ? callAsync(c.addWatch, c.numbers.inotify_add_watch, fd, path, mask)
    : callAsync(c.addWatchBytes, c.numbers.inotify_add_watch, fd, nulEnded(path), mask);
}

/** null: removed. EINVAL: the kernel had dropped that watch already. */
export function inotifyRmWatch(fd: number, wd: number): Errno | null {
  const c = libc();
  const done = call(c.three, c.numbers.inotify_rm_watch, fd, wd, 0);
  return failed(done) ? done : null;
}

/** Bytes of whole events put into `buffer`; 0: none waits. */
export function inotifyRead(fd: number, buffer: Buffer): Result<number> {
  const c = libc();
  const got = call(c.read, c.numbers.read, fd, buffer, buffer.length);
  return got === 'EAGAIN' || got === 'EINTR' ? 0 : got;
}

/** Something that stays registered with the event loop until it is closed. */
export interface Registration {
  close(): void;
}

/** Handles that nobody refers to are closed by the garbage collector: ours stay until they are closed by their owner. */
const handles = new Set<ReturnType<typeof koffi.node.poll>>();

/**
 * Calls `wake` whenever `fd` has something to read: through the event loop's epoll, so that nothing is polled at rest.
 * Does not keep the process alive. Close it before the descriptor.
 */
export function onReadable(fd: number, wake: () => void): Registration {
  let open = true;
  // koffi's types leave out the first argument (a status). It calls outside of Node's callback scope, in which promises
  // would not go on: hence the immediate.
  const heard = (_status: unknown): void => {
    setImmediate(() => {
      if (open) wake();
    });
  };
  const handle = koffi.node.poll(fd, { readable: true }, heard);
  handle.unref();
  handles.add(handle);
  return {
    close() {
      if (!open) return;
      open = false;
      handles.delete(handle);
      handle.close();
    },
  };
}
