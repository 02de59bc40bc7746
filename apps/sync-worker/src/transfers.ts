/**
 * Downloads beside the lane: a pool brings content into the stage folder, then a `staged` event asks the lane for the
 * commit. Rows of the base say what is wanted, so nothing is forgotten by a crash.
 */
import type { Transfer } from '@lazysync/base';
import type { Problem, RelPath, RemotePrint, StagedContent, SyncEvent } from '@lazysync/event-model';
import { remotePrint } from '@lazysync/event-model';
import { type FetchedOfPack, RemoteOffline } from '@lazysync/replica';
import { checkRoot } from './guards.ts';
import { PairHeld } from './holds.ts';
import { createPacking } from './packed-downloads.ts';
import { type PairPorts, processTimers } from './ports.ts';
import { everySoOften } from './progress.ts';
import { tooLarge } from './room-for.ts';
import { createRowWatch } from './row-watch.ts';
import { createTransferQueue } from './transfer-queue.ts';

/** A file that changes under every fetch is left for the next access or scan. */
const MAX_TRIES = 5;
/** Staged events that come this close together, ms, go into one job. */
const GATHER_MS = 10;
/** While so many wait for the lane, nothing is won by handing it each on its own: a job costs more than a commit. */
const MANY_UNCOMMITTED = 64;
const GATHER_LONGER_MS = 250;
/** A download whose stage file can not even be taken away again is tried anew after this, ms, doubled each time. */
const AGAIN_MS = 2_000;
const AGAIN_LONGEST_MS = 300_000;

export interface Transfers {
  /** Queues a download unless one is on its way. `ahead`: nobody has asked for it yet, so all others go first. */
  want(path: RelPath, remote: RemotePrint, ahead?: boolean): void;
  /** The staged content of a transfer, or null when it is not staged (any more). */
  staged(id: string): { readonly content: StagedContent; readonly wanted: RemotePrint } | null;
  /** What was fetched is not what the base knows: once more. */
  refetch(id: string): Promise<void>;
  /** Done or not wanted any more; the stage file goes. */
  drop(id: string): Promise<void>;
  readonly active: number;
  /** The remote answers again. */
  resume(): void;
  /** The lane has lost what it was told: all that is staged asks once more. */
  announceAgain(): void;
  close(): Promise<void>;
}

interface Job {
  transfer: Transfer;
  tries: number;
  /** It did not come in a pack. */
  alone?: true;
  /** Calls that broke off in a way nobody planned for. */
  broken?: number;
}

/** `left`: a name in the remote's stage folder is not wanted any more. */
export function createTransfers(ports: PairPorts, left: (slot: string) => void): Transfers {
  const { base } = ports;
  const jobs = new Map<string, Job>();
  const rows = createRowWatch(base);
  const byPath = new Map<RelPath, string>();
  const queue = createTransferQueue({
    sizeOf: (id) => jobs.get(id)?.transfer.remote.size ?? 0,
    most: ports.downloads,
    limited: Number.isFinite(ports.limit.down),
  });
  const running = new Set<Promise<void>>();
  const announced: SyncEvent[] = [];
  const later = new Set<{ cancel(): void }>();
  const timers = ports.timers ?? processTimers;
  let gathering: { cancel(): void } | null = null;
  let waking: { cancel(): void } | null = null;
  let paused = false;
  /** Announced, and neither committed nor given up yet. */
  let uncommitted = 0;
  let closed = false;

  function put(transfer: Transfer, tries: number): void {
    jobs.set(transfer.id, { transfer, tries });
    byPath.set(transfer.path, transfer.id);
    base.putTransfer(transfer);
  }

  function enqueue(id: string): void {
    queue.add(id, jobs.get(id)?.transfer.ahead === true);
  }

  function hasten(id: string): void {
    const job = jobs.get(id);
    if (job?.transfer.ahead !== true) return;
    job.transfer = { ...job.transfer, ahead: false };
    queue.hasten(id);
  }

  function announce(transfer: Transfer): void {
    announced.push({ kind: 'staged', side: 'local', path: transfer.path, transfer: transfer.id });
    uncommitted++;
    gathering ??= timers.after(uncommitted > MANY_UNCOMMITTED ? GATHER_LONGER_MS : GATHER_MS, () => {
      gathering = null;
      ports.publish(announced.splice(0)).catch((error: unknown) => {
        // The row stays `staged`: it is announced again at the next start.
        if (!closed) ports.log('error', 'staged content could not be announced', { err: error });
      });
    });
  }

  async function forget(id: string): Promise<void> {
    const job = jobs.get(id);
    // ORDER: the stage file first: if that fails, the transfer is still known, and whoever wanted it gone tries again.
    await ports.local.discard([id]);
    base.dropTransfer(id);
    rows.forget(id);
    jobs.delete(id);
    if (job?.transfer.state === 'staged') uncommitted--;
    if (job !== undefined) byPath.delete(job.transfer.path);
  }

  function nowStaged({ transfer, tries }: Job, { staged, hash, remote }: Omit<FetchedOfPack, 'slot'>): void {
    const whole: Transfer = {
      ...transfer,
      state: 'staged',
      part: null,
      bytes: staged.size,
      staged: { stat: staged, hash, remote: remotePrint(remote) },
    };
    put(whole, tries);
    announce(whole);
  }

  async function fetchOnce(job: Job): Promise<void> {
    const { transfer } = job;
    if (rows.changed(transfer.id, transfer.path)?.now === null) return forget(transfer.id);
    const giveUp = (problem: Problem): Promise<void> => {
      base.putProblem(problem, ports.now());
      return forget(transfer.id);
    };
    const short = await tooLarge(ports, transfer, queue.bytes);
    if (short !== null) return giveUp(short);
    // RACE: unmounted between this and the open: what lies there then is shown until the next look at the remote.
    await checkRoot(ports, 'remote');
    const { id: slot, path, part = null } = transfer;
    const limit = ports.limit.down;
    const outcome = await ports.remote.fetch({ path, slot, limit: Number.isFinite(limit) ? limit : null, part });
    if (closed) return;
    switch (outcome.kind) {
      case 'staged':
        return nowStaged(job, outcome);
      case 'stale':
      case 'left-off':
        if (++job.tries < MAX_TRIES) {
          put({ ...transfer, state: 'queued', part: null, bytes: 0 }, job.tries);
          enqueue(transfer.id);
          return;
        }
        await forget(transfer.id);
        return;
      case 'broken-off':
        // What gets on, however slowly, is not given up.
        if ((job.transfer.part?.bytes ?? 0) > (part?.bytes ?? 0)) Object.assign(job, { tries: 0, broken: 0 });
        if (++job.tries < MAX_TRIES) tryLater(job, outcome.problem);
        else await giveUp(outcome.problem);
        return;
      case 'failed':
        await giveUp(outcome.problem);
    }
  }

  const isDue = everySoOften(() => timers.now());
  ports.onProgress?.((slot, bytes, part) => {
    const job = jobs.get(slot);
    if (closed || job === undefined || job.transfer.state === 'staged') return;
    if (part === undefined && !isDue(slot)) return;
    job.transfer = { ...job.transfer, state: 'running', bytes, ...(part === undefined ? {} : { part }) };
    base.putTransfer(job.transfer);
    leaveOffIfOver(job.transfer);
  });

  /** Its file is gone, or another one by now. */
  function leaveOffIfOver({ id, path }: Transfer): void {
    const changed = rows.changed(id, path);
    if (changed === null) return;
    ports.remote
      .leaveOff(id, changed.now)
      // The fetch itself says what is the matter with the remote.
      .catch((error: unknown) => ports.log('debug', 'a download could not be left off', { err: error }));
  }

  async function run(id: string): Promise<void> {
    const job = jobs.get(id);
    if (job === undefined) return;
    try {
      await fetchOnce(job);
    } catch (error) {
      if (error instanceof RemoteOffline) {
        queue.addFirst(id);
        pause();
        return;
      }
      tryLater(job);
      if (!(error instanceof PairHeld)) throw error;
    }
  }

  /**
   * RACE: the remote may have been heard of again before the call that was given up says so: nobody else would wake us
   * then, so we look for ourselves, too.
   */
  function pause(): void {
    paused = true;
    waking ??= timers.after(AGAIN_MS, () => {
      waking = null;
      resume();
    });
  }

  function resume(): void {
    paused = false;
    pump();
  }

  /** The row stays: what lies in the stage folder is known by it, and nobody else asks for this path meanwhile. */
  function tryLater(job: Job, problem?: Problem): void {
    const { id, path } = job.transfer;
    const broken = (job.broken ?? 0) + 1;
    job.broken = broken;
    const message = 'Could not be downloaded: a call failed in the middle of it. It is tried again.';
    base.putProblem(problem ?? { code: 'failed', path, side: 'local', message }, ports.now());
    const waiting = timers.after(Math.min(AGAIN_MS * 2 ** (broken - 1), AGAIN_LONGEST_MS), () => {
      later.delete(waiting);
      if (closed || !jobs.has(id)) return;
      enqueue(id);
      pump();
    });
    later.add(waiting);
  }

  function pump(): void {
    packing?.begin();
    while (!closed && !paused) {
      const id = queue.next(packing?.waits);
      if (id === undefined) return;
      const task = run(id)
        .catch((error: unknown) => ports.log('error', 'a download failed', { err: error }))
        .finally(() => {
          running.delete(task);
          queue.over(id);
          pump();
        });
      running.add(task);
    }
  }

  const packing = createPacking(ports, queue, {
    isOpen: () => !closed && !paused,
    transferOf: (id) => jobs.get(id)?.transfer,
    fits: (id) => jobs.get(id)?.alone !== true,
    came(id, one) {
      const job = jobs.get(id);
      if (closed || job === undefined) return;
      if (one !== null) return nowStaged(job, one);
      job.alone = true;
      enqueue(id);
    },
    putOff: enqueue,
    left,
    begun: (task) => void running.add(task),
    over(task) {
      running.delete(task);
      pump();
    },
  });

  for (const transfer of base.transfers()) {
    if (transfer.up !== undefined) continue;
    byPath.set(transfer.path, transfer.id);
    const isStaged = transfer.state === 'staged';
    // CRASH: what is there of it beyond the part is not known to be whole.
    const again: Transfer = isStaged ? transfer : { ...transfer, state: 'queued', bytes: transfer.part?.bytes ?? 0 };
    jobs.set(transfer.id, { transfer: again, tries: 0 });
    if (isStaged) announce(again);
    else enqueue(transfer.id);
  }
  pump();

  return {
    want(path, remote, ahead = false) {
      const known = byPath.get(path);
      if (!ahead && known !== undefined) hasten(known);
      if (closed || known !== undefined) return;
      const id = ports.slot();
      put({ id, path, state: 'queued', remote, bytes: 0, staged: null, ...(ahead ? { ahead } : {}) }, 0);
      enqueue(id);
      pump();
    },
    staged(id) {
      const transfer = jobs.get(id)?.transfer;
      if (transfer === undefined || transfer.staged === null) return null;
      const { stat, hash, remote } = transfer.staged;
      return { content: { transfer: id, path: transfer.path, remote, staged: stat, hash }, wanted: transfer.remote };
    },
    async refetch(id) {
      const job = jobs.get(id);
      if (job?.transfer.staged == null) return;
      const { staged } = job.transfer;
      await ports.local.discard([id]);
      if (job.tries + 1 >= MAX_TRIES) return forget(id);
      uncommitted--;
      put({ ...job.transfer, state: 'queued', staged: null, part: null, remote: staged.remote }, job.tries + 1);
      enqueue(id);
      pump();
    },
    drop: forget,
    get active() {
      return jobs.size;
    },
    resume,
    announceAgain() {
      uncommitted = 0;
      for (const { transfer } of jobs.values()) if (transfer.state === 'staged') announce(transfer);
    },
    async close() {
      closed = true;
      gathering?.cancel();
      waking?.cancel();
      for (const waiting of later) waiting.cancel();
      await Promise.allSettled([...running]);
    },
  };
}
