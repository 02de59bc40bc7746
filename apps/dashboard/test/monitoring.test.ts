/** The example rules and the example dashboard ask only for what there is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PairReport } from '@lazysync/status';
import { expect, test } from 'vitest';
import { createPairMetrics } from '../src/metrics.ts';

const FOLDER = join(import.meta.dirname, '../../../docker/monitoring');

const report: PairReport = {
  status: {
    id: 'p',
    local: '/l',
    remote: '/r',
    state: 'held',
    queued: 3,
    transfers: 0,
    entries: 0,
    directories: 0,
    stubs: 3,
    copies: 4,
    cachedBytes: 250,
    remoteBytes: 1000,
    conflicts: 0,
    problems: 1,
    held: 1,
    openReplaces: 0,
    lastChange: null,
    redis: 'up',
    watchers: [{ pid: 12, host: 'box' }],
    serverWatchers: [],
    remoteScan: null,
    warnings: [],
    worker: [],
  },
  why: null,
  progress: null,
  lagMs: 1500,
  transfers: [],
  problems: [{ code: 'failed', path: 'f' as never, side: null, message: 'm', since: 0 }],
  held: [],
  conflicts: [],
};

test('the metrics that are named exist, with the labels that are used', async () => {
  const text = await createPairMetrics().render(
    [
      {
        report,
        totals: { acts: new Map([['upload in remote', 2]]), bytesUp: 5, bytesDown: 6 },
        events: [{ kind: 'modify', result: 'done', count: 7 }],
        lastFullScan: 9000,
      },
    ],
    [{ pair: 'p', role: 'watcher', host: 'box', pid: 12 }],
  );
  expect(text).toContain('lazysync_lease_holder{pair="p",role="watcher",host="box",pid="12"} 1');
  const known = new Map<string, Set<string>>();
  for (const [, name = '', labels = ''] of text.matchAll(/^(lazysync_\w+)\{([^}]*)\}/gm))
    known.set(name, new Set([...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label)));
  expect(text).toContain('lazysync_lag_seconds{pair="p"} 1.5');
  const rules = readFileSync(join(FOLDER, 'alerts.yml'), 'utf8');
  const board = readFileSync(join(FOLDER, 'grafana-dashboard.json'), 'utf8');
  const { panels } = JSON.parse(board) as { panels: unknown[] };
  expect(panels.length).toBeGreaterThan(10);
  for (const asked of [rules, board.replaceAll('\\"', '"')]) {
    const uses = [...asked.matchAll(/\b(lazysync_[a-z_]+)(?:\{([^}]*)\})?/g)];
    expect(uses.length).toBeGreaterThan(8);
    for (const [, name = '', labels = ''] of uses) {
      expect([name, known.has(name)]).toEqual([name, true]);
      for (const [, label = ''] of labels.matchAll(/(\w+)=~?"/g))
        expect([name, label, known.get(name)?.has(label)]).toEqual([name, label, true]);
    }
  }
});
