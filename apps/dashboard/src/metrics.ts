/** What Prometheus gets: the pairs as they are at the moment of the scrape, and what was counted since the start. */
import { createMetrics } from '@lazysync/ops/metrics';
import type { PairReport } from '@lazysync/status';
import type { Totals } from './history.ts';
import type { EventCount } from './tally.ts';

/** One pair at the moment of the scrape. */
export interface PairReading {
  readonly report: PairReport;
  readonly totals: Totals;
  readonly events: readonly EventCount[];
  /** ms since 1970; null: not known. */
  readonly lastFullScan: number | null;
}

/** Who has the lease of a pair; it may not have begun to serve it yet. */
export interface LeaseReading {
  readonly pair: string;
  readonly role: string;
  readonly host: string;
  readonly pid: number;
}

export interface PairMetrics {
  readonly contentType: string;
  render(pairs: readonly PairReading[], leases: readonly LeaseReading[]): Promise<string>;
}

const seconds = (ms: number | null): number => (ms === null ? 0 : ms / 1000);

const NUMBERS: readonly (readonly [name: string, help: string, value: (pair: PairReading) => number])[] = [
  ['queued_jobs', 'Jobs of the lane that are not finished', ({ report }) => report.status.queued],
  ['lag_seconds', 'For how long the oldest job has waited', ({ report }) => seconds(report.lagMs)],
  ['transfers', 'Downloads that wait, run or are staged', ({ report }) => report.status.transfers],
  [
    'transfer_bytes_left',
    'Bytes of the downloads that are not here yet',
    ({ report }) => report.transfers.reduce((sum, { remote, bytes }) => sum + Math.max(0, remote.size - bytes), 0),
  ],
  ['entries', 'Paths that the base knows', ({ report }) => report.status.entries],
  ['directories', 'Directories', ({ report }) => report.status.directories],
  ['stubs', 'Files that are stubs', ({ report }) => report.status.stubs],
  ['copies', 'Files that are copies', ({ report }) => report.status.copies],
  ['cached_bytes', 'Bytes of the copies', ({ report }) => report.status.cachedBytes],
  ['remote_bytes', 'Bytes of all files', ({ report }) => report.status.remoteBytes],
  ['conflicts', 'Conflicts', ({ report }) => report.status.conflicts],
  ['problems', 'Problems', ({ report }) => report.status.problems],
  ['held', 'Plans that wait for a person', ({ report }) => report.status.held],
  ['watchers', 'Processes that watch the pair', ({ report }) => report.status.watchers.length],
  ['workers', 'Processes that work the pair', ({ report }) => report.status.worker.length],
  ['redis_up', '1 when Redis answers', ({ report }) => (report.status.redis === 'up' ? 1 : 0)],
  [
    'last_change_seconds',
    'When the last change was carried out, seconds since 1970; 0: never',
    ({ report: { status } }) => (status.lastChange === null ? 0 : Date.parse(status.lastChange) / 1000),
  ],
  [
    'last_full_scan_seconds',
    'When a job that looked at everything was finished, seconds since 1970; 0: not seen',
    ({ lastFullScan }) => seconds(lastFullScan),
  ],
];

export function createPairMetrics(): PairMetrics {
  const metrics = createMetrics({ prefix: 'lazysync_' });
  const gauges = NUMBERS.map(([name, help, value]) => ({ gauge: metrics.gauge(name, help, ['pair']), value }));
  const state = metrics.gauge('state', '1 for the state that the pair is in', ['pair', 'state']);
  const holder = metrics.gauge('process', '1 for each process that serves the pair', ['pair', 'role', 'host', 'pid']);
  const lease = metrics.gauge('lease_holder', '1 for the process that has the lease of the pair', [
    'pair',
    'role',
    'host',
    'pid',
  ]);
  const problems = metrics.gauge('problems_by_code', 'Problems', ['pair', 'code']);
  const actions = metrics.counter('actions_total', 'Steps that were carried out, since the dashboard started', [
    'pair',
    'kind',
    'side',
  ]);
  const events = metrics.counter('events_total', 'Events by what became of them, since the dashboard started', [
    'pair',
    'kind',
    'outcome',
  ]);
  const bytes = metrics.counter('bytes_total', 'Bytes that were moved, since the dashboard started', [
    'pair',
    'direction',
  ]);
  const all = [...gauges.map(({ gauge }) => gauge), state, holder, lease, problems, actions, events, bytes];
  const fill = ({ report, totals, events: counted }: PairReading): void => {
    const { id: pair, watchers, worker, state: now } = report.status;
    state.set({ pair, state: now }, 1);
    for (const { host, pid } of watchers) holder.set({ pair, role: 'watcher', host, pid }, 1);
    for (const { host, pid } of worker) holder.set({ pair, role: 'worker', host, pid }, 1);
    for (const { code } of report.problems) problems.inc({ pair, code });
    for (const [act, count] of totals.acts) {
      const [kind = act, side = ''] = act.split(' in ');
      actions.inc({ pair, kind, side }, count);
    }
    for (const { kind, result, count } of counted) events.inc({ pair, kind, outcome: result }, count);
    bytes.inc({ pair, direction: 'up' }, totals.bytesUp);
    bytes.inc({ pair, direction: 'down' }, totals.bytesDown);
  };
  return {
    contentType: metrics.contentType,
    render: async (pairs, leases) => {
      for (const one of all) one.reset();
      for (const { pair, role, host, pid } of leases) lease.set({ pair, role, host, pid }, 1);
      for (const pair of pairs) {
        for (const { gauge, value } of gauges) gauge.set({ pair: pair.report.status.id }, value(pair));
        fill(pair);
      }
      return metrics.text();
    },
  };
}
