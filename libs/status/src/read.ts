/** Puts together what the base and the lane say. Answers within the deadline, whatever is down. */
import { join } from 'node:path';
import type { BaseReader, PairState, StoredConflict, StoredProblem, Transfer } from '@lazysync/base';
import { isFlocked, withDeadline } from '@lazysync/ops';
import type { LaneCounts, Presence, Role, WatchFacts } from '@lazysync/queue';
import { type BaseLook, type BaseLooker, createBaseLooker, type Progress } from './base-view.ts';
import { haltedIn } from './halted.ts';
import type { PairStatus, ProcessRef, Status } from './status.ts';
import { transferListOf } from './transfer-list.ts';

/** The pairs that are asked about, as the effective configuration names them. */
export interface StatusPair {
  readonly id: string;
  readonly local: string;
  readonly remote: string;
  /** The pair's folder in the state folder: holds `base.db`. */
  readonly state: string;
}

type Counted = LaneCounts & {
  readonly paused?: boolean;
  /** Age of the job that waits longest, ms. */
  readonly oldestWaitingMs?: number | null;
};

/** What the lanes say: served by libs/queue. Calls may hang or reject while Redis is down. */
export interface LaneView {
  counts(pair: string): Promise<Counted>;
  presence(pair: string, role: Role): Promise<readonly Presence[]>;
  /** Left out: nothing is known of it. */
  watch?(pair: string): Promise<WatchFacts | null>;
}

export interface StatusSources {
  readonly pairs: readonly StatusPair[];
  /** null: no Redis is known. */
  readonly lanes: LaneView | null;
  /** After this many ms without an answer Redis counts as down. */
  readonly deadlineMs: number;
}

/** A pair's status with the lists behind its numbers. */
export interface PairReport {
  readonly status: PairStatus;
  /** Why the pair is in its state, one sentence; null when that goes without saying. */
  readonly why: string | null;
  readonly progress: Progress | null;
  /** For how long the job has waited that waits longest, ms; null: none waits. */
  readonly lagMs: number | null;
  readonly transfers: readonly Transfer[];
  readonly problems: readonly StoredProblem[];
  readonly held: readonly StoredProblem[];
  readonly conflicts: readonly StoredConflict[];
}

export interface StatusReader {
  read(): Promise<readonly PairReport[]>;
  /** null: there is no such pair. */
  readPair(id: string): Promise<PairReport | null>;
  /** Looks into a pair's base; null: there is none to be read. */
  inspect<T>(id: string, ask: (reader: BaseReader) => T): T | null;
  /** Closes the bases; the lanes belong to the caller. */
  close(): void;
}

export function openStatus(sources: StatusSources): StatusReader {
  const lookers = new Map<string, BaseLooker>();
  for (const pair of sources.pairs) lookers.set(pair.id, createBaseLooker(join(pair.state, 'base.db')));
  const readOne = async (pair: StatusPair): Promise<PairReport> => {
    const answer = await askLane(sources, pair.id);
    const look = lookers.get(pair.id)?.look() ?? { kind: 'none' };
    return typeof answer === 'string' ? reportOf(pair, look, null, answer) : reportOf(pair, look, answer, null);
  };
  return {
    read: () => inTurns(sources.pairs, readOne),
    readPair: async (id) => {
      const pair = sources.pairs.find((one) => one.id === id);
      return pair === undefined ? null : await readOne(pair);
    },
    inspect: (id, ask) => lookers.get(id)?.inspect(ask) ?? null,
    close: () => {
      for (const looker of lookers.values()) looker.close();
    },
  };
}

/** Some at a time: of a thousand that are asked about in one moment most would be answered too late. */
const AT_ONCE = 32;

async function inTurns<T, R>(all: readonly T[], act: (one: T) => Promise<R>): Promise<readonly R[]> {
  const answers: R[] = [];
  let next = 0;
  const turn = async (): Promise<void> => {
    for (let at = next++; at < all.length; at = next++) answers[at] = await act(all[at] as T);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
  return answers;
}

/** What `status --json` prints: one look, then everything is closed again. */
export async function buildStatus(sources: StatusSources): Promise<Status> {
  const reader = openStatus(sources);
  try {
    return statusOf(await reader.read());
  } finally {
    reader.close();
  }
}

export function statusOf(reports: readonly PairReport[]): Status {
  return {
    version: 1,
    pairs: reports.map(({ status, transfers }) => ({ ...status, transferList: transferListOf(transfers) })),
  };
}

interface LaneAnswer {
  readonly counts: Counted;
  readonly watchers: readonly Presence[];
  readonly workers: readonly Presence[];
  readonly servers: readonly Presence[];
  readonly watch: WatchFacts | null;
}

const SILENT = 'Redis does not answer.';

/** Or why there is no answer, in one sentence. */
async function askLane({ lanes, deadlineMs }: StatusSources, pair: string): Promise<LaneAnswer | string> {
  if (lanes === null) return SILENT;
  const asked = Promise.all([
    lanes.counts(pair),
    lanes.presence(pair, 'watcher'),
    lanes.presence(pair, 'worker'),
    lanes.presence(pair, 'server-watcher'),
    lanes.watch?.(pair) ?? null,
  ]);
  // Silence and refusal are answers here: `redis: down`.
  const answer = await withDeadline(asked, deadlineMs, 'the lane').catch(refusalOf);
  if (typeof answer === 'string') return answer;
  const [counts, watchers, workers, servers, watch] = answer;
  return { counts, watchers, workers, servers, watch };
}

/** Such as a disk that is full: Redis is there, but takes nothing (MISCONF, OOM, LOADING). */
function refusalOf(error: unknown): string {
  const said = error instanceof Error ? error.message : '';
  return /^[A-Z]{3,} /.test(said) ? `Redis refuses to work: ${said.replace(/\.$/, '')}.` : SILENT;
}

const refs = (present: readonly Presence[]): ProcessRef[] => present.map(({ pid, host }) => ({ pid, host }));

const NO_COUNTS = { entries: 0, directories: 0, stubs: 0, copies: 0, cachedBytes: 0, remoteBytes: 0 };

function stateOf(working: boolean, said: PairState, lane: LaneAnswer | null, queued: number): PairState {
  if (!working) return 'stopped';
  // A pause is kept in the lane: the worker itself only sees no jobs.
  if (lane?.counts.paused === true && (said === 'idle' || said === 'syncing')) return 'paused';
  return said === 'idle' && queued > 0 ? 'syncing' : said;
}

function reportOf(pair: StatusPair, look: BaseLook, lane: LaneAnswer | null, silence: string | null): PairReport {
  const view = look.kind === 'base' ? look.view : null;
  const queued = lane === null ? 0 : lane.counts.waiting + lane.counts.active + lane.counts.delayed;
  // A Redis that is away, or slow on a busy machine, says nothing of the worker; its lock does, where it runs on this host.
  const working = lane === null ? isFlocked(join(pair.state, 'lock')) : lane.workers.length > 0;
  const halted = haltedIn(pair.state);
  const state = halted === null ? stateOf(working, view?.state ?? 'starting', lane, queued) : 'halted';
  const { counts = NO_COUNTS, transfers = [], problems = [], held = [], conflicts = [] } = view ?? {};
  return {
    status: {
      id: pair.id,
      local: pair.local,
      remote: pair.remote,
      state,
      queued,
      transfers: transfers.length,
      ...counts,
      conflicts: conflicts.length,
      problems: problems.length,
      held: held.length,
      openReplaces: view?.openReplaces ?? 0,
      lastChange: view?.lastChange ?? null,
      redis: lane === null ? 'down' : 'up',
      watchers: refs(lane?.watchers ?? []),
      serverWatchers: refs(lane?.servers ?? []),
      remoteScan: lane?.watch?.scan ?? null,
      warnings: lane?.watch?.warnings ?? [],
      worker: refs(lane?.workers ?? []),
    },
    why: halted ?? whyOf(look, silence, working, view?.why ?? null),
    progress: working ? (view?.progress ?? null) : null,
    lagMs: lane?.counts.oldestWaitingMs ?? null,
    transfers,
    problems,
    held,
    conflicts,
  };
}

function whyOf(look: BaseLook, silence: string | null, working: boolean, said: string | null): string | null {
  if (look.kind === 'unreadable') return look.reason;
  if (silence !== null) return silence;
  if (working) return said;
  return look.kind === 'none' ? 'This pair has not run yet.' : 'No worker runs for this pair.';
}
