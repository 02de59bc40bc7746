/**
 * Our own redis-server, kept running as long as its owner lives. One per folder, proved by a flock that redis-server
 * itself holds; whoever comes second uses the first one's. It may outlive a killed owner: the next start finds it, uses
 * it and ends it in the end.
 */
import { systemClock, withDeadline } from '@lazysync/ops';
import { Redis } from 'ioredis';
import type { RedisAddress } from './lane.ts';
import { prepareFolder, setDamagedAside, socketIn } from './redis-folder.ts';
import { endServer, IN_USE, probeSocket, runServer, type ServerRun, serverOf } from './redis-server.ts';

export interface EmbeddedRedis {
  readonly address: RedisAddress;
  /** What a person should know of the start; one sentence each. */
  readonly notices: readonly string[];
  /** Of the redis-server that answers now. */
  pid(): number;
  /** Ends redis-server unless another owner uses it; waits up to 3 s for its exit. */
  stop(): Promise<StopOutcome>;
}

export type StopOutcome = 'stopped' | 'used by another' | 'still ending';

export type EmbeddedFailure = {
  readonly kind: 'failed';
  /** One sentence. */
  readonly message: string;
  /** The last lines of redis-server. */
  readonly output: readonly string[];
};

export type EmbeddedOutcome = { readonly kind: 'running'; readonly redis: EmbeddedRedis } | EmbeddedFailure;

export interface EmbeddedOptions {
  /** Made with mode 0700: data, lock, log and (if the path is short enough) the socket. On a local disk. */
  readonly dir: string;
  /** What happens later, such as a server that died and was started again. One sentence each. */
  readonly log: (line: string) => void;
  /** How long to wait until it answers, ms; loading a big file takes time. Default 30,000. */
  readonly readyMs?: number;
  /** Default `redis-server`. */
  readonly program?: string;
}

/** By this client name the owners of one redis-server see each other. */
const OWNER = 'lazysync-owner';
/** A lock is held, but nobody serves the socket: so long its holder may be starting or ending, ms. */
const PATIENCE_MS = 5000;
const STOP_MS = 3000;
/** One that nobody reaches any more: it may have much to write to a disk that is busy, and nothing can begin before. */
const LOST_MS = 15_000;

export async function startEmbeddedRedis(options: EmbeddedOptions): Promise<EmbeddedOutcome> {
  const prepared = await prepareFolder(options.dir);
  if (prepared.kind === 'failed') return failed(prepared.message);
  const socket = await socketIn(prepared.dir);
  if (socket.kind === 'failed') return failed(socket.message);
  const supply = new Supply(prepared.dir, socket.path, options);
  const problem = await supply.ensure();
  if (problem !== null) return problem;
  supply.keep();
  return { kind: 'running', redis: supply };
}

class Supply implements EmbeddedRedis {
  readonly address: RedisAddress;
  readonly notices: string[] = [];
  readonly #dir: string;
  readonly #socket: string;
  readonly #program: string;
  readonly #readyMs: number;
  readonly #log: (line: string) => void;
  readonly #stopping = new AbortController();
  #server: ServerRun | null = null;
  #pid = 0;
  #owner: Redis | null = null;
  #keeping: Promise<void> = Promise.resolve();
  #stopped: Promise<StopOutcome> | null = null;

  constructor(dir: string, socket: string, { log, readyMs = 30_000, program = 'redis-server' }: EmbeddedOptions) {
    this.address = { kind: 'socket', path: socket };
    this.#dir = dir;
    this.#socket = socket;
    this.#program = program;
    this.#readyMs = readyMs;
    this.#log = log;
  }

  pid(): number {
    return this.#pid;
  }

  /** null: a server answers on the socket. Else why not. */
  async ensure(): Promise<EmbeddedFailure | null> {
    const end = performance.now() + this.#readyMs;
    let patience: number | null = null;
    let mended = false;
    for (;;) {
      const server = runServer({ program: this.#program, dir: this.#dir, socket: this.#socket });
      const outcome = await this.#untilReady(server, end);
      if (outcome === 'ready') return null;
      if (outcome === 'late') {
        const output = server.output();
        await server.end(STOP_MS);
        return failed(`Redis is not ready within ${this.#readyMs} ms.`, output);
      }
      if (server.exit() === IN_USE) {
        // CRASH: an owner was killed and its server lives on, or another owner runs. Its data is ours: use it.
        patience ??= Math.min(end, performance.now() + PATIENCE_MS);
        const problem = await this.#join(end, patience);
        if (problem !== 'again') return problem;
        continue;
      }
      const { message, isDamaged } = server.failure();
      if (!isDamaged || mended) return failed(message, server.output());
      mended = true;
      const aside = await setDamagedAside(this.#dir);
      this.#tell(
        `The file of the queue was damaged and lies in ${aside} now: Redis starts empty, and every folder is scanned.`,
      );
    }
  }

  /** Watches over the server from now on. */
  keep(): void {
    this.#keeping = this.#keep();
  }

  stop(): Promise<StopOutcome> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #untilReady(server: ServerRun, end: number): Promise<'ready' | 'late' | 'exited'> {
    for (;;) {
      if (server.exit() !== null) return 'exited';
      const probe = await probeSocket(this.#socket, 500);
      if (probe.kind === 'server' && probe.pid === server.pid && !probe.loading) {
        this.#server = server;
        this.#pid = probe.pid;
        return 'ready';
      }
      if (performance.now() > end || this.#stopping.signal.aborted) return 'late';
      await Promise.race([server.exited, systemClock.sleep(20)]);
    }
  }

  /** Uses the server that holds the lock. */
  async #join(end: number, patience: number): Promise<EmbeddedFailure | null | 'again'> {
    const probe = await probeSocket(this.#socket, 500);
    if (probe.kind === 'server' && !probe.loading) {
      this.#server = null;
      this.#pid = probe.pid;
      return null;
    }
    const now = performance.now();
    if (this.#stopping.signal.aborted) return failed('Redis is being stopped.');
    if (now > (probe.kind === 'nobody' ? patience : end)) {
      // A server whose socket was taken away is of use to nobody. One that is only silent may still be working.
      const lost = probe.kind === 'nobody' ? serverOf(this.#dir) : null;
      if (lost === null || !(await endServer(lost, this.#dir, LOST_MS))) {
        return failed(`Another process holds ${this.#dir}/redis.lock, and no Redis answers on ${this.#socket}.`);
      }
      this.#tell('A redis-server of this folder that could not be reached any more was ended.');
      return 'again';
    }
    await systemClock.sleep(100, this.#stopping.signal);
    return 'again';
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const since = performance.now();
      await this.#whileConnected();
      if (signal.aborted) return;
      const probe = await probeSocket(this.#socket, 500);
      if (probe.kind === 'silent' || (probe.kind === 'server' && probe.pid === this.#pid)) {
        await systemClock.sleep(100, signal); // only the connection broke off
        continue;
      }
      this.#log('Redis ended; it is started again.');
      if (performance.now() - since < 1000) await systemClock.sleep(1000, signal); // it dies as soon as it lives
      await this.#restart();
    }
  }

  async #restart(): Promise<void> {
    const { signal } = this.#stopping;
    for (let said = ''; !signal.aborted; ) {
      const problem = await this.ensure();
      if (problem === null) return this.#log('Redis runs again.');
      if (problem.message !== said && !signal.aborted) this.#log(problem.message);
      said = problem.message;
      await systemClock.sleep(2000, signal);
    }
  }

  /** The owner's connection ends when the server does, whoever started it. */
  async #whileConnected(): Promise<void> {
    const client = new Redis({
      path: this.#socket,
      connectionName: OWNER,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      disableClientInfo: true,
    });
    this.#owner = client;
    await new Promise<void>((resolve) => {
      client.on('error', () => undefined); // `end` follows
      client.once('end', () => resolve());
    });
    this.#owner = null;
  }

  async #stop(): Promise<StopOutcome> {
    const shared = await this.#isShared();
    this.#stopping.abort();
    this.#owner?.disconnect();
    await this.#keeping;
    if (shared) return 'used by another';
    const ended =
      this.#server === null ? await endServer(this.#pid, this.#dir, STOP_MS) : await this.#server.end(STOP_MS);
    return ended ? 'stopped' : 'still ending';
  }

  async #isShared(): Promise<boolean> {
    const client = this.#owner;
    if (client === null || client.status !== 'ready') return false;
    try {
      // ORDER: first withdraw, then count: of two owners that stop together at least one sees nobody else.
      await withDeadline(client.client('SETNAME', ''), 1000, 'Redis');
      const list = String(await withDeadline(client.client('LIST'), 1000, 'Redis'));
      return list.split('\n').some((line) => line.includes(` name=${OWNER} `));
    } catch {
      return false; // nobody can use it any more
    }
  }

  #tell(notice: string): void {
    this.notices.push(notice);
    this.#log(notice);
  }
}

function failed(message: string, output: readonly string[] = []): EmbeddedFailure {
  return { kind: 'failed', message, output };
}
