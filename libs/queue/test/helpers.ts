/** A real Redis on a socket in a temp folder, and waiting for conditions. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type EventOutcome, relPath, type SyncEvent } from '@lazysync/event-model';
import {
  createLaneWorker,
  type EmbeddedRedis,
  type LaneHandlers,
  type LaneWorker,
  openRedis,
  type RedisLink,
  startEmbeddedRedis,
} from '@lazysync/queue';
import { Redis } from 'ioredis';

export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  ms = 60_000,
): Promise<NonNullable<Exclude<T, false>>> {
  const end = performance.now() + ms;
  for (;;) {
    const value = await condition();
    if (value !== null && value !== undefined && value !== false) return value as NonNullable<Exclude<T, false>>;
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function tempFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), 'lazysync-queue-'));
}

export interface TestRedis {
  readonly dir: string;
  readonly redis: EmbeddedRedis;
  readonly lines: string[];
  /** A connection of the test's own. */
  readonly raw: Redis;
  close(): Promise<void>;
}

export async function startTestRedis(dir?: string): Promise<TestRedis> {
  const folder = dir ?? (await tempFolder());
  const lines: string[] = [];
  const started = await startEmbeddedRedis({ dir: folder, log: (line) => lines.push(line) });
  if (started.kind === 'failed') throw new Error(`${started.message}\n${started.output.join('\n')}`);
  const { redis } = started;
  const raw = new Redis(socketOf(redis), { retryStrategy: () => 50, maxRetriesPerRequest: null });
  raw.on('error', () => {});
  return {
    dir: folder,
    redis,
    lines,
    raw,
    close: async () => {
      raw.disconnect();
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function socketOf(redis: EmbeddedRedis): string {
  if (redis.address.kind !== 'socket') throw new Error('no socket');
  return redis.address.path;
}

let pairs = 0;
export function newPair(): string {
  return `p${process.pid}-${++pairs}`;
}

export function change(path: string): SyncEvent {
  return { kind: 'modify', side: 'local', path: relPath(path) };
}

export function outcomes(events: readonly SyncEvent[], outcome = 'done'): EventOutcome[] {
  return events.map(({ path }) => ({ path, outcome }));
}

export interface Recorded {
  readonly worker: LaneWorker;
  readonly seen: string[];
  readonly refused: string[];
  readonly errors: Error[];
}

/** A worker that notes the path of each event. */
export function recordingWorker(redis: RedisLink, pair: string, over: Partial<LaneHandlers> = {}): Recorded {
  const seen: string[] = [];
  const refused: string[] = [];
  const errors: Error[] = [];
  const worker = createLaneWorker({
    pair,
    redis,
    handlers: {
      handle: async ({ events }) => {
        for (const { path } of events) seen.push(path);
        return await Promise.resolve({ kind: 'done', outcomes: outcomes(events) });
      },
      refused: (reason) => refused.push(reason),
      error: (error) => errors.push(error),
      ...over,
    },
  });
  return { worker, seen, refused, errors };
}

export function link(redis: EmbeddedRedis): RedisLink {
  return openRedis(redis.address);
}

export interface Child {
  readonly process: ChildProcess;
  /** Lines of its stdout so far. */
  readonly lines: readonly string[];
  kill(): Promise<void>;
}

/** Runs a file of this folder in a process of its own. */
export function startChild(file: string, ...args: readonly string[]): Child {
  const script = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return {
    process: child,
    lines,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** No job may ever be there. */
export async function overtaken(raw: Redis, pair: string): Promise<number> {
  const { laneKey } = await import('@lazysync/queue');
  return (await raw.zcard(laneKey(pair, 'failed'))) + (await raw.zcard(laneKey(pair, 'delayed')));
}
