import type { PairReport, TransferStatus } from '@lazysync/status';
import { expect, test } from 'vitest';
import { describe } from '../src/commands/status.ts';

const report: PairReport = {
  status: {
    id: 'p',
    local: '/l',
    remote: '/r',
    state: 'syncing',
    queued: 0,
    transfers: 0,
    entries: 1,
    directories: 0,
    stubs: 1,
    copies: 0,
    cachedBytes: 0,
    remoteBytes: 9,
    conflicts: 0,
    problems: 0,
    held: 0,
    openReplaces: 0,
    lastChange: null,
    redis: 'up',
    watchers: [],
    serverWatchers: [],
    remoteScan: null,
    warnings: [],
    worker: [],
  },
  why: null,
  progress: null,
  lagMs: null,
  transfers: [],
  problems: [],
  held: [],
  conflicts: [],
};

const rowsOf = (list: readonly TransferStatus[], all = list.length): string[] => {
  const { status } = report;
  const lines = describe({ ...report, status: { ...status, transfers: all } }, list, 0).split('\n');
  return lines.slice(lines.findIndex((line) => line.startsWith('queue')) + 1);
};

test('transfers are shown with their progress', () => {
  expect(rowsOf([])).toEqual([]);
  const rows = rowsOf([
    { path: 'big.bin', direction: 'down', state: 'running', bytes: 640_000, size: 64_000_000 },
    { path: 'a\nb', direction: 'up', state: 'running', bytes: 63_999_999, size: 64_000_000 },
    { path: 'c', direction: 'down', state: 'staged', bytes: 0, size: 0 },
    { path: 'd', direction: 'up', state: 'queued', bytes: 0, size: 9_000_000 },
    { path: 'e', direction: 'down', state: 'queued', bytes: 3_000_000, size: 9_000_000 },
  ]);
  expect(rows).toEqual([
    'down   640 KB of 64 MB, 1 %  big.bin',
    'up     64 MB of 64 MB, 99 %  a\\nb',
    'down   0 B, waits for the queue  c',
    'up     9 MB, waits  d',
    'down   3 MB of 9 MB, 33 %, waits  e',
  ]);
});

test('many transfers are a few lines and a number', () => {
  const one: TransferStatus = { path: 'f', direction: 'down', state: 'queued', bytes: 0, size: 1 };
  const rows = rowsOf(
    Array.from({ length: 100 }, () => one),
    4_321,
  );
  expect(rows).toHaveLength(6);
  expect(rows.at(-1)).toBe('       and 4,316 more');
});
