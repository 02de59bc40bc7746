/** Serves pairs as a watcher would, and says which: `node lease-child.ts SOCKET PAIR,PAIR…` */
import { type Announcement, announce, openLeases, openRedis } from '@lazysync/queue';

const [socket = '', pairs = ''] = process.argv.slice(2);
const redis = openRedis({ kind: 'socket', path: socket });
const served = new Map<string, Announcement>();
const leases = openLeases({
  redis,
  role: 'watcher',
  who: { pid: process.pid, host: 'child' },
  changed: (mine) => {
    for (const [pair, presence] of served) {
      if (mine.has(pair)) continue;
      served.delete(pair);
      presence.close().then(
        () => leases.freed(pair),
        () => undefined,
      );
    }
    for (const pair of mine) {
      if (!served.has(pair)) served.set(pair, announce(redis, pair, 'watcher', { pid: process.pid, host: 'child' }));
    }
    process.stdout.write(`${[...mine].sort().join(',')}\n`);
  },
  error: (error) => process.stderr.write(`${error.message}\n`),
});
leases.want({ pairs: pairs.split(','), pinned: false });
setInterval(() => undefined, 1000);
