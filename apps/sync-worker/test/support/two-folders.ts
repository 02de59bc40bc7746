/** A pair of real folders and the real loop around them, without Redis: events are handed over by hand. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { conflictPath } from '@lazysync/action-table';
import { openBase } from '@lazysync/base';
import { anchorOf, type ChangeKind, type RelPath, relPath, type Side, type SyncEvent } from '@lazysync/event-model';
import { systemClock } from '@lazysync/ops';
import {
  createDiskFs,
  createReplica,
  type FsPort,
  type Replica,
  type TellProgress,
  withExactNames,
} from '@lazysync/replica';
import { createHolds } from '../../src/holds.ts';
import { createHydration } from '../../src/hydration.ts';
import { createIgnoreRules } from '../../src/ignore-rules.ts';
import type { PairPorts } from '../../src/ports.ts';
import { createRescan } from '../../src/rescan.ts';
import { createSettler } from '../../src/settle-path.ts';
import { createSweeper } from '../../src/sweeper.ts';
import { createTransfers } from '../../src/transfers.ts';
import { createUploads } from '../../src/uploads.ts';
import { createChangesetWorker } from '../../src/work-changeset.ts';

const ROOT_IS_OURS: Pick<Replica, 'prepare' | 'check'> = {
  prepare: () => Promise.reject(new Error('not used here')),
  check: async () => ({ kind: 'ok' }),
};

export interface TwoFolders {
  readonly local: string;
  readonly remote: string;
  readonly ports: PairPorts;
  /** What is free where local lies. */
  readonly free: { bytes: number };
  /** Hands one changeset over, then the `staged` ones that come of it, until nothing is left. */
  work(...events: SyncEvent[]): Promise<string[]>;
  workUntil(signal: AbortSignal, ...events: SyncEvent[]): Promise<string[]>;
  /** One changeset that was published at that time, ms; what comes of it is left. */
  workAt(at: number, ...events: SyncEvent[]): Promise<void>;
  change(side: Side, kind: ChangeKind, ...paths: string[]): Promise<string[]>;
  open(...paths: string[]): Promise<string[]>;
  rescan(): Promise<void>;
  /** Relative paths with what they are, of one side; the own folder left out. */
  tree(side: Side): Record<string, string>;
  trash(side: Side): string[];
  close(): Promise<void>;
}

function describe(root: string, rel: string): string {
  const full = path.join(root, rel);
  const stat = fs.lstatSync(full);
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) {
    const target = fs.readlinkSync(full);
    return target.includes('/.lazysync/remote/') ? `stub ${target.split('/.lazysync/remote/')[1]}` : `link ${target}`;
  }
  return `file ${fs.readFileSync(full, 'utf8')}`;
}

export function treeOf(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const rel of fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
    if (rel === '.lazysync' || rel.startsWith('.lazysync/')) continue;
    found[rel] = describe(root, rel);
  }
  return found;
}

export interface TwoFoldersOptions {
  /** A folder made by somebody else: a mount. */
  readonly remote?: string;
  readonly replace?: 'rename' | 'capture';
  readonly prefetch?: NonNullable<PairPorts['prefetch']>;
  /** Somebody beside the remote's disk. */
  readonly packs?: NonNullable<PairPorts['packs']>;
  readonly wholeFolders?: NonNullable<PairPorts['wholeFolders']>;
  /** Bytes per second of downloads. */
  readonly down?: number;
  /** The remote takes names for the same that differ only in case. */
  readonly foldsCase?: boolean;
}

/** A tree in which every name is found under any case. */
function folding(disk: FsPort, root: string): FsPort {
  const spelled = (rel: string): string => {
    let at = '';
    for (const name of rel.split('/')) {
      const full = path.join(root, at);
      const names = fs.existsSync(full) && fs.statSync(full).isDirectory() ? fs.readdirSync(full) : [];
      const found = names.includes(name) ? name : names.find((one) => one.toLowerCase() === name.toLowerCase());
      at = path.join(at, found ?? name);
    }
    return at;
  };
  return new Proxy(disk, {
    get: (target, key: keyof FsPort) => {
      const call = target[key] as unknown;
      if (typeof call !== 'function') return call;
      const names = key === 'link' || key.startsWith('rename') || key === 'exchange' ? 2 : key === 'symlink' ? 0 : 1;
      return (...args: unknown[]) => {
        const all = args.map((one, i) => {
          const isName = i < names || (key === 'symlink' && i === 1);
          return isName && typeof one === 'string' && one !== '' ? spelled(one) : one;
        });
        return (call as (...of: unknown[]) => unknown).apply(target, all);
      };
    },
  });
}

export async function twoFolders(options: TwoFoldersOptions = {}): Promise<TwoFolders> {
  const top = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-pair-')));
  const local = path.join(top, 'local');
  const remote = options.remote ?? path.join(top, 'remote');
  for (const root of [local, remote]) {
    for (const folder of ['stage', 'trash']) fs.mkdirSync(path.join(root, '.lazysync', folder), { recursive: true });
  }
  const anchor = anchorOf(local);
  fs.symlinkSync(remote, anchor);
  const localFs = createDiskFs({ root: local, mode: 'local' });
  const remoteDisk = createDiskFs({ root: remote, mode: 'mount' });
  const remoteFs = options.foldsCase === true ? folding(remoteDisk, remote) : remoteDisk;
  const shared = { anchors: () => [anchor], clock: systemClock, root: ROOT_IS_OURS };
  const here = createReplica({
    ...shared,
    side: 'local',
    fs: localFs,
    peer: remoteFs,
    parallel: 1,
    exact: true,
    close: async () => localFs.close(),
  });
  const progress = new Set<TellProgress>();
  const there = createReplica({
    ...shared,
    side: 'remote',
    fs: remoteFs,
    peer: localFs,
    parallel: 16,
    exact: false,
    close: async () => remoteDisk.close(),
    steps: { range: 64 << 10, part: 128 << 10, settled: 3_000 },
    progress: (slot, bytes, part) => {
      for (const listen of progress) listen(slot, bytes, part);
    },
  });
  const started = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase();
  let count = 0;
  const published: SyncEvent[] = [];
  const base = openBase(':memory:');
  const rules = createIgnoreRules(['*.tmp'], here, there, local);
  const free = { bytes: Infinity };
  const ports: PairPorts = {
    pair: 'test',
    base,
    local: here,
    remote: options.foldsCase === true ? withExactNames(there) : there,
    policy: {
      localRoot: local,
      remoteRoot: remote,
      anchor,
      compareLimit: 1 << 20,
      replace: options.replace ?? 'rename',
      conflictPath: (at) => {
        for (let n = 1; ; n++) {
          const free = conflictPath(at, '2026-01-02T03:04:05.000Z', 'host', n);
          if (fs.lstatSync(path.join(local, free), { throwIfNoEntry: false }) === undefined) return free;
        }
      },
    },
    now: () => Date.now(),
    slot: () => `${started}-abc123-${count++}`,
    clients: () => new Set(['abc123']),
    ignored: rules.ignored,
    rules: () => JSON.stringify(rules.patterns()),
    reloadIgnored: () => rules.reload(),
    publish: async (events) => {
      published.push(...events);
    },
    uuids: { local: 'l', remote: 'r' },
    log: () => undefined,
    hydration: createHydration({ on: 'open', maxSize: Infinity }, () => base.pins()),
    holds: createHolds(base, () => Date.now()),
    width: 16,
    inlineLimit: 1 << 20,
    limit: { down: options.down ?? Infinity, up: Infinity },
    ...(options.prefetch === undefined ? {} : { prefetch: options.prefetch }),
    ...(options.packs === undefined ? {} : { packs: options.packs }),
    ...(options.wholeFolders === undefined ? {} : { wholeFolders: options.wholeFolders }),
    onProgress: (listen) => void progress.add(listen),
    minFree: 1_000,
    freeBytes: async () => free.bytes,
    downloads: 4,
  };
  const sweeper = createSweeper(ports);
  const transfers = createTransfers(ports, (slot) => sweeper.add(slot));
  const uploads = createUploads(ports);
  const settler = createSettler(ports, {
    download: (at, { remote: print }) => transfers.want(at, print),
    rescan: (at) => rescan(at),
    changed: () => undefined,
    upload: uploads,
    left: (slot) => sweeper.add(slot),
  });
  const rescan = createRescan(ports, settler, () => undefined);
  const worker = createChangesetWorker(ports, settler, { transfers, uploads }, rescan);
  const signal = new AbortController().signal;

  const work = (...events: SyncEvent[]): Promise<string[]> => workUntil(signal, ...events);

  async function workUntil(signal: AbortSignal, ...events: SyncEvent[]): Promise<string[]> {
    const said: string[] = [];
    for (let next: readonly SyncEvent[] = events; next.length > 0; ) {
      const outcomes = await worker.work({ v: 1, pair: 'test', at: Date.now(), events: next }, signal);
      said.push(...outcomes.map((one) => one.outcome));
      const until = Date.now() + 10_000;
      while (published.length === 0 && transfers.active + uploads.active + sweeper.left > 0 && Date.now() < until)
        await new Promise((resolve) => setTimeout(resolve, 5));
      next = published.splice(0);
    }
    return said;
  }

  return {
    local,
    remote,
    ports,
    free,
    work,
    workUntil,
    workAt: async (at, ...events) => {
      await worker.work({ v: 1, pair: 'test', at, events }, signal);
    },
    change: (side, kind, ...paths) => work(...paths.map((at) => ({ kind, side, path: relPath(at) }) as const)),
    open: (...paths) => work(...paths.map((at) => ({ kind: 'access', side: 'local', path: relPath(at) }) as const)),
    rescan: async () => {
      await work({ kind: 'rescan', side: 'local', path: '' as RelPath, why: 'test' });
    },
    tree: (side) => treeOf(side === 'local' ? local : remote),
    trash: (side) => {
      const root = path.join(side === 'local' ? local : remote, '.lazysync/trash');
      return fs
        .readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((rel) => !fs.lstatSync(path.join(root, rel)).isDirectory());
    },
    close: async () => {
      await transfers.close();
      await sweeper.close();
      await uploads.close();
      ports.base.close();
      await here.close();
      await there.close();
      fs.rmSync(top, { recursive: true, force: true });
    },
  };
}
