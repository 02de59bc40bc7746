/**
 * Events on their way into the lane: in order, one publication at a time, bounded. Above the bound a single rescan takes
 * the place of all that waits.
 */
import { ROOT, type SyncEvent } from '@lazysync/event-model';

export interface OutboxOptions {
  /** Resolves when Redis has the events; waits as long as Redis is away. Rejects when it is closed. */
  readonly publish: (events: readonly SyncEvent[]) => Promise<void>;
  /** The publisher was closed, or failed for good. */
  readonly error: (error: Error) => void;
  /** What waits was given up for a rescan. */
  readonly collapsed: (events: number) => void;
  /** Events that may wait. Default 200,000. */
  readonly limit?: number;
}

export interface Outbox {
  push(events: readonly SyncEvent[]): void;
  /** Events that were pushed since the start, a rescan in place of others counted as one. */
  pushed(): number;
  /** Resolves when everything that was pushed before is in Redis. */
  drained(): Promise<void>;
}

export function createOutbox(options: OutboxOptions): Outbox {
  const limit = options.limit ?? 200_000;
  let waiting: SyncEvent[][] = [];
  let size = 0;
  let pushed = 0;
  let working: Promise<void> | undefined;

  const work = async (): Promise<void> => {
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        size -= next.length;
        // ORDER: the next batch only when this one is in Redis.
        await options.publish(next);
      }
    } catch (error) {
      options.error(error instanceof Error ? error : new Error(String(error)));
    } finally {
      // In the same turn in which the loop found nothing more: what is pushed from now on begins anew.
      working = undefined;
    }
  };

  const begin = (): void => {
    if (working === undefined) working = work();
  };

  return {
    push(events) {
      if (events.length === 0) return;
      pushed += events.length;
      // What one settle window gave stays one batch: it becomes one job.
      waiting.push([...events]);
      size += events.length;
      if (size > limit) {
        options.collapsed(size);
        waiting = [[{ kind: 'rescan', side: 'local', path: ROOT, why: 'too many changes at once' }]];
        size = 1;
      }
      begin();
    },
    pushed: () => pushed,
    async drained() {
      while (working !== undefined) await working;
    },
  };
}
