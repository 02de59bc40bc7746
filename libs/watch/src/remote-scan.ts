/**
 * Finds what no kernel event tells: changes that other hosts make on the remote. Walks its directories, many in flight,
 * and compares each with the base.
 */
import { diffListing, type ListedDirectory } from '@lazysync/action-table';
import {
  type BaseRecord,
  type ChangeEvent,
  type Entry,
  joinPath,
  nameOf,
  parentOf,
  type RelPath,
  ROOT,
} from '@lazysync/event-model';
import { isLeftOut, type Rewatched } from './hint.ts';
import { createReported } from './reported.ts';
import { createScanLoop, type Scanner, type ScanResult } from './scan.ts';
import type { Timers } from './settle.ts';

/** What a replica answers for one directory. */
export type ScanListing =
  | { readonly kind: 'same'; readonly path: RelPath }
  | ({ readonly kind: 'listing'; readonly digest: string } & ListedDirectory)
  | { readonly kind: 'gone'; readonly path: RelPath }
  | { readonly kind: 'unreadable'; readonly path: RelPath; readonly reason: string };

export interface RemoteScanPorts {
  /** null: the root carries this pair's marker. Else why nothing may be concluded. */
  check(): Promise<string | null>;
  list(queries: readonly { readonly path: RelPath; readonly known?: string }[]): Promise<readonly ScanListing[]>;
  /** The base's rows directly below. */
  children(directory: RelPath): readonly BaseRecord[];
  /** The base's directories. */
  directories(): readonly RelPath[];
  /** Adds the remote's inotify watches again. */
  rewatch(directories: readonly RelPath[]): Promise<Rewatched>;
  /** Nothing was told of these until now, or not any more: opens may have been missed. */
  unwatchedUntilNow(directories: readonly RelPath[]): void;
  publish(events: readonly ChangeEvent[]): void;
  ignored(path: RelPath, directory: boolean): boolean;
  /** Somebody else looks at everything right now: only watches are put up. */
  quiet(): boolean;
}

export interface RemoteScanOptions {
  readonly ports: RemoteScanPorts;
  readonly timers: Timers;
  readonly done?: (result: ScanResult) => void;
  readonly intervalMs: () => number;
  /** A listing that was equal to the base is taken for equal while it does not change, for this long, ms. Default 5 min. */
  readonly trustMs?: number;
}

/** Directories in one call, and calls in flight. */
const BATCH = 32;
const CALLS = 2;

export function createRemoteScan(options: RemoteScanOptions): Scanner {
  const { ports, timers } = options;
  const trustMs = options.trustMs ?? 300_000;
  const reported = createReported(timers);
  /** Digest of the listing that was last found equal to the base. */
  const equal = new Map<RelPath, string>();
  let lastFull = -Infinity;
  let quiet = false;

  const judge = (listing: Extract<ScanListing, { kind: 'listing' }>): ChangeEvent[] => {
    const { path } = listing;
    const names = listing.names.filter(
      ({ name, entry }) => !isLeftOut(path, name) && !ports.ignored(joinPath(path, name), entry.kind === 'directory'),
    );
    const events = diffListing({ path, names, partial: listing.partial }, ports.children(path), 'remote');
    if (events.length > 0 || listing.partial) equal.delete(path);
    else equal.set(path, listing.digest);
    if (quiet) return [];
    if (events.length === 0) {
      reported.forget(path);
      return [];
    }
    const entries = new Map<string, Entry>(names.map(({ name, entry }) => [name, entry]));
    return reported.news(path, events, (one) => entries.get(nameOf(one)) ?? null);
  };

  const directoriesIn = (listing: Extract<ScanListing, { kind: 'listing' }>): RelPath[] =>
    listing.names
      .filter(({ name, entry }) => entry.kind === 'directory' && !isLeftOut(listing.path, name))
      .map(({ name }) => joinPath(listing.path, name))
      .filter((path) => !ports.ignored(path, true));

  const query = (path: RelPath): { readonly path: RelPath; readonly known?: string } => {
    const digest = equal.get(path);
    return digest === undefined ? { path } : { path, known: digest };
  };

  const walk = async (): Promise<ScanResult> => {
    const known = new Set<RelPath>([ROOT, ...ports.directories()]);
    const left: RelPath[] = [];
    const deletes: ChangeEvent[] = [];
    let published = 0;
    let problem: string | null = null;

    const take = async (listings: readonly ScanListing[]): Promise<void> => {
      const found: RelPath[] = [];
      for (const listing of listings) {
        if (listing.kind === 'same') continue;
        if (listing.kind !== 'listing') {
          equal.delete(listing.path);
          if (listing.path !== ROOT) continue;
          problem = listing.kind === 'gone' ? 'the remote folder is gone' : `the remote folder: ${listing.reason}`;
          return;
        }
        for (const path of directoriesIn(listing)) {
          if (known.has(path)) continue;
          known.add(path);
          found.push(path);
        }
        const events = judge(listing);
        const now = events.filter((event) => event.kind !== 'delete');
        deletes.push(...events.filter((event) => event.kind === 'delete'));
        published += now.length;
        if (now.length > 0) ports.publish(now);
      }
      // ORDER: watched before it is listed, so that what comes later is told.
      if (found.length > 0) ports.unwatchedUntilNow((await ports.rewatch(found)).fresh);
      left.push(...found);
    };

    const some = async (): Promise<void> => {
      while (problem === null) {
        const batch = left.splice(0, BATCH);
        if (batch.length === 0) return;
        await take(await ports.list(batch.map(query)));
      }
    };
    // The root alone first: if it is gone, nothing else is worth a call.
    const below = [...known].filter((path) => path !== ROOT);
    await take(await ports.list([query(ROOT)]));
    left.push(...below);
    while (left.length > 0 && problem === null) await Promise.all(Array.from({ length: CALLS }, some));
    if (problem !== null) return { published, problem };
    problem = await ports.check();
    if (problem !== null) {
      for (const { path } of deletes) reported.forget(parentOf(path));
      return { published, problem };
    }
    // ORDER: deletions last, and only when the root was still ours after everything was listed.
    if (deletes.length > 0) ports.publish(deletes);
    for (const path of equal.keys()) if (!known.has(path)) equal.delete(path);
    const { fresh } = await ports.rewatch([...known]);
    if (fresh.length > 0) ports.unwatchedUntilNow(fresh);
    // What happened in those after they were listed was not told either.
    return { published: published + deletes.length, problem: null, again: fresh.length > 0 };
  };

  const scan = async (asked: boolean): Promise<ScanResult> => {
    const problem = await ports.check();
    if (problem !== null) return { published: 0, problem };
    quiet = ports.quiet();
    if (asked || timers.now() >= lastFull + trustMs) {
      // The base may have changed under an unchanged listing.
      equal.clear();
      lastFull = timers.now();
    }
    return await walk();
  };

  const { intervalMs, done } = options;
  return createScanLoop({ timers, intervalMs, scan, ...(done === undefined ? {} : { done }) });
}
