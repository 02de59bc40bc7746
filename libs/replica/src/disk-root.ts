/**
 * The descriptor of a root. It is open only around calls, so that a mount under it can be unmounted, and it is checked
 * each time: a root that was unmounted, mounted over or renamed must never look like a root whose files were deleted.
 */
import fs, { type BigIntStats } from 'node:fs';
import { errnoOf, O_CLOEXEC, O_PATH } from '@lazysync/ops';
import type { Calls } from './disk-calls.ts';
import { FsError, type RootControl } from './fs-port.ts';

const FLAGS = O_PATH | O_CLOEXEC | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;
/** ms for which the descriptor stays open after the last call. */
const LINGER = 250;

interface Opened {
  readonly fd: number;
  users: number;
  /** Newer ones took its place: closed by its last user. */
  retired: boolean;
}

export interface DiskRoot extends RootControl {
  /** Rejects with FsError ESTALE when the root is not the one that was accepted. */
  acquire(): Opened | Promise<Opened>;
  release(opened: Opened): void;
  close(): void;
}

export function createDiskRoot(path: string, calls: Calls): DiskRoot {
  let accepted: { readonly dev: bigint; readonly ino: bigint } | 'any' | 'none' = 'any';
  let current: Opened | undefined;
  let timer: NodeJS.Timeout | undefined;
  let openedAt = 0;
  let opening: Promise<Opened> | undefined;

  const stale = (why: string, cause?: unknown): FsError => new FsError('ESTALE', why, '', cause);

  const retire = (): void => {
    if (timer !== undefined) clearTimeout(timer);
    timer = undefined;
    if (current === undefined) return;
    current.retired = true;
    if (current.users === 0) fs.closeSync(current.fd);
    current = undefined;
  };

  const judge = (fd: number, stats: BigIntStats): Opened => {
    if (accepted === 'any') accepted = { dev: stats.dev, ino: stats.ino };
    if (accepted === 'none' || accepted.dev !== stats.dev || accepted.ino !== stats.ino) {
      fs.closeSync(fd);
      throw stale('another folder lies at the root');
    }
    current = { fd, users: 1, retired: false };
    openedAt = performance.now();
    return current;
  };

  const lost = (error: unknown): FsError => {
    const code = errnoOf(error);
    // EIO, ENOTCONN, EACCES ... say what is wrong; that the root's own name is gone must not read as "file not found".
    const gone = code === null || code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP';
    return gone ? stale('the root is gone', error) : new FsError(code, 'open root', '', error);
  };

  const open = (): Opened | Promise<Opened> => {
    let fd: number | Promise<number>;
    try {
      fd = calls.openRoot(path, FLAGS);
    } catch (error) {
      throw lost(error);
    }
    if (typeof fd === 'number') return judge(fd, fs.fstatSync(fd, { bigint: true }));
    return (async (): Promise<Opened> => {
      let got: number;
      try {
        got = await fd;
      } catch (error) {
        throw lost(error);
      }
      let stats: BigIntStats;
      try {
        stats = await calls.fstat(got);
      } catch (error) {
        fs.closeSync(got);
        throw lost(error);
      }
      return judge(got, stats);
    })();
  };

  const join = (opened: Opened): Opened => {
    opened.users++;
    return opened;
  };

  return {
    acquire() {
      // Always in use: opened anew all the same, or an unmount would go unnoticed.
      if (current !== undefined && performance.now() - openedAt > 4 * LINGER) retire();
      if (current !== undefined) return join(current);
      if (opening !== undefined) return opening.then(join);
      const opened = open();
      if (!(opened instanceof Promise)) return opened;
      opening = opened.finally(() => {
        opening = undefined;
      });
      return opening;
    },
    release(opened) {
      opened.users--;
      if (opened.users > 0) return;
      if (opened.retired) {
        fs.closeSync(opened.fd);
      } else if (timer === undefined) {
        timer = setTimeout(() => {
          timer = undefined;
          if (current !== undefined && current.users === 0) retire();
        }, LINGER);
        timer.unref();
      }
    },
    async renew() {
      retire();
      accepted = 'any';
      this.release(await this.acquire());
    },
    distrust() {
      retire();
      accepted = 'none';
    },
    close: retire,
  };
}

export type { Opened };
