/**
 * The way to the Linux system calls that Node lacks: libc's `syscall`. The only file that names koffi. What the kernel
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
    madvise: 28,
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
    madvise: 233,
    renameat2: 276,
    statx: 291,
    openat2: 437,
  },
} as const;

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
  readonly madvise: Call;
}

let loaded: Libc | undefined;

export function libc(): Libc {
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
    madvise: syscall('size_t', 'size_t', 'int'),
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

export function call(fn: Call, ...args: unknown[]): Result<number> {
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

export async function callAsync(fn: Call, ...args: unknown[]): Promise<Result<number>> {
  const first = await onceAsync(fn, args);
  return first === DOUBTED ? await onceAsync(fn, args) : first;
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
