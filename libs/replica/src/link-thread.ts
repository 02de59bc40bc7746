/**
 * A second thread for the links of a very large first mirror: the kernel's work for them is as much as all of ours, and both
 * can go on at once. It lives while there is much to make.
 */
import { Worker } from 'node:worker_threads';
import type { NewLinks } from './fs-port.ts';
import { type MadeLinks, makeLinksBelow } from './link-maker.ts';

export interface LinkOrder {
  /** Threads share descriptors. It stays open until the answer has come. */
  readonly rootFd: number;
  readonly folders: readonly NewLinks[];
  readonly atimeNs: bigint;
}

export interface LinkMaker {
  /** In order; one call at a time is carried out. Rejects only for bugs. */
  make(order: LinkOrder): Promise<MadeLinks>;
  close(): void;
}

/** Links that were made without a thread before one pays: it takes 120 ms and 20 MB to start. */
const MANY = 20_000;
/** Without an order for so long, ms, it ends. */
const IDLE = 5_000;

export interface LinkMakerOptions {
  readonly many?: number;
  readonly idleMs?: number;
  /** Between two folders where no thread makes them: others have their turn. */
  readonly turn: () => Promise<void>;
}

interface Waiting {
  readonly resolve: (made: MadeLinks) => void;
  readonly reject: (error: unknown) => void;
}

export function createLinkMaker(options: LinkMakerOptions): LinkMaker {
  const { many = MANY, idleMs = IDLE } = options;
  const waiting: Waiting[] = [];
  let thread: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  /** Made lately; a thread that ended begins to count anew. */
  let lately = 0;
  let last = -Infinity;

  const end = (error: unknown): void => {
    const ended = thread;
    thread = undefined;
    lately = 0;
    clearTimeout(idle);
    for (const one of waiting.splice(0)) one.reject(error);
    // What it has made stays; whoever waited has been told.
    ended?.terminate().catch(() => undefined);
  };

  const start = (): Worker => {
    const made = new Worker(new URL('./link-thread-main.ts', import.meta.url), {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // What libc's own calls open is not known to Node.
      trackUnmanagedFds: false,
      // Heaps of threads grow by what the machine has, too.
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    });
    made.unref();
    made.on('message', (answer: MadeLinks) => waiting.shift()?.resolve(answer));
    made.on('error', (error) => thread === made && end(error));
    made.on('exit', (code) => thread === made && end(new Error(`the thread that makes links ended with ${code}`)));
    return made;
  };

  const inThread = (order: LinkOrder): Promise<MadeLinks> => {
    clearTimeout(idle);
    const running = (thread ??= start());
    return new Promise<MadeLinks>((resolve, reject) => {
      waiting.push({ resolve, reject });
      running.ref();
      running.postMessage(order);
    }).finally(() => {
      if (waiting.length > 0 || thread !== running) return;
      running.unref();
      idle = setTimeout(() => end(new Error('at rest')), idleMs);
      idle.unref();
    });
  };

  const here = async ({ rootFd, folders, atimeNs }: LinkOrder): Promise<MadeLinks> => {
    const parts: MadeLinks[] = [];
    for (const folder of folders) {
      parts.push(makeLinksBelow(rootFd, [folder], atimeNs));
      await options.turn();
    }
    let first = 0;
    const failures = folders.flatMap(({ links }, i) => {
      const from = first;
      first += links.length;
      return (parts[i]?.failures ?? []).map(([at, code]): [number, string] => [from + at, code]);
    });
    return { stats: Buffer.concat(parts.map(({ stats }) => stats)) as Uint8Array<ArrayBuffer>, failures };
  };

  return {
    async make(order) {
      const now = performance.now();
      if (now - last > idleMs) lately = 0;
      last = now;
      lately += order.folders.reduce((sum, { links }) => sum + links.length, 0);
      return thread !== undefined || lately > many ? await inThread(order) : await here(order);
    },
    close: () => end(new Error('closed')),
  };
}
