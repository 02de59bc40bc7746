/** Works a lane in a process that a test can kill: `hang` stays in the handler for ever. Usage: socket pair [hang] */
import { announce, createLaneWorker, openRedis } from '@lazysync/queue';

const [socket = '', pair = '', hang = ''] = process.argv.slice(2);
const redis = openRedis({ kind: 'socket', path: socket });
const presence = announce(redis, pair, 'worker', { pid: process.pid, host: 'child' });
const worker = createLaneWorker({
  pair,
  redis,
  handlers: {
    handle: async ({ events }) => {
      const path = events[0]?.path ?? '';
      console.log(`begin ${path}`);
      if (path === hang) await new Promise(() => {});
      console.log(`end ${path}`);
      return { kind: 'done', outcomes: [] };
    },
    refused: (reason) => console.log(`refused ${reason}`),
    error: (error) => console.log(`error ${error.message}`),
  },
});
async function end(): Promise<void> {
  await worker.close(200);
  await presence.close();
  await redis.close();
  console.log('closed');
}
process.on('SIGTERM', () => void end());
