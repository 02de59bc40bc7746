/** The lane: one ordered, persisted queue per pair. BullMQ and ioredis are named nowhere outside this lib. */
import type { Changeset, EventOutcome, SyncEvent } from '@lazysync/event-model';

/** `redis://…`, `rediss://…`, or the path of a unix socket. */
export type RedisAddress =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'socket'; readonly path: string };

export type Producer = 'watcher' | 'server-watcher' | 'worker' | 'cli';

export interface Publisher {
  /** Appends in order, in jobs of <= 500 events and <= 256 KB; resolves when Redis has them. Never makes a job twice. */
  publish(events: readonly SyncEvent[]): Promise<void>;
  close(): Promise<void>;
}

/** What the worker says of the job at the head. */
export type Verdict =
  | { readonly kind: 'done'; readonly outcomes: readonly EventOutcome[] }
  /** Goes back to the head; taken again after `ms`. */
  | { readonly kind: 'wait'; readonly ms: number; readonly why: string };

export interface LaneHandlers {
  readonly handle: (
    changeset: Changeset,
    job: { readonly id: string; readonly signal: AbortSignal },
  ) => Promise<Verdict>;
  /** A job that is no changeset: set aside, the lane goes on. */
  readonly refused: (reason: string, jobId: string) => void;
  readonly error: (error: Error) => void;
}

export interface LaneWorker {
  /** Waits for the current job (up to `ms`, then puts it back to the head), then stops. */
  close(ms: number): Promise<void>;
}

export interface LaneCounts {
  readonly waiting: number;
  readonly active: number;
  readonly failed: number;
  readonly delayed: number;
}

/** `server-watcher`: beside the remote's disk. */
export type Role = 'watcher' | 'worker' | 'server-watcher';

export interface Presence {
  readonly pid: number;
  readonly host: string;
  readonly since: number;
  /** A watcher beside the remote's disk that unpacks there what comes as one file. */
  readonly packs?: true;
}

/** A request to the pair's watcher to look at both sides again, for `wait` and `sync`. */
export interface LookRequest {
  readonly id: string;
}
/** What the watcher answers when it has looked at both sides and published what it found. */
export interface LookAnswer {
  readonly id: string;
  /** Events it had to publish: 0 = everything is as the base says. */
  readonly published: number;
  /** null, or why it could not look (remote offline …). */
  readonly problem: string | null;
}
