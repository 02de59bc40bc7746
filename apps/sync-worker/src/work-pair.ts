/**
 * One pair at work: the lane's jobs in order, the pair's state for everybody to read, and what happens when the remote
 * does not answer.
 *
 * starting        the journal is replayed, the start scan was not carried out yet
 * syncing / idle  a job or a transfer is at work / none is
 * remote-offline  the job at the head waits; the anchor leads to itself, so that nothing hangs or is written into a void
 * held / halted   a guard refused: nothing is removed until a person has said so
 */
import type { PairState } from '@lazysync/base';
import { type Changeset, ROOT } from '@lazysync/event-model';
import type { LaneHandlers, Verdict } from '@lazysync/queue';
import { RemoteOffline } from '@lazysync/replica';
import { forgetEmptied } from './guards.ts';
import { type Decided, EmptyingRejected, PairHeld } from './holds.ts';
import { type PairPorts, processTimers } from './ports.ts';
import { replayJournal } from './replay-journal.ts';
import { createRescan } from './rescan.ts';
import { createSettler } from './settle-path.ts';
import { createSweeper } from './sweeper.ts';
import { createTransfers } from './transfers.ts';
import { createUploads } from './uploads.ts';
import { createChangesetWorker } from './work-changeset.ts';

/** Quiet for this long, ms, is idle. */
const IDLE_AFTER_MS = 200;
const RETRY_OFFLINE_MS = 1_000;
/** An endpoint that was killed is back before that, ms: nobody has to hear of it. */
const RETRY_ONCE_MS = 250;
const RETRY_HELD_MS = 1_000;
/** A held job is looked at anew this often without a decision: it may have mended itself, ms. */
const HELD_ANEW_MS = 30_000;

export interface PairHooks {
  /** The remote stopped or began to answer. */
  readonly offline: (why: string) => Promise<void>;
  readonly online: () => Promise<void>;
  /** Names this start of the program: `ready` is written with it. */
  readonly boot: string;
}

export type RemoteHeard = { readonly kind: 'answers' } | { readonly kind: 'away'; readonly why: string };

export interface WorkingPair {
  /** A person's word on what is held; answers with a sentence. */
  decide(decided: Decided): string;
  /** What is heard of the remote beside the calls: whether it answers, also while there is nothing to do. */
  remote(heard: RemoteHeard): Promise<void>;
  /** The lane was emptied: what only it knew is said again. */
  laneLost(): void;
  readonly handlers: Pick<LaneHandlers, 'handle' | 'refused'>;
  close(): Promise<void>;
}

export async function workPair(ports: PairPorts, hooks: PairHooks): Promise<WorkingPair> {
  const { base } = ports;
  let state: PairState | null = null;
  let why = '';
  let changed = false;
  const timers = ports.timers ?? processTimers;
  let idleTimer: { cancel(): void } | null = null;
  let lastProgress = Number.NEGATIVE_INFINITY;
  let heldUntil = Number.NEGATIVE_INFINITY;
  /** Why the anchor leads to itself, or null. */
  let away: string | null = null;
  let misses = 0;
  /** A job broke off in the middle of a step: the journal says what is to be finished or undone. */
  let unsure = false;
  let closed = false;
  let turn: Promise<unknown> = Promise.resolve();

  /** One after the other: the jobs of the lane, and what there is to do when the remote answers again. */
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const mine = turn.then(act);
    turn = mine.catch(() => undefined);
    return mine;
  }

  function enter(next: PairState, reason = ''): void {
    if (state === next && why === reason) return;
    state = next;
    why = reason;
    base.setMeta('state', next);
    base.setMeta('state-why', reason);
    ports.log('debug', 'state', { state: next, why: reason });
  }

  enter('starting');
  try {
    await replayJournal(ports);
  } catch (error) {
    // The first job does it before anything else, and says what is the matter.
    unsure = true;
    ports.log('warn', 'the journal could not be replayed yet', { err: error });
  }
  const sweeper = createSweeper(ports);
  const transfers = createTransfers(ports, (slot) => sweeper.add(slot));
  const uploads = createUploads(ports);
  const settler = createSettler(ports, {
    upload: uploads,
    download: (path, { remote }) => transfers.want(path, remote),
    rescan: (path) => rescan(path),
    changed: () => {
      changed = true;
    },
    left: (slot) => sweeper.add(slot),
  });
  const rescan = createRescan(ports, settler, ({ done, total }) => {
    const now = timers.now();
    if (now - lastProgress < 100 && done !== total) return;
    lastProgress = now;
    base.setMeta('progress', JSON.stringify({ done, total }));
  });
  const worker = createChangesetWorker(ports, settler, { transfers, uploads }, rescan);

  function restSoon(): void {
    idleTimer?.cancel();
    idleTimer = timers.after(IDLE_AFTER_MS, () => {
      idleTimer = null;
      if (state !== 'syncing') return;
      if (transfers.active + uploads.active + sweeper.left > 0) restSoon();
      else enter('idle');
    });
  }

  function noteChange(): void {
    if (!changed) return;
    changed = false;
    base.setMeta('last-change', new Date(ports.now()).toISOString());
  }

  async function goOffline(reason: string): Promise<void> {
    enter('remote-offline', reason);
    const before = away;
    away = reason;
    if (before !== null) return;
    ports.log('warn', 'the remote does not answer; the lane waits', { why: reason });
    await hooks.offline(reason);
  }

  /** ORDER: marker, journal, anchor, and only then anything new. Does nothing when there is nothing to mend. */
  async function comeBack(): Promise<void> {
    if (away !== null) {
      const found = await ports.remote.check(ports.uuids.remote);
      if (found.kind !== 'ok') throw new PairHeld(found.message, null);
    }
    if (away !== null || unsure) await replayJournal(ports);
    unsure = false;
    if (away !== null) {
      await hooks.online();
      away = null;
      ports.log('info', 'the remote answers again');
    }
    transfers.resume();
    uploads.resume();
  }

  function atWork(): void {
    if (away === null) enter('syncing');
    else enter('remote-offline', away);
  }

  async function failed(error: unknown, signal: AbortSignal | null): Promise<Verdict> {
    unsure = true;
    if (signal?.aborted === true || closed) return { kind: 'wait', ms: 0, why: 'stopping' };
    if (error instanceof RemoteOffline) {
      if (away === null && ++misses < 2) return { kind: 'wait', ms: RETRY_ONCE_MS, why: error.message };
      await goOffline(error.message);
      return { kind: 'wait', ms: RETRY_OFFLINE_MS, why: error.message };
    }
    // Emptied once more while all of it was brought back: the answer holds, and it is brought back again.
    if (error instanceof EmptyingRejected) return { kind: 'wait', ms: RETRY_ONCE_MS, why: error.message };
    if (error instanceof PairHeld) {
      if (state !== 'held' || why !== error.message) ports.log('warn', error.message);
      enter('held', error.message);
      if (error.hold !== null) ports.holds.show(error.hold);
      heldUntil = timers.now() + (error.hold === null ? RETRY_HELD_MS : HELD_ANEW_MS);
      return { kind: 'wait', ms: RETRY_HELD_MS, why: error.message };
    }
    throw error;
  }

  async function workOrBringBack(changeset: Changeset, signal: AbortSignal) {
    try {
      return await worker.work(changeset, signal);
    } catch (error) {
      if (!(error instanceof EmptyingRejected)) throw error;
      await rescan.bringAllBack(error.hold.lost);
      ports.holds.close(error.hold);
      return await worker.work(changeset, signal);
    }
  }

  async function handle(
    changeset: Changeset,
    { id, signal }: { readonly id: string; readonly signal: AbortSignal },
  ): Promise<Verdict> {
    idleTimer?.cancel();
    ports.log('debug', 'job begins', { job: id });
    if (state === 'held' && timers.now() < heldUntil) return { kind: 'wait', ms: RETRY_HELD_MS, why };
    sweeper.atWork(true);
    try {
      await comeBack();
      misses = 0;
      if (state !== 'starting') enter('syncing');
      const outcomes = await workOrBringBack(changeset, signal);
      forgetEmptied(ports);
      noteChange();
      if (changeset.events.some((event) => event.kind === 'rescan' && event.path === ROOT && event.why === 'start')) {
        base.setMeta('ready', hooks.boot);
      }
      atWork();
      restSoon();
      ports.log('debug', 'job done', { job: id });
      return { kind: 'done', outcomes };
    } catch (error) {
      noteChange();
      return await failed(error, signal);
    } finally {
      sweeper.atWork(false);
    }
  }

  async function answersAgain(): Promise<void> {
    if (closed) return;
    const wasAway = away !== null;
    try {
      await comeBack();
      misses = 0;
      if (!wasAway) return;
      atWork();
      restSoon();
    } catch (error) {
      await failed(error, null);
    }
  }

  // CRASH: a worker that is started anew at rest has no job to tell it so: what this start of the program had to look at
  // as a whole was looked at before.
  if (base.meta('ready') === hooks.boot) {
    enter('syncing');
    restSoon();
  }

  return {
    decide(decided) {
      const hold = ports.holds.decide(decided);
      if (hold === null) return 'Nothing is held.';
      heldUntil = Number.NEGATIVE_INFINITY;
      // Who asks right after a yes is to wait for what comes of it.
      if (state === 'held') enter('syncing');
      return decided === 'approve'
        ? 'Approved: the deletes are carried out.'
        : 'Rejected: what is gone is brought back.';
    },
    async remote(heard) {
      if (closed) return;
      // ORDER: not in turn: the job that hangs in the remote would be waited for, and the anchor has to be turned now.
      if (heard.kind === 'away') await goOffline(heard.why);
      else await inTurn(answersAgain);
    },
    laneLost: () => {
      transfers.announceAgain();
      uploads.announceAgain();
    },
    handlers: {
      handle: (changeset, job) => inTurn(() => handle(changeset, job)),
      refused: (reason, jobId) => {
        const message = `A job of the queue was set aside: ${reason}.`;
        ports.log('error', message, { jobId });
        base.putProblem({ code: 'failed', path: ROOT, side: null, message }, ports.now());
      },
    },
    async close() {
      closed = true;
      idleTimer?.cancel();
      worker.stop();
      await Promise.all([transfers.close(), uploads.close(), sweeper.close()]);
      enter('stopped');
    },
  };
}
