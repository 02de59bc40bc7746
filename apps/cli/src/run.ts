/** One start: locks, Redis, files, processes, and the end of all of them. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type EffectiveConfig, type EffectivePair, type RedisPlace, showPath, writeEffective } from '@lazysync/config';
import { errnoOf, type Logger, withDeadline } from '@lazysync/ops';
import { sayHalted, takeBackHalted } from '@lazysync/status';
import { type Door, openDoor } from './door.ts';
import { refused, usage } from './exit.ts';
import type { HeadStart } from './head-start.ts';
import { lastErrorIn } from './log-lines.ts';
import { createPairLocks, type PairLocks } from './pair-locks.ts';
import { type ProgramName, programOf, redisText } from './places.ts';
import type { PlannedPair, RunPlan } from './plan-run.ts';
import { type ChildSpec, type Supervisor, supervise } from './supervise.ts';

export interface RunOptions {
  /** null: no dashboard. */
  readonly port: number | null;
  readonly log: Logger;
  /** A line of a process. */
  readonly line: (name: string, line: string) => void;
  /** A start that is given up as soon as this is aborted. */
  readonly signal: AbortSignal;
  /** null: none was begun. */
  readonly headStart: HeadStart | null;
}

export interface Run {
  /** What the processes work with now. */
  readonly effective: EffectiveConfig;
  /** Where the dashboard is; null: there is none. */
  url(): string | null;
  /** Resolves when the pairs are not served any more and `halted`: why, in one sentence, and the last lines of who failed. */
  readonly broken: Promise<{ readonly message: string; readonly lines: readonly string[] }>;
  uptime(name: ProgramName): number;
  /** Goes over to another plan while the processes run. Rejects with a CliError: what is new was not taken. */
  apply(plan: RunPlan): Promise<Changes>;
  /** Everything is gone within 5 s. */
  stop(): Promise<void>;
}

/** Ids of pairs. */
export interface Changes {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

const HOST = '127.0.0.1';
/** 5 s in all: the processes get this long before kill -9, then Redis. */
const PROCESSES_MS = 3500;
const REDIS_MS = 1200;

function makeState(state: string): void {
  try {
    fs.mkdirSync(state, { recursive: true, mode: 0o700 });
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    const message = `The state folder ${showPath(state)} can not be made (${code}): name another with --state.`;
    throw code === 'ENOSPC' || code === 'EDQUOT' ? refused(message) : usage(message);
  }
}

export async function startRun(plan: RunPlan, options: RunOptions): Promise<Run> {
  const { log, signal } = options;
  const owned: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (let release = owned.pop(); release !== undefined; release = owned.pop()) await release();
  };
  try {
    makeState(plan.state);
    const locks = createPairLocks();
    owned.push(() => locks.releaseAll());
    for (const pair of plan.pairs) locks.takeState(pair);
    for (const { state } of plan.pairs) takeBackHalted(state);
    const redis = plan.redis ?? (await startRedis(plan.state, log, owned));
    signal.throwIfAborted();
    for (const pair of plan.pairs) await locks.takeLocal(pair, plan.state, redisText(redis), signal);
    const door = options.port === null ? null : await openDashboardDoor(options.port, log);
    if (door !== null) owned.push(() => door.close());
    const effective = effectiveOf(plan, redis, door?.port ?? null);
    const file = path.join(plan.pairs[0]?.state ?? plan.state, 'effective.json');
    writeEffective(file, effective);
    signal.throwIfAborted();
    return startProcesses(plan, effective, file, locks, door, options, owned, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openDashboardDoor(port: number, log: Logger): Promise<Door> {
  const failed = (error: Error): void => log.warn({ err: error }, 'somebody could not be let in to the dashboard');
  const door = await openDoor({ host: HOST, port, failed });
  if (door === null) throw refused(`No port from ${port} on is free on ${HOST}.`);
  return door;
}

async function startRedis(state: string, log: Logger, owned: (() => Promise<void> | void)[]): Promise<RedisPlace> {
  const { startEmbeddedRedis } = await import('@lazysync/queue/embedded');
  const outcome = await startEmbeddedRedis({ dir: path.join(state, 'redis'), log: (line) => log.warn(line) });
  if (outcome.kind === 'failed') {
    for (const line of outcome.output) log.error({ process: 'redis-server' }, line);
    throw refused(outcome.message);
  }
  const { redis } = outcome;
  owned.push(async () => {
    await withDeadline(redis.stop(), REDIS_MS, 'redis-server').catch((error: unknown) =>
      log.warn({ err: error }, 'redis-server did not end in time; the next start takes it over'),
    );
  });
  return redis.address;
}

function effectiveOf(plan: RunPlan, redis: RedisPlace, port: number | null): EffectiveConfig {
  const boot = newBoot();
  const pairs = plan.pairs.map(effectivePair);
  const config: EffectiveConfig = { v: 1, boot, state: plan.state, redis, pairs };
  return port === null ? config : { ...config, port };
}

function effectivePair({ id, local, remote, state, settings }: PlannedPair): EffectivePair {
  return { id, local, remote, state, settings };
}

const sameRoots = (a: PlannedPair, b: PlannedPair): boolean => a.local === b.local && a.remote === b.remote;

/** Names this start. */
export function newBoot(): string {
  return `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`;
}

function startProcesses(
  plan: RunPlan,
  first: EffectiveConfig,
  file: string,
  locks: PairLocks,
  door: Door | null,
  { signal, log, line, headStart }: RunOptions,
  owned: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Run {
  let effective = first;
  const env = { LAZYSYNC_BOOT: first.boot };
  const common = ['--effective', file, '--log-level', plan.logLevel];
  const simple = (name: ProgramName): ChildSpec => ({
    name,
    env,
    command: async () => [programOf(name), ...common],
  });
  const worker = (): ChildSpec => ({
    ...simple('sync-worker'),
    command: async () => [
      programOf('sync-worker'),
      ...common,
      ...(headStart?.take() == null ? [] : ['--head-start', '4']),
    ],
    descriptor: () => headStart?.take() ?? null,
    started: () => headStart?.taken(),
  });
  const dashboard = ({ knocked, leadTo }: Door): ChildSpec => ({
    name: 'dashboard',
    env,
    command: async () => [programOf('dashboard'), ...common, '--door'],
    wanted: knocked,
    started: leadTo,
  });
  const broken = Promise.withResolvers<{ message: string; lines: readonly string[] }>();
  let gaveUp: string | null = null;
  let running = plan.pairs;
  const sayGaveUp = (): void => {
    if (gaveUp === null) return;
    try {
      for (const { state } of running) sayHalted(state, gaveUp);
    } catch (error) {
      if (errnoOf(error) === null) throw error;
      log.error({ err: error }, 'that the pairs are halted can not be written down; "lazysync status" does not say so');
    }
  };
  // ORDER: taken back while the lock that gives it its meaning is still held.
  owned.push(() => {
    for (const { state } of running) takeBackHalted(state);
  });
  const specs = [worker(), simple('watcher'), ...(door === null ? [] : [dashboard(door)])];
  const supervisor: Supervisor = supervise(specs, {
    line,
    restarting: (name, why, ms) =>
      log.warn(`${name} ${why}; it is started again ${name === 'dashboard' ? 'at the next visit' : `in ${ms} ms`}.`),
    halted: (name, why, lines) => {
      const last = lastErrorIn(lines);
      const what = `The ${name} ${why} again and again${last === null ? '' : ` (${last})`}`;
      if (name === 'dashboard') {
        log.error({ lines }, `${what}; it is not started any more.`);
        door?.close();
        return;
      }
      // One process of each kind serves all pairs.
      gaveUp = `${what}: mend that, then stop "lazysync up" and start it again.`;
      sayGaveUp();
      broken.resolve({ message: gaveUp, lines });
    },
  });
  owned.push(() => supervisor.stop(PROCESSES_MS));
  const write = (pairs: readonly PlannedPair[]): void => {
    effective = { ...effective, pairs: pairs.map(effectivePair) };
    writeEffective(file, effective);
  };
  const apply = async (next: RunPlan): Promise<Changes> => {
    const before = new Map(running.map((pair) => [pair.id, pair]));
    const after = new Map(next.pairs.map((pair) => [pair.id, pair]));
    const moved = next.pairs.filter((pair) => !sameRoots(before.get(pair.id) ?? pair, pair)).map(({ id }) => id);
    const removed = running.filter(({ id }) => !after.has(id)).map(({ id }) => id);
    const added = next.pairs.filter(({ id }) => !before.has(id)).map(({ id }) => id);
    const changed = next.pairs
      .filter(
        (pair) =>
          before.has(pair.id) && !isDeepStrictEqual(effectivePair(pair), effectivePair(before.get(pair.id) ?? pair)),
      )
      .map(({ id }) => id);
    // ORDER: what goes is let go by the worker before its locks are, and before its folders may become another pair's.
    const going = new Set([...removed, ...moved]);
    if (going.size > 0) {
      running = running.filter(({ id }) => !going.has(id));
      write(running);
      for (const pair of before.values()) if (going.has(pair.id)) takeBackHalted(pair.state);
      for (const id of going) await locks.release(id, signal);
    }
    const coming = next.pairs.filter(({ id }) => added.includes(id) || moved.includes(id));
    try {
      for (const pair of coming) {
        locks.takeState(pair);
        await locks.takeLocal(pair, plan.state, redisText(effective.redis), signal);
      }
    } catch (error) {
      for (const { id } of coming) await locks.release(id, signal);
      throw error;
    }
    running = next.pairs;
    write(running);
    sayGaveUp();
    return { added, removed, changed };
  };
  return {
    get effective() {
      return effective;
    },
    apply,
    url: () => (door === null ? null : `http://${HOST}:${door.port}`),
    broken: broken.promise,
    uptime: (name) => supervisor.uptime(name),
    stop,
  };
}
