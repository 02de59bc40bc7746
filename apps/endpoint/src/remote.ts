/** What an endpoint serves: the replica of a remote, and the kernel's events on its directories. */
import fs from 'node:fs';
import type { RelPath } from '@lazysync/event-model';
import { flockExclusive, systemClock } from '@lazysync/ops';
import {
  createDiskReplica,
  type FromEndpoint,
  mountFacts,
  type RoomWish,
  type Served,
  type TellProgress,
  type WatchCall,
} from '@lazysync/replica';
import type { InotifyHub } from '@lazysync/watch/inotify';
import { createEventSender } from './event-sender.ts';

/** ms between tries to get the lock of an endpoint that is still ending. */
const LOCK_RETRY = 50;
/** ms between two reports of a fetch's progress. */
const PROGRESS = 200;

async function lockFile(path: string, signal: AbortSignal): Promise<number> {
  // CRASH: the kernel frees it with the last thread of this process, even one that hangs in the mount: that is the point.
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  // ORDER: no end to this wait in here. The parent's deadline passes, and it kills this process.
  while (!flockExclusive(fd)) {
    await systemClock.sleep(LOCK_RETRY, signal);
    if (!signal.aborted) continue;
    fs.closeSync(fd);
    signal.throwIfAborted();
  }
  return fd;
}

/** Throws into the fetch when nobody wants it any more. */
function progressSender({ room, signal }: RoomWish, send: (message: FromEndpoint) => void): TellProgress {
  const last = new Map<string, number>();
  return (slot, bytes, part) => {
    signal.throwIfAborted();
    const now = performance.now();
    if (part === undefined && now - (last.get(slot) ?? -Infinity) < PROGRESS) return;
    if (last.size > 1000) last.clear();
    last.set(slot, now);
    send({ kind: 'progress', room, slot, bytes, ...(part === undefined ? {} : { part }) });
  };
}

export async function openRemote(
  wish: RoomWish,
  hub: InotifyHub,
  send: (message: FromEndpoint) => void,
): Promise<Served> {
  const { room, roots, anchors, signal } = wish;
  const { localRoot, remoteRoot, lock } = roots;
  const held = lock === null ? null : await lockFile(lock, signal);
  const replica = createDiskReplica({
    side: 'remote',
    localRoot,
    remoteRoot,
    anchors,
    clock: systemClock,
    progress: progressSender(wish, send),
  });
  const mount = !mountFacts(remoteRoot).seesAllChanges;
  const events = createEventSender({
    root: remoteRoot,
    mount,
    hub,
    send: (all) => send({ kind: 'watch', room, events: all }),
  });

  const watch = async (call: WatchCall, args: readonly unknown[]): Promise<unknown> => {
    switch (call) {
      case 'watch-start':
        return await events.start();
      case 'watch-rewatch':
        return await events.rewatch(args[0] as readonly RelPath[]);
      case 'watch-poll':
        return await events.poll();
      case 'watch-stop':
        return await events.stop();
    }
  };
  const close = async (): Promise<void> => {
    await events.stop();
    await replica.close();
    if (held !== null) fs.closeSync(held);
  };
  return { replica, ping: (uuid) => replica.ping(uuid), answers: () => replica.fs.answers(), watch, close };
}
