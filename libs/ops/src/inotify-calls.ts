/** inotify, call by call. */
import type { Errno } from './errno.ts';
import { call, callAsync, failed, libc, type Result } from './libc.ts';

const IN_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

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
