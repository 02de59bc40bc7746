/** Watches the pairs of an effective configuration: what happens to them becomes events of their lanes. */
import os from 'node:os';
import { parseArgs } from 'node:util';
import type { BaseReader } from '@lazysync/base';
import { type EffectivePair, readEffective } from '@lazysync/config/effective';
import { followEffective, sourceOf } from '@lazysync/config/follow-effective';
import { ROOT } from '@lazysync/event-model';
import {
  createShutdown,
  exitWithParent,
  HEALTH_FILE,
  keepHealthFile,
  keepMemorySmall,
  type Logger,
  type LogLevel,
  type Scope,
  systemClock,
} from '@lazysync/ops';
import { createLogger } from '@lazysync/ops/logger';
import {
  announce,
  createPublisher,
  isServed,
  laneCounts,
  onLaneLost,
  onLookRequest,
  openRedis,
  openShift,
  PublisherClosed,
  type RedisLink,
  RedisUnreachable,
  registerAtRemote,
  tellWatch,
  type WatchTeller,
} from '@lazysync/queue';
import { createEndpointPool, createIgnore, type EndpointPool } from '@lazysync/replica';
import { createInotifyHub, followFile, type InotifyHub } from '@lazysync/watch';
import { anchorsIn, openBaseView } from './base-view.ts';
import { createWatchNeed, type WatchNeed } from './blind-folders.ts';
import { createOutbox } from './outbox.ts';
import { watchPair } from './watch-pair.ts';

/** ms: a thousand pairs do not ask every few seconds. */
const SERVED_MS = 3_000;
const SERVED_PER_PAIR_MS = 20;

const ENDPOINT = new URL('../../endpoint/src/main.ts', import.meta.url);

interface Surroundings {
  readonly boot: string;
  readonly redis: RedisLink;
  readonly endpoints: EndpointPool;
  readonly hub: InotifyHub;
  readonly need: WatchNeed;
  readonly log: Logger;
  /** How many this process may have to serve. */
  readonly pairs: () => number;
}

async function startPair(
  pair: EffectivePair,
  { boot, redis, endpoints, hub, need, log, pairs }: Surroundings,
  scope: Scope,
): Promise<void> {
  endpoints.warm(pair.remote);
  const base = await openBaseView({
    state: pair.state,
    signal: scope.signal,
    waiting: (why) => log.info(`waits: ${why}`),
  });
  if (base === null) return;
  const { local, remote, settings } = pair;
  const publisher = createPublisher({
    pair: pair.id,
    producer: 'watcher',
    redis,
    epoch: boot,
    closeMs: 700,
    error: (err) => log.warn({ err }, 'could not publish yet'),
  });
  const outbox = createOutbox({
    publish: (events) => publisher.publish(events),
    jobsInLane: async () => {
      const { waiting, active, delayed } = await laneCounts(redis, pair.id);
      return waiting + active + delayed;
    },
    pause: (ms) => systemClock.sleep(ms, scope.signal),
    stopping: scope.signal,
    error: (err) => {
      if (!(err instanceof PublisherClosed)) throw err;
    },
    collapsed: (events) => log.warn({ events }, 'too many events wait: a rescan stands for them'),
  });
  const endpoint = endpoints.open({
    localRoot: local,
    remoteRoot: remote,
    anchors: () => anchorsIn(base.reader(), local),
  });
  /** Of an empty lane too: a worker that was started by other means names the start otherwise. */
  const startDone = async (reader: BaseReader): Promise<boolean> => {
    if (reader.meta('ready') === boot) return true;
    try {
      await outbox.drained();
      const { waiting, active, delayed } = await laneCounts(redis, pair.id);
      return waiting + active + delayed === 0;
    } catch (error) {
      if (error instanceof RedisUnreachable) return false;
      throw error;
    }
  };
  let telling: WatchTeller | null = null;
  try {
    const watched = await watchPair({
      local,
      watch: settings.watch.local,
      remoteScanMs: settings.scan.remote === 'auto' ? null : settings.scan.remote,
      settleMs: settings.settle,
      againMs: settings.hydrate.again,
      startDone,
      served: () => isServed(redis, pair.id),
      servedEveryMs: () => SERVED_MS + SERVED_PER_PAIR_MS * pairs(),
      pairs,
      base,
      endpoint,
      outbox,
      hub,
      need: { set: (watches) => need.set(pair.id, watches), warning: () => need.warning() },
      ignored: createIgnore(settings.ignore),
      warned: () => telling?.tell(),
      log,
    });
    scope.own(`base of ${pair.id}`, () => base.close());
    scope.own(`publisher of ${pair.id}`, () => publisher.close());
    scope.own(`sources of ${pair.id}`, () => watched.stop());
    const marker = onLaneLost(
      redis,
      pair.id,
      () => {
        log.warn('Redis was started anew or emptied: both sides are looked at as a whole');
        outbox.push([{ kind: 'rescan', side: 'local', path: ROOT, why: 'the queue was emptied' }]);
      },
      (err) => log.warn({ err }, 'could not tell whether Redis has kept the lane'),
    );
    scope.own(`marker of ${pair.id}`, () => marker.close());
    const presence = announce(redis, pair.id, 'watcher', { pid: process.pid, host: os.hostname() });
    scope.own(`presence at ${pair.id}`, () => presence.close());
    const teller = tellWatch(redis, pair.id, watched.facts);
    telling = teller;
    scope.own(`facts of ${pair.id}`, () => teller.close());
    const uuid = base.reader().meta('uuid-remote');
    if (uuid !== null) {
      const registration = registerAtRemote(redis, uuid, pair.id);
      scope.own(`registration of ${pair.id}`, () => registration.close());
    }
    const asked = onLookRequest(redis, pair.id, watched.look, (err) => log.warn({ err }, 'a look failed'));
    scope.own(`looks at ${pair.id}`, () => asked.close());
  } catch (error) {
    await Promise.allSettled([endpoint.close(), publisher.close()]);
    base.close();
    throw error;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      effective: { type: 'string' },
      pairs: { type: 'string' },
      config: { type: 'string' },
      plan: { type: 'string' },
      'log-level': { type: 'string', default: 'info' },
    },
  });
  const log = createLogger({ name: 'watcher', level: values['log-level'] as LogLevel });
  if (values.effective === undefined) {
    log.fatal('watcher needs --effective FILE; it is started by `lazysync up` or `lazysync watch`');
    process.exit(2);
  }
  const shutdown = createShutdown({ logger: log, deadlineMs: 1_800 });
  exitWithParent(shutdown);
  shutdown.own('memory', keepMemorySmall().stop);
  const config = readEffective(values.effective);
  const redis = openRedis(config.redis, {
    name: 'lazysync-watcher',
    state: (state, why) => (state === 'up' ? log.info('Redis answers') : log.warn(why ?? 'Redis does not answer')),
  });
  shutdown.own('redis', () => redis.close());
  const boot = process.env.LAZYSYNC_BOOT ?? config.boot;
  const endpoints = createEndpointPool({ main: ENDPOINT });
  const hub = createInotifyHub();
  const need = createWatchNeed();
  let count = config.pairs.length;
  const shift = openShift<EffectivePair>({
    redis,
    role: 'watcher',
    who: { pid: process.pid, host: os.hostname() },
    only: values.pairs?.split(',') ?? null,
    logger: log,
    start: (id, pair, scope) =>
      startPair(pair, { boot, redis, endpoints, hub, need, log: log.child({ pair: id }), pairs: () => count }, scope),
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
