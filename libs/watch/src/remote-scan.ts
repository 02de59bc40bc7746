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
import { createScanRounds, type ScanFacts } from './scan-rounds.ts';
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
  /** Digest with which a listing of it holds nothing that differs from the base; null: not known. */
  sealed(directory: RelPath): string | null;
  /** Another number once the base has changed. */
  baseVersion(): number;
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

export interface RemoteScanner extends Scanner {
  /** Something was changed or opened in this folder: it is listed often for a while. */
  touch(folder: RelPath): void;
  facts(): ScanFacts;
}

export interface RemoteScanOptions {
  readonly ports: RemoteScanPorts;
  /** Not everything each time: see `scan-rounds.ts`. Asked before each scan. Default: everything. */
  readonly inRounds?: () => boolean;
  readonly timers: Timers;
  readonly done?: (result: ScanResult) => void;
  readonly intervalMs: () => number;
  /**
   * For how long what is seen of the remote may be out of date, ms: whoever was told of a difference may have looked at
   * the path before it showed there.
   */
  readonly cacheMs: number;
}

/** Directories in one call, and calls in flight. */
const BATCH = 32;
const CALLS = 2;
/** How many times as long as a round took is waited at least before the next. */
const REST = 9;

export function createRemoteScan(options: RemoteScanOptions): RemoteScanner {
  const { ports, timers } = options;
  const reported = createReported(timers, { staleMs: options.cacheMs });
  /** Digest of the listing that was last found equal to the base, while neither changes. */
  const equal = new Map<RelPath, string>();
  const rounds = createScanRounds();
  let comparedWith: number | null = null;
  let quiet = false;
  let someoneWaits = false;
  /** The next scan is one of everything. */
  let whole = true;
  /** The last one was not. */
  let wasRound = false;

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
    return reported.news(path, events, (one) => entries.get(nameOf(one)) ?? null, someoneWaits);
  };

  const directoriesIn = (listing: Extract<ScanListing, { kind: 'listing' }>): RelPath[] =>
    listing.names
      .filter(({ name, entry }) => entry.kind === 'directory' && !isLeftOut(listing.path, name))
      .map(({ name }) => joinPath(listing.path, name))
      .filter((path) => !ports.ignored(path, true));

  const query = (path: RelPath): { readonly path: RelPath; readonly known?: string } => {
    const digest = equal.get(path) ?? ports.sealed(path);
    return digest === null ? { path } : { path, known: digest };
  };

  /** Lists these folders and what turns up below them. `all`: every folder there is, so that what is not among them is gone. */
  const walk = async (folders: readonly RelPath[], all: boolean): Promise<ScanResult> => {
    const began = timers.now();
    const known = new Set<RelPath>(folders);
    const listed: RelPath[] = [];
    const left: RelPath[] = [];
    const deletes: ChangeEvent[] = [];
    let published = 0;
    let problem: string | null = null;

    const take = async (listings: readonly ScanListing[]): Promise<void> => {
      const found: RelPath[] = [];
      for (const listing of listings) {
        listed.push(listing.path);
        if (listing.kind === 'same') continue;
        if (listing.kind !== 'listing') {
          equal.delete(listing.path);
          if (listing.path !== ROOT) {
            rounds.drop(listing.path);
            // The folder it lay in says more.
            rounds.touch(parentOf(listing.path), timers.now());
            continue;
          }
          problem = listing.kind === 'gone' ? 'it is gone' : listing.reason;
          return;
        }
        for (const path of directoriesIn(listing)) {
          if (known.has(path) || (!all && rounds.has(path))) continue;
          known.add(path);
          found.push(path);
        }
        const events = judge(listing);
        if (events.length > 0) rounds.touch(listing.path, timers.now());
        const now = events.filter((event) => event.kind !== 'delete');
        deletes.push(...events.filter((event) => event.kind === 'delete'));
        published += now.length;
        if (now.length > 0) ports.publish(now);
      }
      // ORDER: watched before it is listed, so that what comes later is told.
      if (found.length > 0) ports.unwatchedUntilNow((await ports.rewatch(found)).fresh);
      for (const path of found) rounds.add(path, timers.now());
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
    if (folders.includes(ROOT)) await take(await ports.list([query(ROOT)]));
    left.push(...folders.filter((path) => path !== ROOT));
    while (left.length > 0 && problem === null) await Promise.all(Array.from({ length: CALLS }, some));
    if (problem === null && (all || deletes.length > 0)) problem = await ports.check();
    if (problem !== null) {
      for (const { path } of deletes) reported.forget(parentOf(path));
      return { published, problem };
    }
    // ORDER: deletions last, and only when the root was still ours after everything was listed.
    if (deletes.length > 0) ports.publish(deletes);
    const took = timers.now() - began;
    if (all) {
      for (const path of equal.keys()) if (!known.has(path)) equal.delete(path);
      rounds.whole(timers.now(), known, took);
    } else rounds.listed(timers.now(), listed, took);
    const { fresh } = await ports.rewatch(all ? [...known] : listed);
    if (fresh.length > 0) ports.unwatchedUntilNow(fresh);
    // What happened in those after they were listed was not told either.
    return { published: published + deletes.length, problem: null, again: fresh.length > 0 };
  };

  const scan = async (asked: boolean): Promise<ScanResult> => {
    const all = asked || whole || options.inRounds?.() !== true;
    whole = false;
    wasRound = !all;
    const folders = all ? [...new Set([ROOT, ...ports.directories()])] : rounds.next(timers.now());
    if (folders.length === 0) return { published: 0, problem: null };
    const problem = await ports.check();
    if (problem !== null) return { published: 0, problem };
    quiet = ports.quiet();
    someoneWaits = asked;
    // The base may change under an unchanged listing, when the worker has seen what is not there any more.
    const version = ports.baseVersion();
    if (asked || version !== comparedWith) equal.clear();
    comparedWith = version;
    return await walk(folders, all);
  };

  const { intervalMs, done } = options;
  const loop = createScanLoop({
    timers,
    // A mount that is busy, with our own uploads, say, answers late: what is hot would be listed all the time. A look at
    // everything is asked for by somebody, or set so: it puts nothing off.
    intervalMs: (tookMs) => Math.max(intervalMs(), wasRound ? tookMs * REST : 0),
    scan,
    done: (result) => {
      // After any trouble, and where something may have slipped through: everything.
      if (result.problem !== null || result.again === true) whole = true;
      done?.(result);
    },
  });
  return {
    ...loop,
    nudge() {
      whole = true;
      loop.nudge();
    },
    touch: (folder) => rounds.touch(folder, timers.now()),
    facts: () => rounds.facts(timers.now()),
  };
}
