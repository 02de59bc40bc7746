/**
 * The walk of a first mirror begins while everything else is still to be loaded: by a process that only reads the remote,
 * into a pipe that the worker is given later. Where it can not be begun, or breaks off, the worker walks by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { isNetworkStorage } from '@lazysync/config';
import { failed, mountOf, pipe } from '@lazysync/ops';
import { programOf } from './places.ts';

export interface HeadStart {
  /** Of the pipe's reading end, for the first worker; null: it has been given away. */
  take(): number | null;
  /** Whoever takes it has it: our own descriptor is closed. */
  taken(): void;
  close(): void;
}

/** Threads for calls on the mount, as in an endpoint. */
const THREADS = '64';

/** By the mount table alone, and by one look at local, which lies on a disk: a remote may not answer. */
function isFirstMirror(remote: string, local: string): boolean {
  const there = mountOf(remote);
  const here = mountOf(local);
  if (there === null || here === null || !isNetworkStorage(there) || isNetworkStorage(here)) return false;
  return fs.lstatSync(path.join(local, '.lazysync'), { throwIfNoEntry: false }) === undefined;
}

function startWalk(remote: string, local: string, to: number): ChildProcess {
  const args = ['--disable-warning=ExperimentalWarning', programOf('head-start'), '--remote', remote, '--local', local];
  // Stuck in a dead mount it can not be ended: it holds nothing but its end of the pipe, and keeps no folder busy.
  const walk = spawn(process.execPath, args, {
    cwd: '/',
    stdio: ['ignore', to, 'ignore', 'ipc'],
    env: { ...process.env, UV_THREADPOOL_SIZE: THREADS },
  });
  // The worker goes without it.
  walk.on('error', () => undefined);
  walk.unref();
  walk.channel?.unref();
  return walk;
}

/** null: nothing to be gained. The folders are as the user wrote them; what is wrong with them is said by others. */
export function beginHeadStart(remote: string, local: string): HeadStart | null {
  if (remote === '' || local === '' || `${remote}${local}`.includes('\0')) return null;
  const [there, here] = [path.resolve(remote), path.resolve(local)];
  if (!isFirstMirror(there, here)) return null;
  const ends = pipe();
  if (failed(ends)) return null;
  const walk = startWalk(there, here, ends.to);
  fs.closeSync(ends.to);
  let from: number | null = ends.from;
  const taken = (): void => {
    if (from !== null) fs.closeSync(from);
    from = null;
  };
  return {
    take: () => from,
    taken,
    close() {
      taken();
      walk.kill('SIGKILL');
    },
  };
}
