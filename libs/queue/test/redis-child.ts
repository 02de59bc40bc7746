/** Owns a redis-server in a process that a test can kill. Usage: dir. Says the server's pid. */
import { startEmbeddedRedis } from '@lazysync/queue';

const started = await startEmbeddedRedis({ dir: process.argv[2] ?? '', log: () => {} });
console.log(started.kind === 'running' ? started.redis.pid() : started.message);
