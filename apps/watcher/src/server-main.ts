/**
 * Watches a remote where its disk is, on the file server: what anybody changes there goes at once into the lanes of all
 * pairs that have it. It has no base and no mount; the workers tell what is news. Started by `lazysync watch --side remote`.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createShutdown, exitWithParent, keepMemorySmall, type LogLevel } from '@lazysync/ops';
import { createLogger } from '@lazysync/ops/logger';
import { openRedis, parseRedisAddress } from '@lazysync/queue';
import { watchRemoteDisk } from './watch-remote-disk.ts';

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    'remote-id': { type: 'string' },
    'log-level': { type: 'string', default: 'info' },
  },
});
const log = createLogger({ name: 'server-watcher', level: values['log-level'] as LogLevel });
const { root, 'remote-id': uuid } = values;
// Not on the command line: everybody on this host could read a password there.
const address = parseRedisAddress(process.env.REDIS_URL ?? '');
if (root === undefined || uuid === undefined || address.kind === 'bad') {
  log.fatal('needs --root DIR, --remote-id UUID and REDIS_URL; it is started by `lazysync watch --side remote`');
  process.exit(2);
}
const shutdown = createShutdown({ logger: log, deadlineMs: 1_800 });
exitWithParent(shutdown);
const redis = openRedis(address.address, {
  name: 'lazysync-server-watcher',
  state: (state, why) => (state === 'up' ? log.info('Redis answers') : log.warn(why ?? 'Redis does not answer')),
});
shutdown.own('memory', keepMemorySmall().stop);
shutdown.own('redis', () => redis.close());
const watched = await watchRemoteDisk({
  root: fs.realpathSync(path.resolve(root)),
  uuid,
  redis,
  epoch: randomBytes(6).toString('hex'),
  who: { pid: process.pid, host: os.hostname() },
  log,
});
shutdown.own('watches', () => watched.stop());
