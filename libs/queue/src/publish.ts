/** Puts events into a pair's lane: in order, one add in flight, each job once. */
import { randomBytes } from 'node:crypto';
import { type Changeset, changesetTitle, MAX_EVENTS, type SyncEvent } from '@lazysync/event-model';
import { systemClock, withDeadline } from '@lazysync/ops';
import type { Producer, Publisher } from './lane.ts';
import { createQueue } from './lane-queue.ts';
import type { RedisLink } from './link.ts';

/** Bytes of JSON in one job. */
export const MAX_JOB_BYTES = 256 * 1024;

export interface PublisherOptions {
  readonly pair: string;
  readonly producer: Producer;
  readonly redis: RedisLink;
  /** Names this run of the producer in job ids, [A-Za-z0-9-]. */
  readonly epoch: string;
  /** Says why an add is tried again. */
  readonly error?: (error: Error) => void;
  /** How long `close` waits for what was published before, ms. Default 3000. */
  readonly closeMs?: number;
}

/** Thrown out of `publish` when the publisher was closed before Redis had the events. A scan finds them. */
export class PublisherClosed extends Error {}

export function createPublisher(options: PublisherOptions): Publisher {
  const { pair, producer, redis, epoch, closeMs = 3000 } = options;
  if (!/^[A-Za-z0-9-]{1,64}$/.test(epoch)) throw new Error(`not an epoch: ${JSON.stringify(epoch)}`);
  const report = options.error ?? (() => undefined);
  const queue = createQueue(redis, pair);
  // An id that was used before would drop the job without a word: two publishers of one epoch must differ.
  const run = `${producer}-${epoch}-${randomBytes(3).toString('hex')}`;
  const broken = new AbortController();
  let next = 0;
  let closing: Promise<void> | null = null;
  let tail: Promise<void> = Promise.resolve();

  const append = async (changeset: Changeset): Promise<void> => {
    const jobId = `${run}-b${next++}`;
    // ORDER: the next add begins only when this one is acknowledged; a resend finds the id and makes no second job.
    for (let attempt = 0; ; attempt++) {
      try {
        await orBroken(queue.add(changesetTitle(changeset), changeset, { jobId }), broken.signal);
        return;
      } catch (error) {
        if (broken.signal.aborted) throw new PublisherClosed('closed before Redis had all events');
        if (attempt % 20 === 0) report(error instanceof Error ? error : new Error(String(error)));
        await systemClock.sleep(Math.min(100 * 2 ** attempt, 2000), broken.signal);
      }
    }
  };

  return {
    publish(events) {
      if (closing !== null) return Promise.reject(new PublisherClosed('the publisher is closed'));
      const jobs = splitEvents(events).map((part): Changeset => ({ v: 1, pair, at: Date.now(), events: part }));
      const done = tail.then(async () => {
        for (const job of jobs) await append(job);
      });
      tail = done.catch(() => undefined); // the caller has the error
      return done;
    },
    close() {
      closing ??= (async () => {
        try {
          await withDeadline(tail, closeMs, 'publishing');
        } catch (error) {
          report(error instanceof Error ? error : new Error(String(error)));
        }
        broken.abort();
        await tail;
        await queue.close();
      })();
      return closing;
    },
  };
}

/** Parts of at most MAX_EVENTS events and MAX_JOB_BYTES bytes, in order. */
export function splitEvents(events: readonly SyncEvent[]): SyncEvent[][] {
  const parts: SyncEvent[][] = [];
  let part: SyncEvent[] = [];
  let bytes = 0;
  for (const event of events) {
    const size = Buffer.byteLength(JSON.stringify(event)) + 1;
    if (part.length > 0 && (part.length === MAX_EVENTS || bytes + size > MAX_JOB_BYTES - 1024)) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(event);
    bytes += size;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

async function orBroken<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new PublisherClosed('closed'));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
