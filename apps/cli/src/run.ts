/** One start: locks, Redis, files, processes, and the end of all of them. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type EffectiveConfig, pairStateDir, type RedisPlace, showPath, writeEffective } from '@lazysync/config';
import { errnoOf, type Logger, systemClock, withDeadline } from '@lazysync/ops';
import { type PairFile, writePairFile } from '@lazysync/replica';
import { refused, usage } from './exit.ts';
import { freePort } from './free-port.ts';
import { type ProgramName, programOf, redisText } from './places.ts';
import { alreadyRuns, type PlannedPair, type RunPlan } from './plan-run.ts';
import { type ChildSpec, type Supervisor, supervise } from './supervise.ts';
import { isUpLockHeld, localLockFile, pairLockFile, takeUpLock } from './up-lock.ts';

export interface RunOptions {
  /** null: no dashboard. */
  readonly port: number | null;
  readonly log: Logger;
  /** A line of a process. */
  readonly line: (name: string, line: string) => void;
  /** A start that is given up as soon as this is aborted. */
  readonly signal: AbortSignal;
}

export interface Run {
  readonly effective: EffectiveConfig;
  /** Where the dashboard listens; it may move when it is restarted. */
  url(): string | null;
  /** Resolves when the pairs can not be worked any more: one sentence, and the last lines of who failed. */
  readonly broken: Promise<{ readonly message: string; readonly lines: readonly string[] }>;
  uptime(name: ProgramName): number;
  /** Everything is gone within 5 s. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
/** 5 s in all: the processes get this long before kill -9, then Redis. */
const PROCESSES_MS = 3500;
const REDIS_MS = 1200;
const WORKER_ENDS_MS = 7000;

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
    for (const pair of plan.pairs) owned.push(lockState(pair));
    const redis = plan.redis ?? (await startRedis(plan.state, log, owned));
    signal.throwIfAborted();
    for (const pair of plan.pairs) {
      await untilUnworked(pair, signal);
      makeLocal(pair);
      owned.push(lockLocal(pair));
      const file: PairFile = {
        v: 1,
        id: pair.id,
        local: pair.local,
        remote: pair.remote,
        state: plan.state,
        redis: redisText(redis),
      };
      writePairFile(pair.local, file);
      writePairRecord(plan.state, file);
    }
    const port = options.port === null ? null : await freePort(options.port, HOST);
    if (options.port !== null && port === null) throw refused(`No port from ${options.port} on is free on ${HOST}.`);
    const effective = effectiveOf(plan, redis, port);
    const file = path.join(plan.pairs[0]?.state ?? plan.state, 'effective.json');
    writeEffective(file, effective);
    signal.throwIfAborted();
    return startProcesses(plan, effective, file, options, owned, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

function lockState(pair: PlannedPair): () => void {
  fs.mkdirSync(pair.state, { recursive: true, mode: 0o700 });
  const lock = takeUpLock(pairLockFile(pair.state));
  if (lock.kind === 'held') throw alreadyRuns(pair.id);
  return lock.release;
}

/** The worker of an "up" that was killed needs a moment to notice; a worker on its own stays. */
async function untilUnworked(pair: PlannedPair, signal: AbortSignal): Promise<void> {
  const end = performance.now() + WORKER_ENDS_MS;
  while (isUpLockHeld(path.join(pair.state, 'lock'))) {
    if (performance.now() > end)
      throw refused(`A worker already runs for the pair ${pair.id}: stop it first, or go on with that one.`);
    await systemClock.sleep(100, signal);
    signal.throwIfAborted();
  }
}

function lockLocal(pair: PlannedPair): () => void {
  const file = localLockFile(pair.local);
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const lock = takeUpLock(file);
  if (lock.kind === 'held') throw alreadyRuns(pair.id, pair.local);
  return lock.release;
}

function makeLocal(pair: PlannedPair): void {
  try {
    fs.mkdirSync(pair.local);
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    if (code !== 'EEXIST') throw usage(`The local folder ${showPath(pair.local)} can not be made: ${code}.`);
  }
}

export function writePairRecord(state: string, pair: PairFile): void {
  const file = path.join(pairStateDir(state, pair.id), 'pair.json');
  const temp = `${file}.${process.pid}`;
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  fs.rmSync(temp, { force: true });
  fs.writeFileSync(temp, `${JSON.stringify(pair, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  fs.renameSync(temp, file);
}

async function startRedis(state: string, log: Logger, owned: (() => Promise<void> | void)[]): Promise<RedisPlace> {
  const { startEmbeddedRedis } = await import('@lazysync/queue');
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
  const pairs = plan.pairs.map(({ id, local, remote, state, settings }) => ({ id, local, remote, state, settings }));
  const config: EffectiveConfig = { v: 1, boot, state: plan.state, redis, pairs };
  return port === null ? config : { ...config, port };
}

/** Names this start. */
export function newBoot(): string {
  return `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`;
}

function startProcesses(
  plan: RunPlan,
  effective: EffectiveConfig,
  file: string,
  { port: wish, log, line }: RunOptions,
  owned: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Run {
  let port = effective.port ?? null;
  const env = { LAZYSYNC_BOOT: effective.boot };
  const common = ['--effective', file, '--log-level', plan.logLevel];
  const simple = (name: ProgramName): ChildSpec => ({
    name,
    env,
    command: async () => [programOf(name), ...common],
  });
  const dashboard: ChildSpec = {
    name: 'dashboard',
    env,
    command: async () => {
      const free = await freePort(port ?? 0, HOST);
      if (free !== null && free !== port) {
        port = free;
        log.warn(`The dashboard is at http://${HOST}:${free} now: its port was taken.`);
      }
      return [programOf('dashboard'), ...common, '--host', HOST, '--port', String(port)];
    },
  };
  const broken = Promise.withResolvers<{ message: string; lines: readonly string[] }>();
  const specs = [simple('sync-worker'), simple('watcher'), ...(wish === null ? [] : [dashboard])];
  const supervisor: Supervisor = supervise(specs, {
    line,
    restarting: (name, why, ms) => log.warn(`${name} ${why}; it is started again in ${ms} ms.`),
    halted: (name, why, lines) => {
      const message = `${name} ${why}, again and again; it is not started any more.`;
      if (name === 'dashboard') log.error({ lines }, message);
      else broken.resolve({ message, lines });
    },
  });
  owned.push(() => supervisor.stop(PROCESSES_MS));
  return {
    effective,
    url: () => (port === null ? null : `http://${HOST}:${port}`),
    broken: broken.promise,
    uptime: (name) => supervisor.uptime(name),
    stop,
  };
}
