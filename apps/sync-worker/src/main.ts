/** Works the pairs of an effective configuration: one lane each, strictly in order. */
import net from 'node:net';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { type EffectivePair, readEffective } from '@lazysync/config/effective';
import { followEffective, sourceOf } from '@lazysync/config/follow-effective';
import {
  createShutdown,
  exitWithParent,
  HEALTH_FILE,
  keepHealthFile,
  keepMemorySmall,
  type Logger,
  type LogLevel,
  type Scope,
  SUPERVISED,
  tellAchieved,
} from '@lazysync/ops';
import { createLogger } from '@lazysync/ops/logger';
import {
  announce,
  createLaneWorker,
  createPublisher,
  onLaneLost,
  openRedis,
  openShift,
  type RedisLink,
} from '@lazysync/queue';
import { createEndpointPool, type EndpointPool } from '@lazysync/replica';
import { followFile } from '@lazysync/watch/follow-file';
import { answerQuestions } from './answers.ts';
import { onceReady } from './once-ready.ts';
import { openPair } from './open-pair.ts';
import { createPackLink } from './pack-link.ts';
import { retryProblems } from './retry-problems.ts';
import { keepStageClean } from './stage-keeper.ts';
import { keepTrashSmall } from './trash-keeper.ts';
import { workPair } from './work-pair.ts';

const ENDPOINT = new URL('../../endpoint/src/main.ts', import.meta.url);
/** Pairs whose endpoints are started before anybody asks for them. */
const WARMED = 4;
/** The current step is waited for this long at the end, ms. */
const CLOSE_MS = 2_500;

interface Surroundings {
  readonly boot: string;
  readonly redis: RedisLink;
  readonly endpoints: EndpointPool;
  readonly log: Logger;
  /** A walk of the remote of the only pair that has begun already; null: there is none, or it was taken. */
  readonly headStart: () => net.Socket | null;
  /** How many there are. */
  readonly pairs: () => number;
}

async function startPair(pair: EffectivePair, around: Surroundings, scope: Scope): Promise<void> {
  const { boot, redis, endpoints, log, headStart } = around;
  const publisher = createPublisher({ pair: pair.id, producer: 'worker', redis, epoch: boot });
  scope.own(`publisher of ${pair.id}`, () => publisher.close());
  const { id, local, remote, state, settings } = pair;
  const outcome = await openPair(
    {
      id,
      local,
      remote,
      state,
      ignore: settings.ignore,
      hydrate: settings.hydrate,
      replace: settings.replace,
      width: settings.width,
      inlineLimit: settings.inlineLimit,
      limit: settings.limit,
      minFree: settings.minFree,
      keepOverwritten: settings.trash.overwritten,
    },
    endpoints,
    (events) => publisher.publish(events),
    log,
    scope.signal,
    () => {
      // Before the remote has answered: a pair that waits for it is at work, too.
      const presence = announce(redis, id, 'worker', { pid: process.pid, host: os.hostname() });
      scope.own(`presence at ${id}`, () => presence.close());
    },
    headStart(),
  );
  if (outcome.kind === 'refused') {
    // Whoever has it may be about to end.
    if (outcome.why === 'taken') throw new Error(outcome.message);
    log.error({ pair: id }, outcome.message);
    return;
  }
  const { ports, probeRemote, turnAnchor, onRemote, breakOff, close } = outcome.pair;
  scope.own(`pair ${id}`, close);
  const packs = createPackLink({
    redis,
    pair: id,
    elapsed: () => performance.now(),
    refused: (why) => log.warn({ pair: id }, `small files go up one by one for a minute: ${why}`),
  });
  const working = await workPair(
    { ...ports, packs },
    {
      boot,
      offline: async () => turnAnchor('self'),
      online: async () => turnAnchor('remote'),
    },
  );
  const stage = keepStageClean(ports, around.pairs);
  // ORDER: released after the work: its calls on a remote that hangs are broken off there.
  scope.own(`stage of ${id}`, () => stage.close());
  // A clean stop leaves the stubs readable.
  scope.own(`work on ${id}`, async () => {
    const closing = working.close();
    await breakOff();
    await closing;
    turnAnchor('remote');
  });
  onRemote((heard) => {
    if (heard.kind === 'answers') stage.soon();
    working
      .remote(heard)
      .catch((error: unknown) => log.error({ pair: id, err: error }, 'coming back to the remote failed'));
  });
  const answers = answerQuestions(redis, ports, working);
  scope.own(`answers about ${id}`, () => answers.close());
  const lane = createLaneWorker({
    pair: id,
    redis,
    handlers: {
      ...working.handlers,
      handle: async (changeset, job) => {
        const verdict = await working.handlers.handle(changeset, job);
        if (verdict.kind === 'done') tellAchieved();
        return verdict;
      },
      error: (error) => log.error({ pair: id, err: error }, 'the lane reports an error'),
    },
  });
  scope.own(`lane of ${id}`, () => lane.close(CLOSE_MS));
  const notYet =
    (what: string) =>
    (error: unknown): void =>
      log.debug({ pair: id, err: error }, what);
  const later = onceReady({
    ready: () => ports.base.meta('ready') === boot,
    act: async () => {
      // What is missing of them is made when it is needed.
      await ports.remote.makeRoom().catch(notYet('no stage folders yet'));
      await probeRemote?.();
    },
    failed: notYet('the remote could not be probed'),
  });
  scope.own(`what waits for ${id}`, later);
  const retry = retryProblems({
    problems: () => ports.base.problems(),
    publish: (events) => publisher.publish(events),
    now: () => performance.now(),
    // A thousand bases are not asked a thousand times a second.
    everyMs: Math.max(1_000, 60 * around.pairs()),
    error: (error) => log.warn({ pair: id, err: error }, 'problems could not be tried again yet'),
  });
  scope.own(`problems of ${id}`, retry.stop);
  const marker = onLaneLost(
    redis,
    id,
    () => working.laneLost(),
    (error) => log.warn({ pair: id, err: error }, 'could not tell whether Redis has kept the lane'),
  );
  scope.own(`marker of ${id}`, () => marker.close());
  scope.own(
    `trash of ${id}`,
    keepTrashSmall((event) => publisher.publish([event]), settings.trash),
  );
  log.info({ pair: id, local, remote }, 'at work');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      effective: { type: 'string' },
      pairs: { type: 'string' },
      config: { type: 'string' },
      plan: { type: 'string' },
      'head-start': { type: 'string' },
      'log-level': { type: 'string', default: 'info' },
    },
  });
  const log = createLogger({ name: 'sync-worker', level: values['log-level'] as LogLevel });
  const shutdown = createShutdown({ logger: log, deadlineMs: 4_000 });
  exitWithParent(shutdown);
  shutdown.own('memory', keepMemorySmall().stop);
  if (values.effective === undefined) {
    log.fatal('sync-worker needs --effective FILE; it is started by `lazysync up` or `lazysync work`');
    process.exit(2);
  }
  const config = readEffective(values.effective);
  const redis = openRedis(config.redis);
  shutdown.own('redis', () => redis.close());
  let count = config.pairs.length;
  const descriptor = values['head-start'];
  let walk =
    descriptor === undefined ? null : new net.Socket({ fd: Number(descriptor), readable: true, writable: false });
  const endpoints = createEndpointPool({ main: ENDPOINT });
  // The only worker of its pairs: their endpoints load while Redis is asked who serves what.
  const isAlone = process.env[SUPERVISED] === '1' && values.pairs === undefined;
  if (isAlone) for (const { remote } of config.pairs.slice(0, WARMED)) endpoints.warm(remote);
  const around: Surroundings = {
    boot: config.boot,
    redis,
    endpoints,
    log,
    headStart: () => {
      const taken = walk;
      walk = null;
      return taken;
    },
    pairs: () => count,
  };
  const shift = openShift<EffectivePair>({
    redis,
    role: 'worker',
    who: { pid: process.pid, host: os.hostname() },
    only: values.pairs?.split(',') ?? null,
    logger: log,
    start: (_id, pair, scope) => startPair(pair, around, scope),
  });
  shutdown.own('pairs', () => shift.close());
  shift.serve(config.pairs);
  const following = followEffective({
    effective: values.effective,
    source: sourceOf(values),
    follow: followFile,
    changed: ({ pairs }) => {
      count = pairs.length;
      shift.serve(pairs);
    },
    logger: log,
  });
  shutdown.own('configuration', () => following.close());
  const health = process.env[HEALTH_FILE];
  if (health !== undefined && health !== '')
    shutdown.own(
      'health',
      keepHealthFile(health, () => shift.isHealthy()),
    );
}

await main();
