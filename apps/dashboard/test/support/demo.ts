/** A pair as a running worker would have it: rows in the base, jobs in the lane, presences in Redis. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Base, openBase } from '@lazysync/base';
import { type BaseRecord, type FileStat, relPath, type SyncEvent } from '@lazysync/event-model';
import { announce, createLaneWorker, createPublisher, openRedis } from '@lazysync/queue';
import { type Dashboard, type DashboardOptions, startDashboard } from '../../src/dashboard.ts';
import { startRedis, type TestRedis } from './redis.ts';

export interface Demo {
  readonly pair: string;
  readonly folder: string;
  readonly base: Base;
  readonly redis: TestRedis;
  /** Ends the dashboard, does something, and starts it again at the same address. */
  restartDashboard(meanwhile: () => Promise<void>): Promise<void>;
  readonly url: string;
  publish(events: readonly SyncEvent[]): Promise<void>;
  close(): Promise<void>;
}

const stat = (size: number, ino: bigint): FileStat => ({
  size,
  mtimeNs: 1_700_000_000_000_000_000n,
  ctimeNs: 1_700_000_000_000_000_000n,
  mode: 0o644,
  dev: 1n,
  ino,
  birthNs: ino,
});

export function directory(path: string): BaseRecord {
  return {
    kind: 'directory',
    path: relPath(path),
    local: { dev: 1n, ino: 999n, birthNs: 1n },
    localMode: 0o755,
    remoteMode: 0o755,
  };
}

export function stub(path: string, size: number): BaseRecord {
  return {
    kind: 'file',
    form: 'stub',
    path: relPath(path),
    remote: stat(size, 1n),
    link: { dev: 1n, ino: 3n, birthNs: 3n },
  };
}

export function copy(path: string, size: number): BaseRecord {
  const local = stat(size, 2n);
  return {
    kind: 'file',
    form: 'copy',
    path: relPath(path),
    remote: stat(size, 1n),
    local,
    hash: 'ab'.repeat(32),
    origin: 'remote',
    racy: false,
  };
}

export interface Roots {
  readonly local: string;
  readonly remote: string;
}

export async function startDemo(
  pair = 'projects',
  over: Partial<DashboardOptions> = {},
  roots: Roots = { local: '/home/me/projects', remote: '/mnt/nas/projects' },
  outcome: (path: string) => string = () => 'uploaded 12 B: local changed, the remote did not',
): Promise<Demo> {
  const releases: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (let release = releases.pop(); release !== undefined; release = releases.pop()) await release();
  };
  try {
    return await buildDemo(pair, over, roots, outcome, releases, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function buildDemo(
  pair: string,
  over: Partial<DashboardOptions>,
  roots: Roots,
  outcome: (path: string) => string,
  releases: (() => unknown)[],
  close: () => Promise<void>,
): Promise<Demo> {
  const errors: string[] = [];
  releases.push(() => {
    if (errors.length > 0) throw new Error(`the dashboard said: ${errors.join('\n')}`);
  });
  const folder = mkdtempSync(join(tmpdir(), 'lazysync-dash-'));
  releases.push(() => rmSync(folder, { recursive: true, force: true }));
  const redis = await startRedis(folder);
  releases.push(() => redis.stop());
  mkdirSync(join(folder, 'state', pair), { recursive: true });
  const base = openBase(join(folder, 'state', pair, 'base.db'));
  releases.push(() => base.close());
  const rows = [
    directory('src'),
    stub('src/big.iso', 1_000_000_000),
    stub('src/a.ts', 1200),
    copy('README.md', 250_000_000),
  ];
  base.record(
    rows.map((record) => ({ kind: 'put', record })),
    [],
  );
  base.setMeta('state', 'idle');
  base.setMeta('last-change', '2025-01-02T03:04:05.000Z');
  const link = openRedis(redis.address);
  releases.push(() => link.close());
  const worker = createLaneWorker({
    pair,
    redis: link,
    handlers: {
      handle: async ({ events }) => ({
        kind: 'done',
        outcomes: events.map(({ path }) => ({ path, outcome: outcome(path) })),
      }),
      refused: () => undefined,
      error: (error) => errors.push(error.message),
    },
  });
  releases.push(() => worker.close(1000));
  const publisher = createPublisher({ pair, redis: link, producer: 'watcher', epoch: 'test' });
  releases.push(() => publisher.close());
  for (const [role, pid] of [
    ['watcher', 4711],
    ['worker', 4712],
  ] as const) {
    const presence = announce(link, pair, role, { pid, host: 'box' });
    releases.push(() => presence.close());
  }
  const options: DashboardOptions = {
    pairs: [{ id: pair, ...roots, state: join(folder, 'state', pair) }],
    redis: redis.address,
    host: '127.0.0.1',
    port: 0,
    access: { kind: 'loopback' },
    log: { error: (fields, message) => errors.push(`${message} ${JSON.stringify(fields)}`), warn: () => undefined },
    ...over,
  };
  let dashboard: Dashboard = await startDashboard(options);
  releases.push(() => dashboard.close());
  const { port } = dashboard;
  return {
    pair,
    folder,
    base,
    redis,
    url: `http://127.0.0.1:${port}`,
    publish: (events) => publisher.publish(events),
    restartDashboard: async (meanwhile) => {
      await dashboard.close();
      await meanwhile();
      dashboard = await startDashboard({ ...options, port });
    },
    close,
  };
}
