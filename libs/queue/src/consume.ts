/** Works a pair's lane: one job at a time, strictly in order, the head of the line waits. */
import { type Changeset, decodeChangeset, type EventOutcome } from '@lazysync/event-model';
import { systemClock, withDeadline } from '@lazysync/ops';
import { type Job, WaitingError } from 'bullmq';
import type { LaneHandlers, LaneWorker, Verdict } from './lane.ts';
import { connectionOf, createQueue } from './lane-queue.ts';
import type { RedisLink } from './link.ts';
import { LANE, laneKey, pairPrefix } from './names.ts';
import { Retention } from './retention.ts';
import { asError, StrictWorker } from './strict-worker.ts';

export interface LaneWorkerOptions {
  readonly pair: string;
  readonly redis: RedisLink;
  readonly handlers: LaneHandlers;
}

/** After an abort a handler has this long to return, ms; then the job goes back without it. */
const GRACE_MS = 1000;
/** Lanes that together ask this often are no burden, per second. */
const ASKS_PER_S = 11;
/** Seconds; a connection that is silent for longer is taken for dead (see connect.ts, link.ts). */
const LONGEST_DRAIN_DELAY = { url: 17, socket: 90 };
/** Time for Redis to take what is left to say at the end, ms. */
const LAST_WORDS_MS = 1000;

/**
 * Starts working at once, and as soon as Redis is there. The caller must hold the pair's flock: jobs that are active at
 * the start are taken for those of a dead worker and go back to the head.
 *
 * An idle lane is woken by its next job, and asks by itself once per second in case that was missed (`drainDelay`): 0.1 ms
 * of CPU here and 0.05 ms in Redis. Where there are many lanes they ask less often.
 */
export function createLaneWorker({ pair, redis, handlers }: LaneWorkerOptions): LaneWorker {
  const lane = new Lane(pair, redis, handlers);
  lane.start();
  return lane;
}

/** The lanes of a connection. */
const lanesOf = new WeakMap<RedisLink, Set<StrictWorker>>();

function share(redis: RedisLink, worker: StrictWorker): () => void {
  const lanes = lanesOf.get(redis) ?? new Set();
  lanesOf.set(redis, lanes);
  lanes.add(worker);
  const spread = (): void => {
    const longest = LONGEST_DRAIN_DELAY[redis.address.kind];
    const delay = Math.min(longest, Math.max(1, Math.round(lanes.size / ASKS_PER_S)));
    for (const one of lanes) one.opts.drainDelay = delay;
  };
  spread();
  return () => {
    lanes.delete(worker);
    spread();
  };
}

class Lane implements LaneWorker {
  readonly #pair: string;
  readonly #redis: RedisLink;
  readonly #handlers: LaneHandlers;
  readonly #worker: StrictWorker;
  readonly #queue: ReturnType<typeof createQueue>;
  readonly #retention = new Retention();
  /** Ends all waits: the worker is closing. */
  readonly #stopping = new AbortController();
  /** Tells the handler to return. */
  readonly #hurry = new AbortController();
  /** The handler is left behind. */
  readonly #leave = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #offUp: () => void = () => undefined;
  readonly #unshare: () => void;
  #closing: Promise<void> | null = null;

  constructor(pair: string, redis: RedisLink, handlers: LaneHandlers) {
    this.#pair = pair;
    this.#redis = redis;
    this.#handlers = handlers;
    this.#queue = createQueue(redis, pair);
    const work = (job: Job<unknown, unknown>, token: string): Promise<unknown> => this.#work(job, token);
    const reclaim = (): Promise<number> => this.#reclaim();
    this.#worker = new StrictWorker(LANE, work, reclaim, () => this.#mend(), {
      prefix: pairPrefix(pair),
      connection: connectionOf(redis),
      skipVersionCheck: true,
      concurrency: 1,
      lockDuration: 30_000,
      stalledInterval: 300_000, // what is left active is put back by `#reclaim`, long before
      maxStalledCount: 1e9, // above it a job goes to failed, and the next one overtakes
      drainDelay: 1,
      runRetryDelay: 500,
    });
    this.#worker.on('error', (error) => this.#report(error));
    this.#unshare = share(redis, this.#worker);
  }

  start(): void {
    this.#running = this.#run();
  }

  close(ms: number): Promise<void> {
    this.#closing ??= this.#close(ms);
    return this.#closing;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#prepare();
        await this.#worker.run();
        if (!this.#stopping.signal.aborted) throw new Error('the worker stopped by itself');
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        this.#report(error);
        await systemClock.sleep(500, this.#stopping.signal);
      }
    }
  }

  /** Before the first job is taken. */
  async #prepare(): Promise<void> {
    await this.#setMeta();
    await this.#reclaim();
    this.#offUp();
    this.#offUp = this.#redis.onUp(() => {
      this.#worker.doubt();
      // A Redis that came back without its data forgot this too.
      this.#setMeta().catch((error: unknown) => this.#report(error));
    });
  }

  /** Nobody works on a job, so what is active was left by somebody dead, or is ours and we never heard of it. */
  async #reclaim(): Promise<number> {
    const { commands } = this.#redis;
    const active = laneKey(this.#pair, 'active');
    const ids = await commands.lrange(active, 0, -1);
    // ORDER: the newest is the first of the list; the oldest is put back last, and so becomes the head.
    for (const id of ids) {
      // RACE: the token '0' skips the lock's check. Nobody else can work on the job: the caller holds the pair's flock.
      if ((await commands.exists(laneKey(this.#pair, id))) === 0) await commands.lrem(active, 1, id);
      else await this.#queue.getBackend().moveJobFromActiveToWait(id, '0');
    }
    return ids.length;
  }

  /** What lies beside an active job's data and can not be read is as good as not there. */
  async #mend(): Promise<void> {
    const { commands } = this.#redis;
    try {
      for (const id of await commands.lrange(laneKey(this.#pair, 'active'), 0, -1)) {
        const key = laneKey(this.#pair, id);
        for (const field of ['opts', 'progress', 'parent']) {
          const text = await commands.hget(key, field);
          if (text !== null && !isJson(text)) await commands.hdel(key, field);
        }
      }
    } catch (error) {
      this.#report(error); // tried again when the job is taken the next time
    }
  }

  async #setMeta(): Promise<void> {
    // `concurrency` 1: a job that nobody works on any more still keeps all others waiting until it is taken again.
    await this.#redis.commands.hset(laneKey(this.#pair, 'meta'), 'concurrency', 1, 'opts.maxLenEvents', 200);
  }

  /** Never throws an ordinary error: BullMQ would let the next job overtake. */
  async #work(job: Job<unknown, unknown>, token: string): Promise<unknown> {
    const id = job.id ?? '';
    const unreadable = this.#worker.unreadable(job);
    const decoded =
      unreadable === null ? decodeChangeset(job.data, this.#pair) : { kind: 'refused' as const, reason: unreadable };
    if (decoded.kind === 'refused') {
      this.#call(() => this.#handlers.refused(decoded.reason, id));
      if (unreadable !== null) await this.#store(job, { refused: unreadable });
      this.#keep(job, 0);
      return { refused: decoded.reason };
    }
    const outcomes = await this.#untilDone(job, token, decoded.changeset);
    const data = withOutcomes(decoded.changeset, outcomes);
    await this.#store(job, data);
    this.#keep(job, Buffer.byteLength(JSON.stringify(data)) + Buffer.byteLength(JSON.stringify(outcomes)));
    return outcomes;
  }

  async #untilDone(job: Job, token: string, changeset: Changeset): Promise<readonly EventOutcome[]> {
    let waitMs = 500;
    let said: string | null = null;
    for (;;) {
      if (this.#stopping.signal.aborted) return await this.#putBack(job, token);
      const verdict = await this.#ask(job.id ?? '', changeset);
      if (verdict === 'left') return await this.#putBack(job, token);
      if (verdict === 'threw') {
        if (this.#hurry.signal.aborted) return await this.#putBack(job, token);
        await systemClock.sleep(waitMs, this.#stopping.signal);
        waitMs = Math.min(waitMs * 2, 30_000);
        continue;
      }
      if (verdict.kind === 'done') {
        if (said !== null) this.#progress(job, 100);
        return verdict.outcomes;
      }
      waitMs = 500;
      if (said !== verdict.why) this.#progress(job, { waiting: verdict.why });
      said = verdict.why;
      await systemClock.sleep(Math.max(verdict.ms, 10), this.#stopping.signal);
    }
  }

  async #ask(id: string, changeset: Changeset): Promise<Verdict | 'threw' | 'left'> {
    let leave: () => void = () => undefined;
    const left = new Promise<'left'>((resolve) => {
      leave = () => resolve('left');
      this.#leave.signal.addEventListener('abort', leave);
    });
    const asked = (async (): Promise<Verdict | 'threw'> => {
      try {
        return await this.#handlers.handle(changeset, { id, signal: this.#hurry.signal });
      } catch (error) {
        if (!this.#hurry.signal.aborted) this.#call(() => this.#handlers.error(asError(error)));
        return 'threw';
      }
    })();
    try {
      return await Promise.race([asked, left]);
    } finally {
      this.#leave.signal.removeEventListener('abort', leave);
    }
  }

  /** To the head of the line: the next worker begins with this job. */
  async #putBack(job: Job, token: string): Promise<never> {
    try {
      // CRASH: what is not put back stays active, and the next worker's start does it.
      if (this.#redis.up) await withDeadline(job.moveToWait(token), LAST_WORDS_MS, 'putting the job back');
    } catch (error) {
      this.#report(error);
    }
    throw new WaitingError();
  }

  async #store(job: Job, data: unknown): Promise<void> {
    try {
      await job.updateData(data);
    } catch (error) {
      this.#report(error); // only what people see of a finished job
    }
  }

  #progress(job: Job, progress: number | object): void {
    job.updateProgress(progress).catch((error: unknown) => this.#report(error));
  }

  #keep(job: Job, bytes: number): void {
    job.opts.removeOnComplete = { count: this.#retention.add(bytes) };
  }

  async #close(ms: number): Promise<void> {
    this.#offUp();
    this.#unshare();
    // ORDER: BullMQ must know that it closes before a job goes back, or it takes the same job at once.
    const closed = this.#worker.close();
    this.#stopping.abort();
    const ended = Promise.all([closed, this.#running]).then(() => true);
    const within = async (waitMs: number): Promise<boolean> => {
      try {
        return await withDeadline(ended, waitMs, 'closing');
      } catch {
        return false;
      }
    };
    let done = await within(ms);
    this.#hurry.abort();
    done ||= await within(GRACE_MS);
    this.#leave.abort();
    done ||= await within(this.#redis.up ? 2 * LAST_WORDS_MS : 100);
    // Else Redis is away: closing the link ends what still waits for it.
    if (done) await this.#queue.close();
    this.#offUp();
  }

  #report(error: unknown): void {
    // While Redis is away every command tells of it; the link has said so once.
    if (!this.#redis.up || this.#stopping.signal.aborted) return;
    this.#call(() => this.#handlers.error(asError(error)));
  }

  #call(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      process.emitWarning(asError(error));
    }
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What a finished job shows: each event with what became of it, then what else was looked at. */
export function withOutcomes(changeset: Changeset, outcomes: readonly EventOutcome[]): object {
  const left = new Map<string, string[]>();
  for (const { path, outcome } of outcomes) {
    const of = left.get(path);
    if (of === undefined) left.set(path, [outcome]);
    else of.push(outcome);
  }
  const events = changeset.events.map((event) => {
    const of = left.get(event.path);
    const outcome = of !== undefined && of.length > 1 ? of.shift() : of?.[0];
    return outcome === undefined ? event : { ...event, outcome };
  });
  const paths = new Set<string>(changeset.events.map((event) => event.path));
  const also = outcomes.filter(({ path }) => !paths.has(path));
  return also.length === 0 ? { ...changeset, events } : { ...changeset, events, also };
}
