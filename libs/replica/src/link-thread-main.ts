/** The other end of link-thread.ts. */
import { parentPort } from 'node:worker_threads';
import { makeLinksBelow } from './link-maker.ts';
import type { LinkOrder } from './link-thread.ts';

parentPort?.on('message', ({ rootFd, folders, atimeNs }: LinkOrder) => {
  const made = makeLinksBelow(rootFd, folders, atimeNs);
  parentPort?.postMessage(made, [made.stats.buffer]);
});
