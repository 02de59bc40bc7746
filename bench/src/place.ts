/** Where a workload happens: two plain folders, or a slow mount and the folder behind it. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { BenchOptions, Where } from './options.ts';

const LAB = process.env.LAZYSYNC_LAB ?? path.resolve(import.meta.dirname, '../../../shared/lab');
const PROGRAM = path.join(LAB, 'slow-remote');

/** null: slow mounts can be made here; else why not. */
export function whyNoMount(): string | null {
  if (!fs.existsSync(PROGRAM)) return 'there is no slow-remote (LAZYSYNC_LAB names its folder)';
  try {
    fs.closeSync(fs.openSync('/dev/fuse', 'r+'));
  } catch {
    return '/dev/fuse can not be used by this user';
  }
  return null;
}

export interface Wire {
  readonly up: number;
  readonly down: number;
}

export interface Place {
  readonly where: Where;
  readonly top: string;
  readonly local: string;
  /** What the pair is given. */
  readonly remote: string;
  /** The folder behind it: a change in here is one by another host. */
  readonly backing: string;
  readonly state: string;
  /** Unmounts and mounts again, so that nothing is cached. */
  renew(...mountOptions: readonly string[]): void;
  /** Bytes so far that were sent and got over the link. */
  wire(): Wire;
  /** New, empty folders for local and for the state. */
  reset(): void;
  /**
   * Out of the way, but not deleted: for minutes after a delete ext4 skips the inodes that became free, one by one, and
   * whatever makes files meanwhile takes many times as long.
   */
  discard(folder: string): void;
  unmount(): void;
  /** Deletes everything, what was discarded, too. */
  remove(): void;
}

const RETRIES = 5;

function run(command: string, dir: string, ...options: readonly string[]): string {
  const ran = spawnSync(PROGRAM, [command, dir, ...options], { encoding: 'utf8', timeout: 60_000 });
  if (ran.status !== 0) throw new Error(`slow-remote ${command}: ${ran.stdout}${ran.stderr}`);
  return ran.stdout;
}

export function makePlace(where: Where, { rtt, mbit }: Pick<BenchOptions, 'rtt' | 'mbit'>): Place {
  const top = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-bench-')));
  const [local, state, remote] = ['local', 'state', 'remote'].map((one) => path.join(top, one)) as [
    string,
    string,
    string,
  ];
  const backing = where === 'plain' ? remote : path.join(top, 'backing');
  const link = ['--rtt', String(rtt), '--mbit', String(mbit)];
  let mounted = false;
  let discarded = 0;
  const place: Place = {
    where,
    top,
    local,
    remote,
    backing,
    state,
    renew(...mountOptions) {
      if (where === 'plain') return;
      if (mounted) run('down', top);
      mounted = true;
      run('up', top, ...link, ...(mountOptions.length === 0 ? [] : ['--opts', mountOptions.join(',')]));
    },
    wire() {
      if (!mounted) return { up: 0, down: 0 };
      const { up_bytes: up, down_bytes: down } = JSON.parse(run('stats', top)) as Record<string, number>;
      return { up: up ?? 0, down: down ?? 0 };
    },
    reset() {
      for (const folder of [local, state, path.join(backing, '.lazysync')]) place.discard(folder);
      for (const folder of [local, state]) fs.mkdirSync(folder);
    },
    discard(folder) {
      if (!fs.existsSync(folder)) return;
      const old = path.join(top, 'discarded');
      fs.mkdirSync(old, { recursive: true });
      fs.renameSync(folder, path.join(old, String(discarded++)));
    },
    unmount() {
      if (mounted) run('down', top);
      mounted = false;
    },
    remove() {
      place.unmount();
      fs.rmSync(top, { recursive: true, force: true, maxRetries: RETRIES });
    },
  };
  fs.mkdirSync(backing);
  place.reset();
  place.renew();
  return place;
}
