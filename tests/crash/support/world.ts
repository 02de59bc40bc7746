/**
 * A pair of real folders, a real base file and a lane that is a file, so that a process can die at any moment and
 * another one (or the same one, playing it) goes on with what is left.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { conflictPath } from '@lazysync/action-table';
import { openBase } from '@lazysync/base';
import { anchorOf, type Changeset, type SyncEvent } from '@lazysync/event-model';
import { systemClock } from '@lazysync/ops';
import { createDiskFs, createReplica, type Replica, type TellProgress } from '@lazysync/replica';
import { createHolds, createHydration, type PairPorts, workPair } from '@lazysync/sync-worker/pair';
import { createPoints, type Death, type Points } from './points.ts';
import { type Abilities, wrapBase, wrapFs } from './wrap.ts';

const ROOT_IS_OURS: Pick<Replica, 'prepare' | 'check'> = {
  prepare: () => Promise.reject(new Error('not used here')),
  check: async () => ({ kind: 'ok' }),
};
/** Thousands of runs that flush each file: a disk of memory knows all the calls, too. */
const MEMORY = fs.existsSync('/dev/shm') ? '/dev/shm' : null;
/** A boot has this long to come to rest, ms. */
const REST_MS = 20_000;

export interface World {
  readonly top: string;
  readonly local: string;
  readonly remote: string;
  readonly abilities: Abilities;
}

/** How a boot of the worker ended. */
export type Ended =
  | {
      readonly kind: 'rest';
      readonly points: number;
      readonly unmade: number;
      readonly aside: number;
      readonly acts: readonly string[];
    }
  | { readonly kind: 'died'; readonly acts: readonly string[] };

export function makeWorld(abilities: Abilities): World {
  const top = fs.realpathSync(fs.mkdtempSync(path.join(MEMORY ?? os.tmpdir(), 'lazysync-crash-')));
  const world = worldAt(top, abilities);
  for (const root of [world.local, world.remote]) {
    for (const folder of ['stage', 'trash']) fs.mkdirSync(path.join(root, '.lazysync', folder), { recursive: true });
  }
  fs.symlinkSync(world.remote, anchorOf(world.local));
  return world;
}

export function worldAt(top: string, abilities: Abilities): World {
  return { top, local: path.join(top, 'local'), remote: path.join(top, 'remote'), abilities };
}

export function dropWorld(world: World): void {
  fs.rmSync(world.top, { recursive: true, force: true });
}

// ---------------------------------------------------------------------------------------------------------- the lane

function laneFile(world: World): string {
  return path.join(world.top, 'lane.json');
}

export function readLane(world: World): SyncEvent[][] {
  try {
    return JSON.parse(fs.readFileSync(laneFile(world), 'utf8')) as SyncEvent[][];
  } catch {
    return [];
  }
}

function writeLane(world: World, jobs: readonly (readonly SyncEvent[])[]): void {
  fs.writeFileSync(`${laneFile(world)}.new`, JSON.stringify(jobs));
  fs.renameSync(`${laneFile(world)}.new`, laneFile(world));
}

export function push(world: World, ...jobs: readonly (readonly SyncEvent[])[]): void {
  writeLane(world, [...readLane(world), ...jobs]);
}

// -------------------------------------------------------------------------------------------------------- one process

/** Every process of this world gets another number: names of slots are never given twice. */
function nextBoot(world: World): number {
  const file = path.join(world.top, 'boots');
  const boot = fs.existsSync(file) ? fs.statSync(file).size + 1 : 1;
  fs.appendFileSync(file, '.');
  return boot;
}

export interface BootHooks {
  /** Everything is open, and nothing has begun. */
  readonly opened?: () => void;
  /** All is done, and nothing is closed yet. */
  readonly worked?: () => void;
  /** Paths at work together. */
  readonly width?: number;
}

/** Replays the journal, works the lane to its end, waits for the transfers; or dies at point `at`. */
export async function boot(
  world: World,
  at: number | null = null,
  death: Death = 'freeze',
  { opened = () => undefined, worked = () => undefined, width = 16 }: BootHooks = {},
): Promise<Ended> {
  const points = createPoints(at, death);
  const number = nextBoot(world);
  const realBase = openBase(path.join(world.top, 'base.db'));
  const localDisk = createDiskFs({ root: world.local, mode: 'local' });
  const remoteDisk = createDiskFs({ root: world.remote, mode: 'mount' });
  const localFs = wrapFs(localDisk, 'local', points);
  const remoteFs = wrapFs(remoteDisk, 'remote', points, world.abilities);
  const anchor = anchorOf(world.local);
  const shared = {
    anchors: () => [anchor],
    clock: systemClock,
    root: ROOT_IS_OURS,
    parallel: 1,
    close: () => Promise.resolve(),
  };
  const base = wrapBase(realBase, points);
  let slots = 0;
  const progress = new Set<TellProgress>();
  const ports: PairPorts = {
    pair: 'crash',
    base,
    local: createReplica({ ...shared, side: 'local', fs: localFs.fs, peer: remoteFs.fs, exact: true }),
    remote: createReplica({
      ...shared,
      side: 'remote',
      fs: remoteFs.fs,
      peer: localFs.fs,
      exact: false,
      // A big file is a few parts, each of them written down.
      steps: { range: 128 << 10, part: 1 << 20, settled: 3_000 },
      progress: (slot, bytes, part) => {
        if (part !== undefined) for (const listen of progress) listen(slot, bytes, part);
      },
    }),
    policy: {
      localRoot: world.local,
      remoteRoot: world.remote,
      anchor,
      compareLimit: 1 << 20,
      replace: world.abilities === 'capture' ? 'capture' : 'rename',
      conflictPath: (of) => conflictPath(of, '2026-01-02T03:04:05.000Z', 'host', 1),
    },
    now: () => Date.now(),
    slot: () => `b${number}-${++slots}`,
    clients: () => new Set(),
    ignored: () => false,
    rules: () => '',
    reloadIgnored: async () => false,
    publish: async (events) => points.around('lane publish', async () => push(world, events)),
    uuids: { local: 'l', remote: 'r' },
    log: () => undefined,
    holds: createHolds(base, () => Date.now()),
    hydration: createHydration({ on: 'open', maxSize: Infinity }, () => base.pins()),
    width,
    inlineLimit: 1 << 20,
    limit: { down: Infinity, up: Infinity },
    minFree: 0,
    freeBytes: async () => Infinity,
    downloads: 1,
    wholeFolders: { fewest: 3, suits: () => true },
    onProgress: (listen) => void progress.add(listen),
    timers: {
      now: () => performance.now(),
      after(ms, call) {
        const timer = setTimeout(() => {
          if (!points.dead) call();
        }, ms);
        return { cancel: () => clearTimeout(timer) };
      },
      soon: (call) => void setImmediate(() => (points.dead ? undefined : call())),
    },
  };
  opened();
  const working = work(world, ports, points).then(
    (): Ended => ({
      kind: 'rest',
      points: points.count,
      unmade: points.unmade,
      aside: points.aside,
      acts: points.acts,
    }),
    async (error: unknown): Promise<Ended> => {
      if (!points.dead) throw error;
      await points.died;
      return { kind: 'died', acts: points.acts };
    },
  );
  try {
    return await Promise.race([
      working,
      points.died.then((): Ended => ({ kind: 'died', acts: points.acts })),
      late(points),
    ]);
  } finally {
    worked();
    await Promise.all([localFs.closeLeft(), remoteFs.closeLeft()]);
    realBase.close();
    localDisk.close();
    remoteDisk.close();
  }
}

async function late(points: Points): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, REST_MS).unref());
  throw new Error(`no rest within ${REST_MS} ms; last act: ${points.acts.at(-1) ?? 'none'}`);
}

async function work(world: World, ports: PairPorts, points: Points): Promise<void> {
  const hooks = { boot: 'crash', offline: async () => undefined, online: async () => undefined };
  const pair = await workPair(ports, hooks);
  const { signal } = new AbortController();
  for (;;) {
    const [events] = readLane(world);
    if (events === undefined) {
      if (ports.base.transfers().length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 1));
      continue;
    }
    const changeset: Changeset = { v: 1, pair: 'crash', at: Date.now(), events };
    const verdict = await pair.handlers.handle(changeset, { id: '1', signal });
    if (verdict.kind !== 'done') throw new Error(`the job waits: ${verdict.why}`);
    points.aroundNow('lane acknowledge', () => writeLane(world, readLane(world).slice(1)));
  }
  await pair.close();
}
