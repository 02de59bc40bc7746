/**
 * Large uploads beside the lane: their content is staged on the remote, where nobody sees it, while the lane goes on with
 * small changes; then a `staged` event asks the lane for the commit. Rows of the base say what is under way, so that
 * nothing staged is forgotten by a crash.
 */
import type { Transfer } from '@lazysync/base';
import {
  ABSENT,
  type FileStat,
  type RelPath,
  remotePrint,
  type Step,
  type SyncEvent,
  sameVersion,
} from '@lazysync/event-model';
import { RemoteOffline, type StagedUpload } from '@lazysync/replica';
import { checkRoot } from './guards.ts';
import { PairHeld } from './holds.ts';
import { type PairPorts, processTimers } from './ports.ts';
import { everySoOften } from './progress.ts';

type UploadStep = Extract<Step, { kind: 'upload' }>;
type Up = Transfer & { readonly up: NonNullable<Transfer['up']> };

/** Side by side: two fill a link while one of them begins or ends. */
const FEW = 2;
/** After a failure, ms, doubled each time. */
const AGAIN_MS = 2_000;
const AGAIN_LONGEST_MS = 300_000;

export interface ReadyUpload {
  /** Names the stage file, and the step's place in the trash. */
  readonly slot: string;
  readonly staged: StagedUpload;
}

export interface Uploads {
  /** What is staged of this version; null: it is being staged from now on, and tells the lane when it is done. */
  want(step: UploadStep): ReadyUpload | null;
  has(id: string): boolean;
  /** The commit was tried: what lay in the stage folder is the step's, and its journal's. */
  used(id: string): void;
  /** Not wanted any more; the stage file goes. */
  drop(id: string): Promise<void>;
  readonly active: number;
  resume(): void;
  announceAgain(): void;
  close(): Promise<void>;
}

function isUp(transfer: Transfer): transfer is Up {
  return transfer.up !== undefined;
}

export function upLimit(ports: PairPorts): { readonly limit?: number } {
  return Number.isFinite(ports.limit.up) ? { limit: ports.limit.up } : {};
}

/** Nothing is replaced by staging. */
function stepOf({ path, up }: Up): UploadStep {
  return { kind: 'upload', side: 'remote', path, source: up.source, expected: ABSENT };
}

export function createUploads(ports: PairPorts): Uploads {
  const { base } = ports;
  const timers = ports.timers ?? processTimers;
  const rows = new Map<string, Up>();
  const byPath = new Map<RelPath, string>();
  const queue: string[] = [];
  const running = new Map<string, Promise<void>>();
  const waits = new Set<{ cancel(): void }>();
  let failures = 0;
  let closed = false;

  function put(row: Up): void {
    rows.set(row.id, row);
    byPath.set(row.path, row.id);
    base.putTransfer(row);
  }

  function forget(id: string): void {
    const row = rows.get(id);
    base.dropTransfer(id);
    rows.delete(id);
    if (row !== undefined && byPath.get(row.path) === id) byPath.delete(row.path);
  }

  async function drop(id: string): Promise<void> {
    if (!rows.has(id)) return;
    // ORDER: the stage file first, and only where the root is ours: the row is what knows it.
    await checkRoot(ports, 'remote');
    await ports.remote.discard([id]);
    await checkRoot(ports, 'remote');
    forget(id);
  }

  function publish(events: readonly SyncEvent[]): void {
    ports.publish(events).catch((error: unknown) => {
      // The row stays: it is announced again at the next start.
      if (!closed) ports.log('error', 'staged content could not be announced', { err: error });
    });
  }

  function announce({ path, id }: Up): void {
    publish([{ kind: 'staged', side: 'local', path, transfer: id }]);
  }

  const isDue = everySoOften(() => timers.now());
  ports.onProgress?.((slot, bytes, part) => {
    const row = rows.get(slot);
    if (closed || row === undefined || row.state === 'staged' || (part === undefined && !isDue(slot))) return;
    const running: Up = { ...row, state: 'running', bytes, ...(part === undefined ? {} : { part }) };
    rows.set(slot, running);
    base.putTransfer(running);
  });

  async function stage(row: Up): Promise<void> {
    await checkRoot(ports, 'remote');
    const { part = null } = row;
    const outcome = await ports.remote.stage({ slot: row.id, step: stepOf(row), part, ...upLimit(ports) });
    if (closed) return;
    if (outcome.kind === 'broken-off') {
      base.putProblem(outcome.problem, ports.now());
      return later(row.id);
    }
    if (outcome.kind === 'staged' && byPath.get(row.path) === row.id) {
      const up = { ...row.up, staged: outcome.upload };
      const staged: Up = { ...row, state: 'staged', part: null, bytes: row.remote.size, up };
      failures = 0;
      put(staged);
      announce(staged);
      return;
    }
    if (outcome.kind === 'failed') base.putProblem(outcome.problem, ports.now());
    await drop(row.id);
    // It is another file by now, and the lane has been told of that or will be; it costs little to say so once more.
    if (outcome.kind === 'stale') publish([{ kind: 'modify', side: 'local', path: row.path }]);
  }

  function later(id: string): void {
    const wait = timers.after(Math.min(AGAIN_MS * 2 ** failures++, AGAIN_LONGEST_MS), () => {
      waits.delete(wait);
      queue.push(id);
      pump();
    });
    waits.add(wait);
  }

  async function run(id: string): Promise<void> {
    const row = rows.get(id);
    if (row === undefined) return;
    try {
      if (byPath.get(row.path) === id) await stage(row);
      else await drop(id);
    } catch (error) {
      if (closed) return;
      if (!(error instanceof RemoteOffline || error instanceof PairHeld))
        ports.log('warn', 'an upload could not be staged yet', { err: error, path: row.path });
      later(id);
    }
  }

  function pump(): void {
    while (!closed && running.size < FEW) {
      const id = queue.shift();
      if (id === undefined) return;
      const task = run(id).finally(() => {
        running.delete(id);
        pump();
      });
      running.set(id, task);
    }
  }

  for (const row of base.transfers()) {
    if (!isUp(row)) continue;
    rows.set(row.id, row);
    byPath.set(row.path, row.id);
    if (row.state === 'staged') announce(row);
    else queue.push(row.id);
  }
  pump();

  function begin(path: RelPath, source: FileStat): void {
    const id = ports.slot();
    put({
      id,
      path,
      state: 'queued',
      remote: remotePrint(source),
      bytes: 0,
      staged: null,
      up: { source, staged: null },
    });
    queue.push(id);
    pump();
  }

  return {
    want({ path, source }) {
      const known = rows.get(byPath.get(path) ?? '');
      if (known !== undefined && sameVersion(known.up.source, source)) {
        return known.up.staged === null ? null : { slot: known.id, staged: known.up.staged };
      }
      begin(path, source);
      // What is staged or being staged of the version before is let go.
      if (known !== undefined && !running.has(known.id)) {
        queue.push(known.id);
        pump();
      }
      return null;
    },
    has: (id) => rows.has(id),
    used: forget,
    drop,
    get active() {
      return rows.size;
    },
    resume: pump,
    announceAgain() {
      for (const row of rows.values()) if (row.state === 'staged') announce(row);
    },
    async close() {
      closed = true;
      for (const wait of waits) wait.cancel();
      await Promise.allSettled(running.values());
    },
  };
}
