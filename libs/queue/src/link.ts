/** A process's way to Redis: one connection for commands, one for messages. Opened and closed by its owner. */
import { DeadlinePassed, withDeadline } from '@lazysync/ops';
import { Cluster } from 'ioredis';
import { type Client, createClient, showAddress } from './connect.ts';
import type { RedisAddress } from './lane.ts';
import { reasonOf } from './ping.ts';

/** Redis did not answer within the deadline. */
export class RedisUnreachable extends Error {}

export interface LinkOptions {
  /** Called when the state changes, not at every attempt. `why`: one sentence, null when up. */
  readonly state?: (state: 'up' | 'down', why: string | null) => void;
  /** As `CLIENT LIST` shows it. */
  readonly name?: string;
}

/** Nobody vanishes without a word from a socket of this host: a blocking read may be silent for longer. */
export const SILENT_MS = 100_000;

export class RedisLink {
  readonly address: RedisAddress;
  /** The address without secrets. */
  readonly shown: string;
  readonly #commands: Client;
  readonly #state: (state: 'up' | 'down', why: string | null) => void;
  readonly #listeners = new Map<string, Set<(message: string) => void>>();
  readonly #made = new Set<Client>();
  readonly #lastWords: (() => Promise<void>)[] = [];
  #subscriber: Client | null = null;
  #up = false;
  #downSaid = false;
  #lastError: unknown = null;
  #closed = false;

  constructor(address: RedisAddress, options: LinkOptions = {}) {
    this.address = address;
    this.shown = showAddress(address);
    this.#state = options.state ?? (() => undefined);
    this.#commands = createClient(address, options.name === undefined ? {} : { name: options.name });
    this.#commands.setMaxListeners(100_000); // one connection serves a thousand pairs
    this.#watch(this.#commands);
    // BullMQ copies the connection for its blocking reads and offers no way to break one off while Redis is away.
    const client = this.#commands as { duplicate: (...args: unknown[]) => Client };
    const duplicate = client.duplicate.bind(client);
    client.duplicate = (...args) => {
      const copy = duplicate(
        ...(address.kind === 'socket' ? [{ ...(args[0] as object), socketTimeout: SILENT_MS }] : args),
      );
      this.#made.add(copy);
      copy.once('end', () => this.#made.delete(copy));
      return copy;
    };
  }

  get up(): boolean {
    return this.#up;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** For this lib only: all commands that do not block. */
  get commands(): Client {
    return this.#commands;
  }

  /** Commands on keys of several pairs are refused there. */
  get isCluster(): boolean {
    return this.#commands instanceof Cluster;
  }

  /** Runs now if Redis is up, and after every reconnect. The answer takes it back. */
  onUp(act: () => void): () => void {
    this.#commands.on('ready', act);
    if (this.#up) act();
    return () => this.#commands.off('ready', act);
  }

  /** Said while there is still a connection. */
  beforeClose(act: () => Promise<void>): void {
    this.#lastWords.push(act);
  }

  /** What `ask` gives, or RedisUnreachable after `deadlineMs`. */
  async within<T>(deadlineMs: number, ask: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await withDeadline(ask(this.#commands), deadlineMs, `Redis at ${this.shown}`);
    } catch (error) {
      if (this.#up && !(error instanceof DeadlinePassed)) throw error;
      throw new RedisUnreachable(this.down(deadlineMs), { cause: error });
    }
  }

  /** Calls `act` for every message of a channel; messages that come during an outage are lost. */
  subscribe(channel: string, act: (message: string) => void, ready: () => void): () => void {
    const client = this.#messages();
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners);
    listeners.add(act);
    const subscribe = (): void => {
      client.subscribe(channel).then(ready, (error: unknown) => {
        this.#lastError = error; // the connection went away: `ready` comes again
      });
    };
    client.on('ready', subscribe);
    if (client.status === 'ready') subscribe();
    return () => {
      client.off('ready', subscribe);
      listeners.delete(act);
      if (listeners.size > 0) return;
      this.#listeners.delete(channel);
      if (client.status === 'ready') {
        client.unsubscribe(channel).catch((error: unknown) => {
          this.#lastError = error; // gone with the connection
        });
      }
    };
  }

  /** Breaks off everything that still waits for Redis. Whoever uses the link is closed before. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(this.#lastWords.map((say) => say()));
    this.#up = false;
    const clients = [this.#commands, ...(this.#subscriber === null ? [] : [this.#subscriber]), ...this.#made];
    await Promise.all(clients.map(endOf));
  }

  /** One sentence about an outage. */
  down(deadlineMs: number): string {
    const why = this.#lastError === null ? `it does not answer within ${deadlineMs} ms` : reasonOf(this.#lastError);
    return `Redis at ${this.shown} is not reachable: ${why}.`;
  }

  #messages(): Client {
    if (this.#subscriber !== null) return this.#subscriber;
    const client = createClient(this.address, { autoResubscribe: false });
    client.setMaxListeners(100_000);
    client.on('error', (error: Error) => {
      this.#lastError = error;
    });
    client.on('message', (channel: string, message: string) => {
      for (const act of [...(this.#listeners.get(channel) ?? [])]) act(message);
    });
    this.#subscriber = client;
    return client;
  }

  #watch(client: Client): void {
    client.on('error', (error: Error) => {
      this.#lastError = error;
      this.#fall();
    });
    client.on('close', () => this.#fall());
    client.on('ready', () => {
      this.#up = true;
      this.#downSaid = false;
      this.#lastError = null;
      this.#state('up', null);
    });
  }

  #fall(): void {
    this.#up = false;
    if (this.#downSaid || this.#closed) return;
    this.#downSaid = true;
    this.#state('down', this.down(0).replace(/it does not answer within 0 ms/, 'the connection broke off'));
  }
}

/** Opens a link; returns at once, the connection comes when Redis does. */
export function openRedis(address: RedisAddress, options: LinkOptions = {}): RedisLink {
  return new RedisLink(address, options);
}

async function endOf(client: Client): Promise<void> {
  if (client.status === 'end') return;
  const ended = new Promise<void>((resolve) => {
    client.once('end', () => resolve());
    setTimeout(resolve, 500).unref();
  });
  // Between two attempts ioredis would stop in silence and leave every command unanswered: an attempt ends them all.
  if (client.status === 'reconnecting') client.connect().then(undefined, () => undefined);
  client.disconnect();
  await ended;
}
