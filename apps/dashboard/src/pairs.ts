/** The pairs as the dashboard reaches them: their bases to be read, their lanes to be looked at and asked. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { BaseReader } from '@lazysync/base';
import type { CommandName, RelPath } from '@lazysync/event-model';
import { withDeadline } from '@lazysync/ops';
import {
  ask,
  createPublisher,
  type LaneQueues,
  laneQueues,
  laneView,
  listLeases,
  openRedis,
  pauseLane,
  type RedisAddress,
  RedisUnreachable,
  resumeLane,
} from '@lazysync/queue';
import { openStatus, type PairReport, type StatusPair } from '@lazysync/status';
import { createHistory, type History } from './history.ts';
import { actionsOf, finishedJobs } from './jobs.ts';
import type { LeaseReading } from './metrics.ts';
import type { ActionShape } from './shapes.ts';
import { createTally, type Tally } from './tally.ts';

export interface Wish {
  readonly command: CommandName;
  readonly path: RelPath;
  readonly arg?: string;
}

/** What came of something that needs Redis. */
export type Reached<T> = { readonly kind: 'done'; readonly value: T } | { readonly kind: 'unreachable' };

export interface Pairs {
  /** Today's. */
  readonly ids: readonly string[];
  readonly queues: LaneQueues['queues'];
  readonly redisUp: boolean;
  /** Who has which of these pairs; nothing while Redis is away. */
  leases(): Promise<readonly LeaseReading[]>;
  /** From now on these. */
  serve(pairs: readonly StatusPair[]): void;
  /** Told when there are other pairs than before. */
  onOthers(listener: () => void): void;
  reports(): Promise<readonly PairReport[]>;
  report(id: string): Promise<PairReport | null>;
  inspect<T>(id: string, look: (reader: BaseReader) => T): T | null;
  /** The newest first; null while Redis is away. */
  actions(id: string, offset: number, limit: number): Promise<readonly ActionShape[] | null>;
  history(id: string): History;
  tally(id: string): Tally;
  /** Puts a wish into the lane; answers with its id. */
  command(id: string, wish: Wish): Promise<Reached<string>>;
  /** Asks the pair's worker; null: it did not answer in time. */
  ask(id: string, topic: string, body: unknown, deadlineMs: number): Promise<unknown>;
  setPaused(id: string, paused: boolean): Promise<Reached<null>>;
  /** Looks at all pairs once, for the history. */
  sample(): Promise<void>;
  close(): Promise<void>;
}

export interface PairsOptions {
  readonly pairs: readonly StatusPair[];
  readonly redis: RedisAddress;
  readonly log: { warn(fields: object, message: string): void };
}

/** Longest wait for an answer of Redis, ms: pages are shown without it. */
export const DEADLINE_MS = 700;
const PUBLISH_MS = 3000;
/** Finished jobs that are counted at once. */
const COUNTED = 200;

export function openPairs({ pairs: first, redis: address, log }: PairsOptions): Pairs {
  const redis = openRedis(address, {
    name: 'lazysync-dashboard',
    state: (state, why) => {
      if (state === 'down') log.warn({}, why ?? 'Redis does not answer.');
    },
  });
  const view = laneView(redis);
  const listeners = new Set<() => void>();
  const histories = new Map<string, History>();
  const tallies = new Map<string, Tally>();
  const busy = new Set<string>();
  let ids: readonly string[] = [];
  let lanes = laneQueues(redis, []);
  let status = openStatus({ pairs: [], lanes: view, deadlineMs: DEADLINE_MS });

  const serve = (pairs: readonly StatusPair[]): void => {
    const before = { lanes, status };
    ids = pairs.map((pair) => pair.id);
    lanes = laneQueues(redis, ids);
    status = openStatus({ pairs, lanes: view, deadlineMs: DEADLINE_MS });
    for (const id of [...histories.keys()]) {
      if (ids.includes(id)) continue;
      histories.delete(id);
      tallies.delete(id);
      busy.delete(id);
    }
    for (const id of ids) {
      if (histories.has(id)) continue;
      histories.set(id, createHistory(Date.now));
      tallies.set(id, createTally(id));
      busy.add(id);
    }
    before.status.close();
    // Who still asks one of them gets no answer: as if the pair were gone a moment later.
    before.lanes.close().catch((error: unknown) => log.warn({ err: error }, 'queues could not be closed'));
    for (const listener of listeners) listener();
  };
  serve(first);

  const queueOf = (id: string): LaneQueues['queues'][number]['queue'] =>
    known(lanes.queues.find((one) => one.pair === id)).queue;
  const history = (id: string): History => known(histories.get(id));
  const tally = (id: string): Tally => known(tallies.get(id));

  async function samplePair(id: string): Promise<void> {
    const counts = await withDeadline(view.counts(id), DEADLINE_MS, 'the lane').catch(() => null);
    const queued = counts === null ? null : counts.waiting + counts.active + counts.delayed;
    const before = history(id).totals().acts;
    const actsBefore = sumOf(before);
    if (status.inspect(id, (reader) => history(id).take(reader, queued)) === null) history(id).take(null, queued);
    // An idle lane is not read again and again.
    const works = queued === null || queued > 0 || sumOf(history(id).totals().acts) !== actsBefore;
    if (!works && !busy.has(id)) return;
    if (works) busy.add(id);
    else busy.delete(id);
    const jobs = await finishedJobs(queueOf(id), 0, COUNTED, DEADLINE_MS);
    if (jobs === null) return;
    const problems = status.inspect(
      id,
      (reader) => new Map(reader.problems().map((one) => [one.path as string, one.message])),
    );
    tally(id).take(jobs, problems ?? new Map());
  }

  return {
    get ids() {
      return ids;
    },
    get queues() {
      return lanes.queues;
    },
    leases: async () => {
      const of = async (role: 'watcher' | 'worker'): Promise<LeaseReading[]> => {
        const holders = await listLeases(redis, role, DEADLINE_MS);
        return holders.flatMap(({ host, pid, pairs }) =>
          pairs.filter((pair) => ids.includes(pair)).map((pair) => ({ pair, role, host, pid })),
        );
      };
      return await Promise.all([of('watcher'), of('worker')]).then(
        (both) => both.flat(),
        () => [], // the page and the rest of the metrics do without
      );
    },
    get redisUp() {
      return redis.up;
    },
    serve,
    onOthers: (listener) => listeners.add(listener),
    reports: () => status.read(),
    report: (id) => status.readPair(id),
    inspect: (id, look) => status.inspect(id, look),
    actions: async (id, offset, limit) => {
      const jobs = redis.up ? await finishedJobs(queueOf(id), offset, limit, DEADLINE_MS) : null;
      return jobs === null ? null : actionsOf(jobs);
    },
    history,
    tally,
    command: async (id, { command, path, arg }) => {
      if (!redis.up) return { kind: 'unreachable' };
      const wish = randomUUID();
      const publisher = createPublisher({ pair: id, producer: 'cli', redis, epoch: wish, closeMs: 100 });
      const event = { kind: 'command', side: 'local', path, id: wish, command } as const;
      try {
        const sent = publisher.publish([arg === undefined ? event : { ...event, arg }]);
        const done = await withDeadline(sent, PUBLISH_MS, 'Redis').then(
          () => true,
          () => false,
        );
        return done ? { kind: 'done', value: wish } : { kind: 'unreachable' };
      } finally {
        await publisher.close();
      }
    },
    ask: async (id, topic, body, deadlineMs) => await ask(redis, id, topic, body, deadlineMs),
    setPaused: async (id, paused) => {
      try {
        await (paused ? pauseLane(redis, id) : resumeLane(redis, id));
        return { kind: 'done', value: null };
      } catch (error) {
        if (error instanceof RedisUnreachable) return { kind: 'unreachable' };
        throw error;
      }
    },
    sample: async () => {
      // In turns: a thousand pairs are not asked about at once.
      const left = [...ids];
      const turn = async (): Promise<void> => {
        for (let id = left.shift(); id !== undefined; id = left.shift()) if (histories.has(id)) await samplePair(id);
      };
      await Promise.all(Array.from({ length: 16 }, turn));
    },
    close: async () => {
      status.close();
      // Without Redis the queues wait for it: closing the link ends that.
      await Promise.race([lanes.close(), pause(200)]);
      await redis.close();
    },
  };
}

const sumOf = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((sum, n) => sum + n, 0);

/** Ids are checked where they come in: one that is not known here is a bug. */
function known<T>(found: T | undefined): T {
  if (found === undefined) throw new Error('no such pair');
  return found;
}
