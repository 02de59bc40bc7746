/** From a text to an address, and from an address to a client. Passwords never reach a message. */
import { readFileSync } from 'node:fs';
import { type RedisOptions as AllOptions, Cluster, Redis } from 'ioredis';
import type { RedisAddress } from './lane.ts';

type RedisOptions = Omit<AllOptions, 'replyMapping'>;

export type ParsedAddress =
  | { readonly kind: 'address'; readonly address: RedisAddress }
  /** One sentence; says what is wrong, without the text itself where it may hold a password. */
  | { readonly kind: 'bad'; readonly message: string };

interface Host {
  readonly host: string;
  readonly port: number;
}

/** What an address comes to. */
export type Target =
  | { readonly kind: 'socket'; readonly path: string; readonly db: number }
  | { readonly kind: 'single'; readonly hosts: readonly [Host]; readonly options: RedisOptions }
  | {
      readonly kind: 'sentinel';
      readonly hosts: readonly Host[];
      readonly name: string;
      readonly options: RedisOptions;
    }
  | { readonly kind: 'cluster'; readonly hosts: readonly Host[]; readonly options: RedisOptions };

const FORMS =
  'redis://[user:password@]host[:port][/db], rediss://…?ca=FILE, redis-sentinel://host:26379,host:26379/name, redis-cluster://host:port,host:port, or the path of a socket';

const bad = (why: string): { readonly kind: 'bad'; readonly message: string } => ({
  kind: 'bad',
  message: `The Redis address is not usable: ${why}. It should read ${FORMS}.`,
});

/** Accepts what `FORMS` lists; nothing is connected. */
export function parseRedisAddress(text: string): ParsedAddress {
  const wish = text.trim();
  if (wish === '') return bad('it is empty');
  if (wish.startsWith('/')) return { kind: 'address', address: { kind: 'socket', path: wish } };
  if (wish.startsWith('unix:/')) {
    return { kind: 'address', address: { kind: 'socket', path: wish.replace(/^unix:(\/\/(?=\/))?/, '') } };
  }
  const address: RedisAddress = { kind: 'url', url: wish };
  const target = targetOf(address);
  return typeof target === 'string' ? bad(target) : { kind: 'address', address };
}

/** What to connect to, or what is wrong with it. */
export function targetOf(address: RedisAddress): Target | string {
  if (address.kind === 'socket') return { kind: 'socket', path: address.path, db: 0 };
  const match = /^(rediss?)(-sentinel|-cluster)?:\/\/(?:([^@/]*)@)?([^/?#@]+)(\/[^?#]*)?(?:\?([^#]*))?$/i.exec(
    address.url,
  );
  if (match === null) return 'it is no URL of Redis';
  const [, scheme = '', form = '', login, places = '', path = ''] = match;
  const secure = scheme.toLowerCase() === 'rediss';
  const files = parseFiles(match[6] ?? '');
  if (typeof files === 'string') return files;
  if (!secure && Object.keys(files).length > 0) return 'certificates go with rediss://';
  const options: RedisOptions = secure ? { tls: files } : {};
  if (login !== undefined) {
    const cut = login.indexOf(':');
    const user = decode(cut < 0 ? login : login.slice(0, cut));
    const password = decode(cut < 0 ? '' : login.slice(cut + 1));
    if (user === null || password === null) return 'its user or password is not percent-encoded';
    if (user !== '') options.username = user;
    if (password !== '') options.password = password;
  }
  const sentinel = form.toLowerCase() === '-sentinel';
  const cluster = form.toLowerCase() === '-cluster';
  const hosts: Host[] = [];
  for (const place of places.split(',')) {
    const host = parseHost(place, sentinel ? 26_379 : 6379);
    if (host === null) return 'a host or port is not usable';
    hosts.push(host);
  }
  const parts = path.split('/').filter((part) => part !== '');
  const name = sentinel ? parts.shift() : undefined;
  const db = parts.shift();
  if (parts.length > 0) return 'its path has too many parts';
  if (db !== undefined) {
    if (!/^\d{1,5}$/.test(db)) return 'the database is no number';
    if (cluster && db !== '0') return 'a cluster has only database 0';
    if (!cluster) options.db = Number(db);
  }
  if (cluster) return { kind: 'cluster', hosts, options };
  if (sentinel) return name === undefined ? 'it does not name the master' : { kind: 'sentinel', hosts, name, options };
  const [only, ...more] = hosts;
  if (only === undefined || more.length > 0) return 'several hosts need redis-sentinel:// or redis-cluster://';
  return { kind: 'single', hosts: [only], options };
}

const FILES: readonly string[] = ['ca', 'cert', 'key'];

/** `ca=FILE&cert=FILE&key=FILE`: the names of the files; they are read when a connection is made. */
function parseFiles(text: string): Readonly<Record<string, string>> | string {
  const files: Record<string, string> = {};
  for (const part of text.split('&')) {
    if (part === '') continue;
    const cut = part.indexOf('=');
    const name = cut < 0 ? part : part.slice(0, cut);
    if (!FILES.includes(name)) return 'after a question mark only ca=FILE, cert=FILE and key=FILE are known';
    const file = decode(cut < 0 ? '' : part.slice(cut + 1));
    if (file === null || !file.startsWith('/')) return `${name}= does not name a file by its absolute path`;
    files[name] = file;
  }
  if ((files.cert === undefined) !== (files.key === undefined)) return 'cert= and key= go together';
  return files;
}

/** Rejects as a connection does when a file can not be read: with the error of the file. */
function readFiles(files: object): NonNullable<RedisOptions['tls']> {
  return Object.fromEntries(Object.entries(files).map(([name, file]) => [name, readFileSync(String(file))]));
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function parseHost(text: string, port: number): Host | null {
  const match = /^(\[[0-9a-f:.%a-z]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/i.exec(text);
  if (match === null) return null;
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '');
  const chosen = match[2] === undefined ? port : Number(match[2]);
  return chosen > 0 && chosen < 65_536 ? { host, port: chosen } : null;
}

/** The address as a person may see it: no password. */
export function showAddress(address: RedisAddress): string {
  if (address.kind === 'socket') return address.path;
  const target = targetOf(address);
  if (typeof target === 'string' || target.kind === 'socket') return 'an address that is not usable';
  const scheme = `redis${target.options.tls === undefined ? '' : 's'}${target.kind === 'single' ? '' : `-${target.kind}`}`;
  const user = target.options.username === undefined ? '' : `${target.options.username}@`;
  const hosts = target.hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',');
  const name = target.kind === 'sentinel' ? `/${target.name}` : '';
  const db = target.options.db === undefined || target.options.db === 0 ? '' : `/${target.options.db}`;
  return `${scheme}://${user}${hosts}${name}${db}`;
}

/** ms until the next attempt. */
function backoff(attempt: number): number {
  return Math.min(100 * attempt, 2000);
}

/**
 * What every connection of ours has in common. A command outlives an outage: it is sent again after a reconnect, which
 * is why everything that is sent must bear being done twice.
 */
const COMMON: RedisOptions = {
  maxRetriesPerRequest: null, // BullMQ's workers refuse anything else
  retryStrategy: backoff,
  connectTimeout: 5000,
  keepAlive: 15_000,
  // A server that vanished without a word: nothing that we send may stay unanswered for longer (blocking reads take 1 s).
  socketTimeout: 20_000,
  disconnectTimeout: 300, // else its timer holds a process for 2 s after the end
  disableClientInfo: true,
};

export type Client = Redis | Cluster;

export interface ClientOptions {
  /** As `CLIENT LIST` shows it. */
  readonly name?: string;
  /** Only one attempt, of this many ms; commands fail with it. */
  readonly onceMs?: number;
  readonly autoResubscribe?: false;
}

/** A client that connects at once, and for ever again. An unusable address is a bug here. */
export function createClient(address: RedisAddress, wish: ClientOptions = {}): Client {
  const target = targetOf(address);
  if (typeof target === 'string') throw new Error(`The Redis address is not usable: ${target}.`);
  const secure = target.kind !== 'socket' && target.options.tls !== undefined;
  const tls = secure ? { tls: readFiles(target.options.tls ?? {}) } : {};
  const { name, onceMs, autoResubscribe } = wish;
  const once = onceMs !== undefined;
  const usual: RedisOptions = {
    ...COMMON,
    ...(once ? { retryStrategy: () => null, maxRetriesPerRequest: 0, connectTimeout: onceMs } : {}),
    ...(name === undefined ? {} : { connectionName: name }),
    ...(autoResubscribe === undefined ? {} : { autoResubscribe }),
  };
  switch (target.kind) {
    case 'socket':
      return new Redis({ ...usual, path: target.path });
    case 'single':
      return new Redis({ ...usual, ...target.options, ...tls, ...target.hosts[0] });
    case 'sentinel': {
      const { tls: _files, ...login } = target.options;
      return new Redis({
        ...usual,
        ...login,
        ...tls,
        ...(tls.tls === undefined ? {} : { sentinelTLS: tls.tls, enableTLSForSentinelMode: true }),
        ...(once ? { sentinelRetryStrategy: () => null } : {}),
        sentinels: [...target.hosts],
        name: target.name,
      });
    }
    case 'cluster':
      return new Cluster([...target.hosts], {
        redisOptions: { ...usual, ...target.options, ...tls },
        clusterRetryStrategy: once ? () => null : backoff,
      });
  }
}
