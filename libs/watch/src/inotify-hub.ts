/**
 * The inotify instances of a process. A user may have few of them (128 by default) and a process may watch a thousand
 * trees, so trees share them: each has one of its own while there are few. An instance gives one number per directory,
 * whoever asks, so trees that show the same folders share its watches too.
 */
import { closeSync } from 'node:fs';
import {
  type Errno,
  failed,
  inotifyAddWatch,
  inotifyAddWatchAsync,
  inotifyInit,
  inotifyRead,
  inotifyRmWatch,
  onReadable,
  type Registration,
  type Result,
} from '@lazysync/ops';
import { createEarlyEvents } from './early-events.ts';
import { decodeInotify, IN_IGNORED, IN_MASK_ADD, IN_Q_OVERFLOW, type InotifyEvent } from './inotify-events.ts';

/** One tree's part of an instance. */
export interface InotifyPort {
  /** The watch's number; `early`: what it told before this answer came. */
  add(path: string, mask: number): Added;
  addLater(path: string, mask: number): Promise<Added>;
  /** Nothing of this directory is of interest any more. */
  remove(wd: number): void;
  /** Takes over what the kernel has told; false: nothing was there. */
  read(): boolean;
  close(): void;
}

export interface Added {
  readonly result: Result<number>;
  readonly early: readonly InotifyEvent[];
}

export interface InotifyEars {
  take(event: InotifyEvent): void;
  /** A batch is through. */
  taken(): void;
}

export interface InotifyHub {
  open(ears: InotifyEars): InotifyPort | Errno;
}

const BUFFER_BYTES = 64 * 1024;
/**
 * Records that are held here until their turn comes, bytes. The kernel keeps 16,384 of them and drops all others: a burst is
 * taken off its hands at once, and dealt with in turns that let everything else go on.
 */
const BACKLOG_BYTES = 4 << 20;
/** Of one turn, ms; looked at after so many records. */
const TURN_MS = 10;
const BETWEEN_LOOKS = 32;
/** Instances of a process. */
const MOST = 16;

interface Instance {
  trees(): number;
  enter(ears: InotifyEars): InotifyPort;
}

export function createInotifyHub(most = MOST): InotifyHub {
  const instances = new Set<Instance>();
  return {
    open(ears) {
      const emptiest = [...instances].sort((a, b) => a.trees() - b.trees())[0];
      if (instances.size >= most && emptiest !== undefined) return emptiest.enter(ears);
      const made = openInstance((one) => instances.delete(one));
      if (typeof made !== 'string') {
        instances.add(made);
        return made.enter(ears);
      }
      // The user has no more of them.
      return emptiest?.enter(ears) ?? made;
    },
  };
}

function openInstance(ended: (instance: Instance) => void): Instance | Errno {
  const fd = inotifyInit();
  if (failed(fd)) return fd;
  const buffer = Buffer.alloc(BUFFER_BYTES);
  const trees = new Set<Tree>();
  const listeners = new Map<number, Set<Tree>>();
  const early = createEarlyEvents();
  let registration: Registration | undefined;
  const backlog: Buffer[] = [];
  let records: Iterator<InotifyEvent, undefined> | undefined;
  let held = 0;
  let soon: NodeJS.Immediate | undefined;

  const dispatch = (event: InotifyEvent): void => {
    if ((event.mask & IN_Q_OVERFLOW) !== 0) {
      for (const tree of [...trees]) tree.ears.take(event);
      return;
    }
    const heard = listeners.get(event.wd);
    // Also for who is just asking for a directory that another tree watches already.
    if (heard === undefined || trees.size > 1) early.keep(event);
    if (heard !== undefined) for (const tree of [...heard]) tree.ears.take(event);
    if ((event.mask & IN_IGNORED) !== 0) listeners.delete(event.wd);
  };

  const drain = (): void => {
    while (held < BACKLOG_BYTES) {
      const got = inotifyRead(fd, buffer);
      if (failed(got)) throw new Error(`inotify can not be read: ${got}`);
      if (got === 0) return;
      backlog.push(Buffer.from(buffer.subarray(0, got)));
      held += got;
    }
  };

  const next = (): InotifyEvent | undefined => {
    for (;;) {
      const record = records?.next();
      if (record?.done === false) return record.value;
      const bytes = backlog.shift();
      if (bytes === undefined) return undefined;
      held -= bytes.length;
      records = decodeInotify(bytes, bytes.length);
    }
  };

  /** Answers whether there was any. */
  const dealWith = (forMs: number): boolean => {
    const end = performance.now() + forMs;
    let count = 0;
    for (let event = next(); event !== undefined; event = next()) {
      dispatch(event);
      if (++count % BETWEEN_LOOKS === 0 && performance.now() >= end) break;
    }
    for (const tree of [...trees]) tree.ears.taken();
    return count > 0;
  };

  const work = (): void => {
    clearImmediate(soon);
    soon = undefined;
    if (trees.size === 0) return;
    drain();
    // What came up to here has its turn, and what came meanwhile the next one.
    if (dealWith(TURN_MS)) soon = setImmediate(work);
  };

  const read = (): boolean => {
    if (trees.size === 0) return false;
    drain();
    return dealWith(Infinity);
  };

  /** ORDER: in the turn in which the number came back, or its next events would have nobody. */
  const listen = (tree: Tree, result: Result<number>): Added => {
    if (failed(result)) return { result, early: [] };
    const heard = listeners.get(result) ?? new Set();
    listeners.set(result, heard);
    if (heard.has(tree)) return { result, early: [] };
    heard.add(tree);
    return { result, early: early.take(result) };
  };

  const forget = (tree: Tree, wd: number): void => {
    const heard = listeners.get(wd);
    if (heard === undefined || !heard.delete(tree) || heard.size > 0) return;
    listeners.delete(wd);
    inotifyRmWatch(fd, wd);
  };

  const leave = (tree: Tree): void => {
    if (!trees.delete(tree)) return;
    if (trees.size > 0) {
      for (const wd of [...listeners.keys()]) forget(tree, wd);
      return;
    }
    ended(instance);
    registration?.close();
    registration = undefined;
    clearImmediate(soon);
    // RACE: while a call with this descriptor hangs in a mount its number must not be given to another file; then
    // it stays open until the process ends.
    if (early.expected() === 0) closeSync(fd);
  };

  const instance: Instance = {
    trees: () => trees.size,
    enter(ears) {
      const tree: Tree = { ears };
      trees.add(tree);
      registration ??= onReadable(fd, work);
      // A mask that is given anew replaces the one that another tree has asked for.
      const wanted = (mask: number): number => (trees.size > 1 ? mask | IN_MASK_ADD : mask);
      return {
        add: (path, mask) => listen(tree, inotifyAddWatch(fd, path, wanted(mask))),
        async addLater(path, mask) {
          const come = early.expect();
          try {
            const result = await inotifyAddWatchAsync(fd, path, wanted(mask));
            if (trees.has(tree)) return listen(tree, result);
            // Left meanwhile: nobody would take the watch back.
            if (!failed(result) && trees.size > 0 && !listeners.has(result)) inotifyRmWatch(fd, result);
            return { result: 'EBADF', early: [] };
          } finally {
            come();
          }
        },
        remove: (wd) => forget(tree, wd),
        read,
        close: () => leave(tree),
      };
    },
  };
  return instance;
}

interface Tree {
  readonly ears: InotifyEars;
}
