/** What Prometheus gets: the pairs as they are at the moment of the scrape. */
import { createMetrics } from '@lazysync/ops';
import type { PairStatus } from '@lazysync/status';

export interface PairMetrics {
  readonly contentType: string;
  render(pairs: readonly PairStatus[]): Promise<string>;
}

const NUMBERS: readonly (readonly [name: string, help: string, value: (pair: PairStatus) => number])[] = [
  ['queued_jobs', 'Jobs of the lane that are not finished', (pair) => pair.queued],
  ['transfers', 'Downloads that wait, run or are staged', (pair) => pair.transfers],
  ['entries', 'Paths that the base knows', (pair) => pair.entries],
  ['directories', 'Directories', (pair) => pair.directories],
  ['stubs', 'Files that are stubs', (pair) => pair.stubs],
  ['copies', 'Files that are copies', (pair) => pair.copies],
  ['cached_bytes', 'Bytes of the copies', (pair) => pair.cachedBytes],
  ['remote_bytes', 'Bytes of all files', (pair) => pair.remoteBytes],
  ['conflicts', 'Conflicts', (pair) => pair.conflicts],
  ['problems', 'Problems', (pair) => pair.problems],
  ['held', 'Plans that wait for a person', (pair) => pair.held],
  ['watchers', 'Watchers of the pair', (pair) => pair.watchers.length],
  ['workers', 'Workers of the pair', (pair) => pair.worker.length],
  ['redis_up', '1 when Redis answers', (pair) => (pair.redis === 'up' ? 1 : 0)],
  [
    'last_change_seconds',
    'When the last change was carried out, seconds since 1970; 0: never',
    (pair) => (pair.lastChange === null ? 0 : Date.parse(pair.lastChange) / 1000),
  ],
];

export function createPairMetrics(): PairMetrics {
  const metrics = createMetrics({ prefix: 'lazysync_' });
  const gauges = NUMBERS.map(([name, help, value]) => ({ gauge: metrics.gauge(name, help, ['pair']), value }));
  const state = metrics.gauge('state', '1 for the state that the pair is in', ['pair', 'state']);
  return {
    contentType: metrics.contentType,
    render: async (pairs) => {
      state.reset();
      for (const { gauge } of gauges) gauge.reset();
      for (const pair of pairs) {
        for (const { gauge, value } of gauges) gauge.set({ pair: pair.id }, value(pair));
        state.set({ pair: pair.id, state: pair.state }, 1);
      }
      return metrics.text();
    },
  };
}
