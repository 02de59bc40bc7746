/** Works the pairs of an effective configuration: one lane each, strictly in order. */
import os from 'node:os';
import { parseArgs } from 'node:util';
import { type EffectiveConfig, readEffective } from '@lazysync/config';
import {
  createLogger,
  createShutdown,
  exitWithParent,
  keepMemorySmall,
  type Logger,
  type LogLevel,
  type Shutdown,
} from '@lazysync/ops';
import { announce, createLaneWorker, createPublisher, onLaneLost, openRedis, type RedisLink } from '@lazysync/queue';
import { answerQuestions } from './answers.ts';
import { openPair } from './open-pair.ts';
import { retryProblems } from './retry-problems.ts';
import { keepTrashSmall } from './trash-keeper.ts';
import { workPair } from './work-pair.ts';

const ENDPOINT = new URL('../../endpoint/src/main.ts', import.meta.url);
/** The current step is waited for this long at the end, ms. */
const CLOSE_MS = 2_500;

type Pair = EffectiveConfig['pairs'][number];

async function startPair(pair: Pair, boot: string, redis: RedisLink, shutdown: Shutdown, log: Logger): Promise<void> {
  const publisher = createPublisher({ pair: pair.id, producer: 'worker', redis, epoch: boot });
  shutdown.own(`publisher of ${pair.id}`, () => publisher.close());
  const { id, local, remote, state, settings } = pair;
  const opening = openPair(
    {
      id,
      local,
      remote,
      state,
      ignore: settings.ignore,
      hydrate: settings.hydrate,
      replace: settings.replace,
      keepOverwritten: settings.trash.overwritten,
    },
    ENDPOINT,
    (events) => publisher.publish(events),
    log,
    shutdown.signal,
    () => {
      // Before the remote has answered: a pair that waits for it is at work, too.
      const presence = announce(redis, id, 'worker', { pid: process.pid, host: os.hostname() });
      shutdown.own(`presence at ${id}`, () => presence.close());
    },
  );
  const opened = shutdown.own(`start of ${id}`, () =>
    opening.then(
      () => undefined,
      () => undefined,
    ),
  );
  const outcome = await opening;
  opened();
  if (outcome.kind === 'refused') {
    log.error({ pair: id }, outcome.message);
    return;
  }
  const { ports, turnAnchor, onRemote, breakOff, close } = outcome.pair;
  shutdown.own(`pair ${id}`, close);
  const working = await workPair(ports, {
    boot,
    offline: async () => turnAnchor('self'),
    online: async () => turnAnchor('remote'),
  });
  // A clean stop leaves the stubs readable.
  shutdown.own(`work on ${id}`, async () => {
    const closing = working.close();
    await breakOff();
    await closing;
    turnAnchor('remote');
  });
  onRemote((heard) => {
    working
      .remote(heard)
      .catch((error: unknown) => log.error({ pair: id, err: error }, 'coming back to the remote failed'));
  });
  const answers = answerQuestions(redis, ports, working);
  shutdown.own(`answers about ${id}`, () => answers.close());
  const lane = createLaneWorker({
    pair: id,
    redis,
    handlers: {
      ...working.handlers,
      error: (error) => log.error({ pair: id, err: error }, 'the lane reports an error'),
    },
  });
  shutdown.own(`lane of ${id}`, () => lane.close(CLOSE_MS));
  const retry = retryProblems({
    problems: () => ports.base.problems(),
    publish: (events) => publisher.publish(events),
    now: () => performance.now(),
    error: (error) => log.warn({ pair: id, err: error }, 'problems could not be tried again yet'),
  });
  shutdown.own(`problems of ${id}`, retry.stop);
  const marker = onLaneLost(
    redis,
    id,
    () => working.laneLost(),
    (error) => log.warn({ pair: id, err: error }, 'could not tell whether Redis has kept the lane'),
  );
  shutdown.own(`marker of ${id}`, () => marker.close());
  shutdown.own(
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
  const only = values.pairs?.split(',');
  const redis = openRedis(config.redis);
  shutdown.own('redis', () => redis.close());
  const mine = config.pairs.filter((pair) => only === undefined || only.includes(pair.id));
  // Side by side: a remote that does not answer holds up no other pair.
  await Promise.all(mine.map((pair) => startPair(pair, config.boot, redis, shutdown, log)));
}

await main();
