/** Files and folders by descriptors: opening below a folder, renaming, links, flags, leases, locks, pipes. */
import { constants } from 'node:fs';
import type { Errno } from './errno.ts';
import { call, callAsync, failed, libc, type Result } from './libc.ts';

export const AT_FDCWD = -100;
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
const RESOLVE_NO_MAGICLINKS = 0x02n;
const RESOLVE_NO_SYMLINKS = 0x04n;
const RESOLVE_BENEATH = 0x08n;
const F_GETFL = 3;
const F_SETFL = 4;
const F_SETLEASE = 1024;
const F_RDLCK = 0;
const F_UNLCK = 2;
const LOCK_EX_NB = 2 | 4;

/** Flags of open that Node's `fs.constants` lacks. Linux, all architectures. */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;

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

/** A link with this text under a name of an open folder. */
export function symlinkName(target: string, dirFd: number, name: string): Errno | null {
  const c = libc();
  const done = call(c.symlinkat, c.numbers.symlinkat, target, dirFd, name);
  return failed(done) ? done : null;
}

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

/** Whether reads of an open file pass by the kernel's cache of it from now on. null: done. */
export function setDirect(fd: number, direct: boolean): Errno | null {
  const c = libc();
  const flags = call(c.three, c.numbers.fcntl, fd, F_GETFL, 0);
  if (failed(flags)) return flags;
  const wanted = direct ? flags | constants.O_DIRECT : flags & ~constants.O_DIRECT;
  const done = call(c.three, c.numbers.fcntl, fd, F_SETFL, wanted);
  return failed(done) ? done : null;
}

/** Takes the lock of an open file, without waiting. It is held until the descriptor is closed or the process ends. */
export function flockExclusive(fd: number): boolean {
  const c = libc();
  const done = call(c.three, c.numbers.flock, fd, LOCK_EX_NB, 0);
  if (done === 'EAGAIN') return false;
  if (failed(done)) throw new Error(`flock: ${done}`);
  return true;
}

/** Both ends of a new pipe; children get none but those that they are given. Node makes pipes only between it and a child. */
export function pipe(): Result<{ readonly from: number; readonly to: number }> {
  const c = libc();
  const ends = Buffer.alloc(8);
  const done = call(c.pipe2, c.numbers.pipe2, ends, O_CLOEXEC);
  return failed(done) ? done : { from: ends.readInt32LE(0), to: ends.readInt32LE(4) };
}
