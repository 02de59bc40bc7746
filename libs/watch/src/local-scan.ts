/**
 * Looks at all of local against the base: finds what the kernel's events left out (writes to mapped files, bursts that
 * were dropped, changes while nothing watched). Opens no file, reads no stub; gives the event loop back every few ms.
 */
import { readdirSync } from 'node:fs';
import { diffListing } from '@lazysync/action-table';
import {
  type BaseRecord,
  type ChangeEvent,
  type Entry,
  joinPath,
  nameOf,
  OWN_FOLDER,
  type RelPath,
  ROOT,
} from '@lazysync/event-model';
import { errnoOf } from '@lazysync/ops';
import { type Hint, isLeftOut, type Rewatched } from './hint.ts';
import { entryAt, statOf } from './local-entry.ts';
import { createReported } from './reported.ts';
import { createScanLoop, type Scanner, type ScanResult } from './scan.ts';
import type { Timers } from './settle.ts';

export interface LocalScanPorts {
  children(directory: RelPath): readonly BaseRecord[];
  /** Its folders, where nothing in it differs from the base; null: it has to be looked into. */
  unchanged(directory: RelPath): Promise<readonly RelPath[] | null>;
  rewatch(directories: readonly RelPath[]): Promise<Rewatched>;
  /** Into the settle window, as everything of local: the file may be in the middle of being written. */
  hint(hint: Hint): void;
  /** So much differs that only a look of the worker at everything is worth its memory: no more hints of this scan. */
  tooMany(): void;
  ignored(path: RelPath, directory: boolean): boolean;
}

export interface LocalScanOptions {
  /** LOCAL, absolute. */
  readonly root: string;
  readonly ports: LocalScanPorts;
  readonly timers: Timers;
  readonly done?: (result: ScanResult) => void;
  /** ms between scans, after one that took so long. Default 5 min. */
  readonly intervalMs?: (tookMs: number) => number;
  /** Differences of one scan that are told one by one. Default 20,000. */
  readonly many?: number;
}

/** Names that are looked at in one go: about 2 ms. */
const CHUNK = 500;

export function createLocalScan(options: LocalScanOptions): Scanner {
  const { root, ports, timers, many = 20_000 } = options;
  const reported = createReported(timers, { staleMs: 0 });
  const absolute = (path: RelPath): string => (path === '' ? root : `${root}/${path}`);
  let looked = 0;
  let someoneWaits = false;

  const breathe = async (): Promise<void> => {
    if (++looked % CHUNK === 0) await new Promise(setImmediate);
  };

  /** Names in a directory, or null when nothing may be concluded from it. */
  const namesIn = (directory: RelPath): string[] | string | null => {
    try {
      return readdirSync(absolute(directory));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === null) throw error;
      return errno === 'ENOENT' || errno === 'ENOTDIR' ? null : errno;
    }
  };

  const scanDirectory = async (
    directory: RelPath,
    names: readonly string[],
    rootDev: bigint,
    next: RelPath[],
  ): Promise<ChangeEvent[]> => {
    const rows = ports.children(directory);
    const known = new Map(rows.map((row) => [nameOf(row.path), row]));
    const entries = new Map<string, Entry>();
    for (const name of names) {
      await breathe();
      // A name that is not UTF-8 leads nowhere; the worker's own listing names it.
      if (isLeftOut(directory, name) || name.includes('\ufffd')) continue;
      const path = joinPath(directory, name);
      const entry = entryAt(absolute(path), known.get(name), rootDev);
      if (entry.kind === 'absent' || ports.ignored(path, entry.kind === 'directory')) continue;
      entries.set(name, entry);
      if (entry.kind === 'directory') next.push(path);
    }
    const listed = [...entries].map(([name, entry]) => ({ name, entry }));
    const events = diffListing({ path: directory, names: listed, partial: false }, rows, 'local');
    if (events.length === 0) {
      reported.forget(directory);
      return [];
    }
    return reported.news(directory, events, (path) => entries.get(nameOf(path)) ?? null, someoneWaits);
  };

  const scan = async (asked: boolean): Promise<ScanResult> => {
    someoneWaits = asked;
    const rootStat = statOf(root);
    if (rootStat === null || typeof rootStat === 'string') {
      return { published: 0, problem: rootStat ?? 'it is gone' };
    }
    const next: RelPath[] = [ROOT];
    let published = 0;
    for (let at = 0; at < next.length; at++) {
      const directory = next[at] as RelPath;
      // ORDER: watched before it is listed, so that what comes later is told.
      await ports.rewatch([directory]);
      const inside = directory === ROOT ? null : await ports.unchanged(directory);
      if (inside !== null) {
        reported.forget(directory);
        for (const path of inside) if (!ports.ignored(path, true)) next.push(path);
        continue;
      }
      const names = namesIn(directory);
      if (directory === ROOT) {
        if (typeof names === 'string') return { published: 0, problem: names };
        if (!names?.includes(OWN_FOLDER))
          return { published: 0, problem: 'it is gone, or another one lies in its place' };
      }
      if (names === null || typeof names === 'string') continue;
      const events = await scanDirectory(directory, names, rootStat.dev, next);
      published += events.length;
      if (published > many) reported.forget(directory);
      else for (const { kind, side, path } of events) ports.hint({ kind, side, path, seen: false });
    }
    if (published > many) ports.tooMany();
    return { published, problem: null };
  };

  const { intervalMs = () => 300_000, done } = options;
  return createScanLoop({ timers, intervalMs, scan, ...(done === undefined ? {} : { done }) });
}
