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
  readonly dashboard: Dashboard;
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

export async function startDemo(pair = 'projects', over: Partial<DashboardOptions> = {}): Promise<Demo> {
  const folder = mkdtempSync(join(tmpdir(), 'lazysync-dash-'));
  const redis = await startRedis(folder);
  mkdirSync(join(folder, 'state', pair), { recursive: true });
  const base = openBase(join(folder, 'state', pair, 'base.db'));
  base.record(
    [directory('src'), stub('src/big.iso', 1_000_000_000), stub('src/a.ts', 1200), copy('README.md', 250_000_000)].map(
      (record) => ({ kind: 'put', record }),
    ),
    [],
  );
  base.setMeta('state', 'idle');
  base.setMeta('last-change', '2025-01-02T03:04:05.000Z');
  const link = openRedis(redis.address);
  const worker = createLaneWorker({
    pair,
    redis: link,
    handlers: {
      handle: async ({ events }) => ({
        kind: 'done',
        outcomes: events.map(({ path }) => ({ path, outcome: 'uploaded 12 B: local changed, the remote did not' })),
      }),
      refused: () => undefined,
      error: (error) => process.stderr.write(`${error.message}\n`),
    },
  });
  const publisher = createPublisher({ pair, redis: link, producer: 'watcher', epoch: 'test' });
  const presences = [
    announce(link, pair, 'watcher', { pid: 4711, host: 'box' }),
    announce(link, pair, 'worker', { pid: 4712, host: 'box' }),
  ];
  const errors: string[] = [];
  const dashboard = await startDashboard({
    pairs: [{ id: pair, local: '/home/me/projects', remote: '/mnt/nas/projects' }],
    stateFolder: join(folder, 'state'),
    redis: redis.address,
    host: '127.0.0.1',
    port: 0,
    access: { kind: 'loopback' },
    log: { error: (fields, message) => errors.push(`${message} ${JSON.stringify(fields)}`), warn: () => undefined },
    ...over,
  });
  return {
    pair,
    folder,
    base,
    redis,
    dashboard,
    url: `http://127.0.0.1:${dashboard.port}`,
    publish: (events) => publisher.publish(events),
    close: async () => {
      await dashboard.close();
      await Promise.all(presences.map((one) => one.close()));
      await publisher.close();
      await worker.close(1000);
      await link.close();
      base.close();
      await redis.stop();
      rmSync(folder, { recursive: true, force: true });
      if (errors.length > 0) throw new Error(`the dashboard said: ${errors.join('\n')}`);
    },
  };
}
