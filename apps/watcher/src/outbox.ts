/**
 * Events on their way into the lane: in order, one publication at a time, bounded, as is what waits in the lane. Above
 * the bound a single rescan takes the place of all that waits here, and nothing is published before the worker has got
 * through half of what it has. Opens are kept: no rescan finds them. What comes while the lane is at work on what was
 * published before waits for it, for a moment, and goes as one job: a job of many is far cheaper than many jobs.
 */
import { MAX_EVENTS, ROOT, type SyncEvent } from '@lazysync/event-model';

export interface OutboxOptions {
  /** Resolves when Redis has the events; waits as long as Redis is away. Rejects when it is closed. */
  readonly publish: (events: readonly SyncEvent[]) => Promise<void>;
  /** Jobs that are in the lane, of whomever. Rejects while Redis is away. */
  readonly jobsInLane: () => Promise<number>;
  /** Resolves after so many ms, and at once when the watcher stops. */
  readonly pause: (ms: number) => Promise<void>;
  readonly stopping: AbortSignal;
  /** The publisher was closed, or failed for good. */
  readonly error: (error: Error) => void;
  /** What waits was given up for a rescan. */
  readonly collapsed: (events: number) => void;
  /** Events that may wait here, and as many in the lane. Default 200,000. */
  readonly limit?: number;
}

export interface Outbox {
  push(events: readonly SyncEvent[]): void;
  /** Events that were pushed since the start. */
  pushed(): number;
  /** Resolves when everything that was pushed before is in Redis; nothing is held back until then. */
  drained(): Promise<void>;
}

/** ms between looks at a lane that is full. */
const LOOK_MS = 1_000;
/** ms between looks at a lane that is at work, and how many of them: nothing is held back longer. */
const HOLD_LOOK_MS = 50;
const HOLD_LOOKS = 20;
/** What a job costs Redis by itself, in events: about 600 bytes beside some 200 for each event. */
const JOB_COST = 3;

/** May go into one job with others. Deletes that a scan infers may not: they are counted by the job. */
function isMergeable(event: SyncEvent): boolean {
  if (event.kind === 'delete') return event.seen !== false;
  return event.kind === 'access' || event.kind === 'create' || event.kind === 'modify';
}

const RESCAN: SyncEvent = { kind: 'rescan', side: 'local', path: ROOT, why: 'too many changes at once' };

export function createOutbox(options: OutboxOptions): Outbox {
  const limit = options.limit ?? 200_000;
  let waiting: SyncEvent[][] = [];
  let size = 0;
  let pushed = 0;
  /** The first that waits is the rescan that stands for everything. */
  let covered = false;
  let working: Promise<void> | undefined;
  /** The jobs that were published last, oldest first, each as so many events: the lane is worked in order. */
  let sent: number[] = [];
  let inLane = 0;
  /** So many wait for everything to be out. */
  let hurried = 0;

  const collapse = (): void => {
    const opens = new Map<string, SyncEvent>();
    for (const event of waiting.flat()) if (event.kind === 'access') opens.set(event.path, event);
    options.collapsed(size);
    waiting = [[RESCAN]];
    if (opens.size > 0) waiting.push([...opens.values()].slice(-limit / 2));
    size = 1 + (waiting[1]?.length ?? 0);
    covered = true;
  };

  /** Of the last jobs at most as many can still be in the lane as it has in all. */
  const lookAtLane = async (): Promise<boolean> => {
    try {
      const jobs = await options.jobsInLane();
      sent = jobs === 0 ? [] : sent.slice(-jobs);
      inLane = sent.reduce((sum, events) => sum + events, 0);
      return true;
    } catch {
      return false; // Redis is away: asked again, or the publication waits for it
    }
  };

  /** How many batches go as one, their events, and whether what comes may still go along. */
  const leading = (): { readonly batches: number; readonly events: number; readonly open: boolean } => {
    let batches = 0;
    let events = 0;
    for (const batch of waiting) {
      const alone = !batch.every(isMergeable);
      if (batches > 0 && (alone || events + batch.length > MAX_EVENTS)) return { batches, events, open: false };
      batches++;
      events += batch.length;
      if (alone) return { batches, events, open: false };
    }
    return { batches, events, open: events < MAX_EVENTS };
  };

  const hold = async (): Promise<void> => {
    for (let looks = 0; looks < HOLD_LOOKS && sent.length > 0; looks++) {
      if (hurried > 0 || options.stopping.aborted || !leading().open) return;
      if (!(await lookAtLane()) || sent.length === 0) return;
      await options.pause(HOLD_LOOK_MS);
    }
  };

  const room = async (events: number): Promise<void> => {
    if (inLane + events <= limit) return;
    await lookAtLane();
    if (inLane + events <= limit) return;
    collapse();
    while (inLane > limit / 2 && !options.stopping.aborted) {
      await options.pause(LOOK_MS);
      await lookAtLane();
    }
  };

  const next = async (): Promise<SyncEvent[] | undefined> => {
    if (waiting.length === 0) return undefined;
    await hold();
    await room(leading().events);
    const batch = waiting.splice(0, leading().batches).flat();
    size -= batch.length;
    covered = false;
    return batch;
  };

  const work = async (): Promise<void> => {
    try {
      for (let batch = await next(); batch !== undefined; batch = await next()) {
        for (let at = 0; at < batch.length; at += MAX_EVENTS) {
          const part = batch.slice(at, at + MAX_EVENTS);
          // ORDER: the next part only when this one is in Redis.
          await options.publish(part);
          sent.push(part.length + JOB_COST);
          inLane += part.length + JOB_COST;
        }
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
      pushed += events.length;
      const kept = covered ? events.filter(({ kind }) => kind === 'access') : events;
      if (kept.length === 0) return;
      // What one settle window gave stays one batch: it becomes one job.
      waiting.push([...kept]);
      size += kept.length;
      if (size > limit) collapse();
      begin();
    },
    pushed: () => pushed,
    async drained() {
      hurried++;
      try {
        while (working !== undefined) await working;
      } finally {
        hurried--;
      }
    },
  };
}
