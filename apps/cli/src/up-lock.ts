/** Proves that there is one `up` per pair: locks that the kernel takes back when the process ends, however it does. */
import fs from 'node:fs';
import path from 'node:path';
import { OWN_FOLDER } from '@lazysync/event-model';
import { errnoOf, flockExclusive } from '@lazysync/ops';

export type UpLock = { readonly kind: 'taken'; readonly release: () => void } | { readonly kind: 'held' };

/** Held by the `up` that owns the pair of this state folder. */
export function pairLockFile(pairState: string): string {
  return path.join(pairState, 'up.lock');
}

/** Held by whoever owns this local folder, under whatever id and with whatever state folder. */
export function localLockFile(local: string): string {
  return path.join(local, OWN_FOLDER, 'up.lock');
}

/** Makes the file if need be; its folder exists. */
export function takeUpLock(file: string): UpLock {
  // Nothing in local is kept open for writing: its disk can be remounted read-only while we run.
  const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW, 0o600);
  if (flockExclusive(fd)) return { kind: 'taken', release: () => fs.closeSync(fd) };
  fs.closeSync(fd);
  return { kind: 'held' };
}

/** Makes nothing. */
export function isUpLockHeld(file: string): boolean {
  let fd: number;
  try {
    fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return false; // nobody ever made it, or it is not ours to lock
  }
  const free = flockExclusive(fd);
  fs.closeSync(fd);
  return !free;
}
