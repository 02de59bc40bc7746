/**
 * BullMQ's Worker without the ways in which it breaks order. What is overridden here is named `protected` in 6.7.0; the
 * version is pinned, and consume.int.test.ts goes red if any of it stops being called.
 */
import { systemClock } from '@lazysync/ops';
import { type Job, type JobJson, WaitingError, Worker, type WorkerOptions } from 'bullmq';

/** Bytes of a job's data above which it is not even parsed. */
export const MAX_STORED_BYTES = 1024 * 1024;

/** The job is no longer ours to finish: it went back to the line (its lock ran out) or Redis lost it. */
const TAKEN_AWAY = /^(Missing lock|Missing key|Lock mismatch)|is not in the active state/;

export class StrictWorker extends Worker<unknown, unknown> {
  readonly #unreadable = new WeakMap<Job, string>();
  readonly #reclaim: () => Promise<number>;
  readonly #mend: () => Promise<void>;
  /** An answer of Redis may have been lost on its way. */
  #doubtful = false;

  /**
   * `reclaim` puts active jobs back to the head and answers how many; it is called only while none is worked on. `mend`
   * makes active jobs readable that BullMQ can not even take over.
   */
  constructor(
    name: string,
    work: (job: Job<unknown, unknown>, token: string) => Promise<unknown>,
    reclaim: () => Promise<number>,
    mend: () => Promise<void>,
    options: WorkerOptions,
  ) {
    super(name, (job, token) => work(job, token ?? ''), { ...options, autorun: false });
    this.#reclaim = reclaim;
    this.#mend = mend;
  }

  /** To be told when the connection was lost. */
  doubt(): void {
    this.#doubtful = true;
  }

  /** Why a job's data could not be taken over, or null. */
  unreadable(job: Job): string | null {
    return this.#unreadable.get(job) ?? null;
  }

  /** Data that is no JSON would throw, and the job would stay active with nobody working on it: the lane would stand. */
  protected override createJob(json: JobJson, id: string): Job<unknown, unknown> {
    const bytes = Buffer.byteLength(json.data ?? '');
    if (bytes > MAX_STORED_BYTES) return this.#refuse(json, id, `the job has ${bytes} bytes`);
    try {
      return super.createJob(json, id);
    } catch {
      return this.#refuse(json, id, 'the job holds no JSON');
    }
  }

  /** An answer such as OOM or MISCONF would be asked for again at once, thousands of times a second. */
  protected override async moveToActive(token: string, name?: string): Promise<Job<unknown, unknown>> {
    const nothing = undefined as unknown as Job<unknown, unknown>; // what BullMQ itself returns for an empty line
    try {
      const job = await super.moveToActive(token, name);
      if (job !== undefined || !this.#doubtful) return job;
      this.#doubtful = false;
      // RACE: Redis made a job active, the answer was lost with the connection, and the repeated command found the
      // line held up by that very job. Without this it would stay so until the lock runs out.
      return (await this.#reclaim()) > 0 ? await super.moveToActive(token, name) : job;
    } catch (error) {
      this.#doubtful = true;
      if (this.closing !== undefined) return nothing;
      this.emit('error', asError(error));
      // A job that is active by now, and whose options are no JSON: it would hold up the lane for good.
      if (error instanceof SyntaxError) await this.#mend();
      await systemClock.sleep(1000);
      return nothing;
    }
  }

  /** A completion that Redis refuses is tried again; else BullMQ would set the job, which IS done, down as failed. */
  protected override async handleCompleted(
    ...[result, job, token, fetchNext, span]: Parameters<Worker<unknown, unknown>['handleCompleted']>
  ): Promise<Job<unknown, unknown>> {
    for (let waitMs = 200; ; waitMs = Math.min(waitMs * 2, 5000)) {
      try {
        return await super.handleCompleted(result, job, token, fetchNext, span);
      } catch (error) {
        this.#doubtful = true;
        // CRASH: the job is done and may be taken again: doing it twice changes nothing.
        if (TAKEN_AWAY.test(asError(error).message)) return undefined as unknown as Job;
        this.emit('error', asError(error));
        if (this.closing !== undefined) return undefined as unknown as Job;
        await systemClock.sleep(waitMs);
      }
    }
  }

  /** ORDER: nothing ever goes to failed or delayed, both of which let the next job overtake. It goes back to the head. */
  protected override async handleFailed(
    ...[error, job, token, fetchNext, span]: Parameters<Worker<unknown, unknown>['handleFailed']>
  ): Promise<Job<unknown, unknown>> {
    if (!(error instanceof WaitingError)) {
      this.emit('error', error);
      try {
        await job.moveToWait(token);
      } catch (second) {
        this.emit('error', asError(second));
        this.#doubtful = true; // if it is still active it goes back before the next one is taken
      }
    }
    return await super.handleFailed(new WaitingError(), job, token, fetchNext, span);
  }

  #refuse(json: JobJson, id: string, reason: string): Job<unknown, unknown> {
    const job = super.createJob({ ...json, data: '{}' }, id);
    this.#unreadable.set(job, reason);
    return job;
  }
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
