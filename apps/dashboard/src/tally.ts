/** Counts what became of events, for the metrics: each finished job once, as long as the lane still keeps it. */
import { decodeChangeset } from '@lazysync/event-model';
import { outcomesOf } from './readable-job.ts';

/** A finished job as the lane keeps it. */
export interface FinishedJob {
  readonly id?: string | undefined;
  readonly data: unknown;
  readonly returnvalue: unknown;
  readonly finishedOn?: number | undefined;
  readonly timestamp: number;
}

export type EventResult = 'done' | 'nothing' | 'problem';

export interface EventCount {
  /** Of the event, such as `modify`. */
  readonly kind: string;
  readonly result: EventResult;
  readonly count: number;
}

export interface Tally {
  /** The newest first; answers whether older ones may be missing. `problems`: messages of paths that have one. */
  take(jobs: readonly FinishedJob[], problems: ReadonlyMap<string, string>): boolean;
  counts(): readonly EventCount[];
  /** When a job that looked at everything was finished, ms since 1970; null: not seen. */
  lastFullScan(): number | null;
}

const DONE =
  /^(?:make-|upload|hydrate|dehydrate|repoint|remove|move|copy|set-metadata|folder removed|download begun|restored|pinned|unpinned|looked at everything|[1-9]\d* )/;

export function createTally(pair: string): Tally {
  const counts = new Map<string, number>();
  let newest: string | null = null;
  let scan: number | null = null;

  const count = (job: FinishedJob, problems: ReadonlyMap<string, string>): void => {
    const decoded = decodeChangeset(job.data, pair);
    const kinds = new Map<string, string>();
    if (decoded.kind === 'changeset') for (const { path, kind } of decoded.changeset.events) kinds.set(path, kind);
    for (const { path, outcome } of outcomesOf(job.returnvalue)) {
      const result: EventResult = problems.get(path) === outcome ? 'problem' : DONE.test(outcome) ? 'done' : 'nothing';
      const key = `${kinds.get(path) ?? 'other'} ${result}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  };
  const noteScan = (job: FinishedJob): void => {
    const decoded = decodeChangeset(job.data, pair);
    if (decoded.kind !== 'changeset') return;
    if (!decoded.changeset.events.some(({ kind, path }) => kind === 'rescan' && path === '')) return;
    scan = Math.max(scan ?? 0, job.finishedOn ?? job.timestamp);
  };

  return {
    take: (jobs, problems) => {
      const known = newest === null ? -1 : jobs.findIndex(({ id }) => id === newest);
      const fresh = known < 0 ? jobs : jobs.slice(0, known);
      for (const job of fresh) {
        noteScan(job);
        // What was finished before we began to look is nobody's count.
        if (newest !== null) count(job, problems);
      }
      const missing = newest !== null && known < 0 && jobs.length > 0;
      newest = jobs[0]?.id ?? newest ?? '';
      return missing;
    },
    counts: () =>
      [...counts].map(([key, n]): EventCount => {
        const [kind = '', result = 'nothing'] = key.split(' ');
        return { kind, result: result as EventResult, count: n };
      }),
    lastFullScan: () => scan,
  };
}
