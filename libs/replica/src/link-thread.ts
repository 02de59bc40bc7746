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
  /** In order, one call after the other. */
  make(order: LinkOrder): Promise<MadeLinks>;
  /** Is there a thread? */
  hasThread(): boolean;
  /** What is under way is still answered. */
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
  /** What the thread runs. Default: link-thread-main.ts. */
  readonly main?: URL;
}

interface Waiting {
  readonly resolve: (made: MadeLinks | null) => void;
}

export function createLinkMaker(options: LinkMakerOptions): LinkMaker {
  const { many = MANY, idleMs = IDLE, main = new URL('./link-thread-main.ts', import.meta.url) } = options;
  const waiting: Waiting[] = [];
  let thread: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  /** Made lately; a thread that ended begins to count anew. */
  let lately = 0;
  let last = -Infinity;
  let closed = false;
  /** It could not do its work: there is none any more. */
  let broken = false;

  const end = (): void => {
    const ended = thread;
    thread = undefined;
    lately = 0;
    clearTimeout(idle);
    for (const one of waiting.splice(0)) one.resolve(null);
    ended?.terminate().catch(() => undefined); // its exit code says nothing that is not known
  };

  const start = (): Worker => {
    const made = new Worker(main, {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // What libc's own calls open is not known to Node.
      trackUnmanagedFds: false,
      // Heaps of threads grow by what the machine has, too.
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    });
    const failed = (): void => {
      if (thread !== made) return;
      broken = true;
      end();
    };
    made.unref();
    made.on('message', (answer: MadeLinks) => waiting.shift()?.resolve(answer));
    made.on('error', failed);
    made.on('exit', failed);
    return made;
  };

  /** null: it ended before it could answer. What it has made stays. */
  const inThread = async (order: LinkOrder): Promise<MadeLinks | null> => {
    clearTimeout(idle);
    const running = (thread ??= start());
    const made = await new Promise<MadeLinks | null>((resolve) => {
      waiting.push({ resolve });
      running.ref();
      running.postMessage(order);
    });
    if (waiting.length > 0 || thread !== running) return made;
    running.unref();
    idle = setTimeout(end, closed ? 0 : idleMs);
    idle.unref();
    return made;
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
      lately += countLinks(order.folders);
      const pays = !broken && !closed && (thread !== undefined || lately > many);
      return (pays ? await inThread(order) : null) ?? (await here(order));
    },
    hasThread: () => thread !== undefined,
    close() {
      closed = true;
      if (waiting.length === 0) end();
    },
  };
}

export function countLinks(folders: readonly NewLinks[]): number {
  return folders.reduce((sum, { links }) => sum + links.length, 0);
}

/** So many links at a time that neither side has to hold much, however many there are in one folder. */
export function* portionsOf(folders: readonly NewLinks[], most: number): Generator<readonly NewLinks[]> {
  let portion: NewLinks[] = [];
  let room = most;
  for (const { folder, links } of folders) {
    for (let at = 0; at < links.length; ) {
      const some = links.slice(at, at + room);
      portion.push({ folder, links: some });
      at += some.length;
      room -= some.length;
      if (room > 0) continue;
      yield portion;
      portion = [];
      room = most;
    }
  }
  if (portion.length > 0) yield portion;
}
