/**
 * One pair, watched: sources -> settle -> lane, opens -> access -> lane, scans for what no kernel event tells.
 * ORDER: the sources run before the first look at anything, so that nothing falls between.
 */

import type { BaseReader } from '@lazysync/base';
import { isOwn, parentOf, type RelPath, ROOT } from '@lazysync/event-model';
import { type Logger, tellAchieved, withDeadline } from '@lazysync/ops';
import type { WatchFacts } from '@lazysync/queue';
import { type Endpoint, type EndpointListener, RemoteOffline, stageFolders } from '@lazysync/replica';
import {
  type Access,
  createAccess,
  createLocalScan,
  createLocalSource,
  createRecentOpens,
  createRemoteScan,
  createSettle,
  type HintListener,
  type InotifyHub,
  type LocalWatch,
  type Lost,
  linksIn,
  type RemoteScanner,
  type Rewatched,
  type Scanner,
  type Settle,
  stillWritingIn,
  stubTimesIn,
  systemTimers,
} from '@lazysync/watch';
import { type BaseView, probeIn, stubsIn } from './base-view.ts';
import { createBlindFolders, type WatchNeed } from './blind-folders.ts';
import { newsAmong } from './echoes.ts';
import { blindInterval, remoteInterval, SCAN_CACHING_MOUNT, SCAN_LOCAL, SCAN_SERVED } from './intervals.ts';
import { createLaneFeed } from './lane-feed.ts';
import { createLook, type Look } from './look.ts';
import { followNewFolders } from './new-folders.ts';
import type { Outbox } from './outbox.ts';
import { createScanAgain } from './scan-again.ts';
import { createScanTrouble } from './scan-trouble.ts';
import { createSealedFolders } from './sealed-folders.ts';
import { followServed } from './served.ts';
import { createWarmStage } from './warm-stage.ts';

export interface WatchOptions {
  readonly local: string;
  readonly watch: LocalWatch;
  /** ms between scans of the remote, or null: as its file system needs it. */
  readonly remoteScanMs: number | null;
  /** Does somebody beside the remote's disk tell of everything that changes there? Asked again and again. */
  readonly served: () => Promise<boolean>;
  /** ms from one time to the next. */
  readonly servedEveryMs: () => number;
  /** That this process serves. */
  readonly pairs: () => number;
  /** ms of quiet after which what happened at a path leaves. */
  readonly settleMs: number;
  /** ms for which an open of a copy counts when a new version takes the copy away. */
  readonly againMs: number;
  /** Has the worker carried out what was in the lane at the start? */
  readonly startDone: (base: BaseReader) => Promise<boolean>;
  readonly base: BaseView;
  readonly endpoint: Endpoint;
  readonly outbox: Outbox;
  readonly hub: InotifyHub;
  /** Of this pair, among all that the process watches. */
  readonly need: { set(watches: number): void } & Pick<WatchNeed, 'warning'>;
  readonly ignored: (path: RelPath, directory: boolean) => boolean;
  /** The warnings among the facts may be others now. */
  readonly warned: () => void;
  readonly log: Logger;
}

export interface WatchedPair {
  /** Looks at both sides again and publishes what it finds. */
  readonly look: Look;
  /** How it is doing. */
  readonly facts: () => WatchFacts;
  stop(): Promise<void>;
}

/** So long after a look the kernel has told of all that it opened, ms. */
const LISTING_TOLD = 1_000;
/** How often it is asked whether the worker has carried out the start scan, ms. */
const READY_POLL = 500;

export async function watchPair(options: WatchOptions): Promise<WatchedPair> {
  const { base, endpoint, outbox, ignored, log } = options;
  const timers = systemTimers;
  const probe = probeIn(base.reader(), 'remote');
  const { linkAtime } = probeIn(base.reader(), 'local');
  const regular = (): number => options.remoteScanMs ?? remoteInterval(probe, options.pairs());
  const directories = (): readonly RelPath[] => [
    ROOT,
    ...base
      .reader()
      .directories()
      .filter((path) => path !== ROOT),
  ];
  /** The start scan is carried out: until then everything differs from the base, and scans tell nothing. */
  let ready = false;
  /**
   * Something happened in local meanwhile. The start scan stands before everything else in the lane, and most of what is
   * told of is of its making: a million stubs, say. So it is looked for once, right after it.
   */
  let missed = false;
  let stopped = false;
  /** Folders that our own scan of local is about to list: no person's look at them. */
  const ownListings = new Set<RelPath>();
  const blind = {
    local: createBlindFolders('local', options.warned),
    remote: createBlindFolders('remote', options.warned),
  };

  // ------------------------------------------------------------------------------------------------ what comes out

  const feed = createLaneFeed(outbox, (path) => settle.waits('local', path));

  const recent = createRecentOpens({
    keepMs: options.againMs,
    now: () => performance.now(),
    isLink: linksIn(options.local),
    onAgain: (path) => feed.access([path]),
  });

  const hasWriter = stillWritingIn(options.local);
  const stillWriting = (path: RelPath): boolean => {
    recent.byUs(path);
    return hasWriter(path);
  };
  const settle: Settle = createSettle({
    timers,
    quietMs: options.settleMs,
    stillWriting: (side, path) => side === 'remote' || stillWriting(path),
    onDue: (events) => feed.changes(newsAmong(events, options.local, base.reader())),
    onCollapse: (side) => {
      log.warn({ side }, 'too many changes at once: the folder is looked at as a whole');
      feed.changes([{ kind: 'rescan', side, path: ROOT, why: 'too many changes at once' }]);
    },
  });

  const access: Access = createAccess({
    timers,
    stubs: stubTimesIn(options.local),
    stubsIn: (directory) => stubsIn(base.reader(), directory),
    linkAtime,
    onAccess: (paths) => {
      feed.access(paths);
      // Who opens a stub opens the copy that it becomes.
      for (const path of paths) recent.opened(path);
    },
  });

  // ------------------------------------------------------------------------------------------------- what comes in

  const scanAgain = {
    local: createScanAgain(timers, () => localScan),
    remote: createScanAgain(timers, () => remoteScan),
  };

  const lost = (side: 'local' | 'remote', what: Lost): void => {
    if (stopped) return;
    log.warn({ side, kind: what.kind, mend: what.mend }, what.message);
    if (what.kind === 'watch-limit') blind[side].because(what);
    // Both sides are looked at when the start is done.
    if (ready) scanAgain[side].lost();
    else missed = true;
  };

  const troubles = {
    local: createScanTrouble('local', options.warned, log),
    remote: createScanTrouble('remote', options.warned, log),
  };

  const warm = createWarmStage({
    timers,
    look: (folders) => endpoint.look(folders),
    folders: stageFolders(),
    failed: (error) => log.debug({ err: error }, 'the stage folder was not looked at'),
  });

  const localListener: HintListener = {
    // A delete that was seen is worth more than one that a scan infers.
    onHint: (hint) => {
      if (hint.kind === 'delete' || ready) settle.hint(hint);
      else missed = true;
      if (hint.kind === 'create') newFolders.made();
      if (ready && hint.kind !== 'delete' && !probe.seesAllChanges) warm.heard();
      recent.changed(hint.path);
    },
    onOpen: (path) => recent.opened(path),
    onLost: (what) => lost('local', what),
    onWriting: (path, writing) => settle.writing('local', path, writing),
    onListing: (path, open) => {
      // The worker lists everything now; all stubs are armed when it is through.
      if (!ready) return;
      if (ownListings.has(path)) {
        if (!open) ownListings.delete(path);
        return;
      }
      remoteScan.touch(path);
      access.listing(path, open);
    },
    onMoved: (from, to) => access.moved(from, to),
  };

  const remoteListener: EndpointListener = {
    onHint: (hint) => {
      if (isOwn(hint.path) || ignored(hint.path, false)) return;
      remoteScan.touch(parentOf(hint.path));
      if (hint.kind === 'create') access.made(hint.path);
      settle.hint(hint);
    },
    onLost: (what) => {
      lost('remote', what);
      // RACE: opens were among what was dropped.
      if (what.kind === 'overflow') access.sweep(directories());
    },
    onOpen: (path) => {
      remoteScan.touch(parentOf(path));
      access.opened(path);
    },
  };

  const source = createLocalSource({
    root: options.local,
    watch: options.watch,
    listener: localListener,
    hub: options.hub,
    ignored,
    later: true,
    // Where the base knows the top alone, local may hold a tree that nobody has looked at yet.
    known: () => {
      const all = directories();
      return all.length > 1 ? all : [];
    },
    postponed: () => !ready,
    onLeft: (message) => log.info(message),
  });
  const remote = endpoint.watch(remoteListener);
  const rewatchRemote = async (paths: readonly RelPath[]): Promise<Rewatched> =>
    blind.remote.asked(paths, await remote.rewatch(paths));
  const rewatchLocal = async (paths: readonly RelPath[]): Promise<Rewatched> =>
    blind.local.asked(paths, await source.rewatch(paths));
  /** Between two scans of the remote, ms. */
  const everyMs = (): number => {
    if (served.now) return SCAN_SERVED;
    const ms = regular();
    return blind.remote.any() && options.remoteScanMs === null ? Math.min(ms, SCAN_CACHING_MOUNT) : ms;
  };
  /** One for each folder of either side, and those of chokidar. */
  const watchesFor = (folders: number): number => folders * (source.uses() === 'inotify' ? 2 : 3);

  const sealed = createSealedFolders(options.local, () => base.reader());
  const localScan: Scanner = createLocalScan({
    root: options.local,
    timers,
    done: (result) => {
      troubles.local.heard(result);
      // Of those that were gone when their turn came nothing is told.
      timers.after(LISTING_TOLD, () => ownListings.clear());
      const known = directories();
      blind.local.keep(known);
      blind.remote.keep(known);
      options.need.set(watchesFor(known.length));
      // Looks of a worker that was started anew read stubs once more, and people look at single ones.
      access.rearm(known);
      // Nobody tells of opens there. Where listings are not told of either, everything would look opened.
      access.sweep(blind.remote.all().filter((path) => !blind.local.has(path)));
    },
    intervalMs: (tookMs) => (blind.local.any() || blind.remote.any() ? blindInterval(tookMs) : SCAN_LOCAL),
    ports: {
      children: (directory) => base.reader().children(directory),
      unchanged: (directory) => sealed.unchanged(directory),
      rewatch: async (paths) => {
        const answer = await rewatchLocal(paths);
        for (const path of paths) if (!blind.local.has(path)) ownListings.add(path);
        return answer;
      },
      hint: (hint) => settle.hint(hint),
      tooMany: () =>
        outbox.push([{ kind: 'rescan', side: 'local', path: ROOT, why: 'a scan found very many changes' }]),
      ignored,
    },
  });

  const remoteScan: RemoteScanner = createRemoteScan({
    timers,
    cacheMs: probe.listingCacheMs,
    done: (result) => troubles.remote.heard(result),
    intervalMs: () => everyMs(),
    inRounds: () => options.remoteScanMs === null && (!probe.seesAllChanges || blind.remote.any()) && !served.now,
    ports: {
      async check() {
        const uuid = base.reader().meta('uuid-remote');
        if (uuid === null) return 'the remote is not prepared';
        const state = await endpoint.check(uuid);
        return state.kind === 'ok' ? null : state.message;
      },
      list: (queries) => endpoint.list(queries),
      children: (directory) => base.reader().children(directory),
      sealed: (directory) => base.reader().seal(directory)?.remote ?? null,
      baseVersion: () => base.reader().version(),
      directories,
      rewatch: (paths) => rewatchRemote(paths),
      unwatchedUntilNow: (fresh) => access.sweep(fresh),
      publish: (events) => outbox.push(events),
      ignored,
      quiet: () => !ready,
    },
  });

  const offState = endpoint.onState((state) => {
    if (state === 'up' && ready) remoteScan.nudge();
  });

  const served = followServed(options.served, {
    timers,
    everyMs: options.servedEveryMs,
    log,
    // ORDER: what happened before the other one saw everything, or after it had gone, is found.
    turned: () => {
      // ORDER: before the look at everything: what the worker makes while that goes on is followed.
      if (served.now) newFolders.begin();
      else newFolders.end();
      if (ready) remoteScan.nudge();
    },
  });

  const newFolders = followNewFolders({
    timers,
    reader: () => base.reader(),
    ready: () => ready,
    watch: async (folders) => access.sweep((await rewatchRemote(folders)).fresh),
    failed: (error) => {
      // When it answers again, everything is looked at.
      if (!(error instanceof RemoteOffline)) log.warn({ err: error }, 'new folders could not be watched yet');
    },
  });

  // -------------------------------------------------------------------------------------------------- start and stop

  const startRemote = async (): Promise<void> => {
    try {
      await remote.start();
      await rewatchRemote(directories());
    } catch (error) {
      if (!(error instanceof RemoteOffline)) throw error;
      log.warn({ err: error }, 'the remote does not answer: it is watched as soon as it does');
    }
  };

  /**
   * ORDER: folders that the first look has made are watched only from here on. Nobody of ours has read their stubs, so
   * what was touched in them was opened; arming all of them again would forget that.
   */
  const armStubs = async (): Promise<void> => {
    try {
      access.sweep((await rewatchRemote(directories())).fresh);
    } catch (error) {
      // Nothing can be opened through it either, and its scan watches what it finds.
      if (!(error instanceof RemoteOffline)) throw error;
    }
    access.rearm(directories());
  };

  /** The worker's first look reads stubs that it does not know yet, which moves their atimes: after it they are armed as a whole. */
  const whenReady = async (): Promise<void> => {
    ready = await options.startDone(base.reader());
    if (stopped) return;
    if (!ready) {
      readyTimer = timers.after(READY_POLL, pollReady);
      return;
    }
    log.debug('the start scan is carried out');
    // ORDER: after `ready`: what is made from now on is followed. What was made before is found by the look that follows.
    // Of folders that the base did not know until now nobody has heard anything since the worker looked at them.
    if ((await rewatchLocal(directories())).fresh.length > 0) missed = true;
    await armStubs();
    remoteScan.start();
    await source.choose(() => base.reader().counts().entries);
    options.need.set(watchesFor(directories().length));
    options.warned();
    log.info({ local: options.local, uses: source.uses(), everyMs: regular() }, 'watching');
    tellAchieved();
    if (missed || blind.remote.any()) localScan.nudge();
  };
  const pollReady = (): void => {
    whenReady().catch((error: unknown) => {
      if (stopped) return;
      log.warn({ err: error }, 'could not tell whether the start scan is carried out');
      readyTimer = timers.after(READY_POLL, pollReady);
    });
  };
  let readyTimer: { cancel(): void } | undefined;

  try {
    await Promise.all([source.start(), startRemote()]);
  } catch (error) {
    offState();
    served.stop();
    newFolders.end();
    await source.stop();
    throw error;
  }
  log.info(
    { local: options.local, everyMs: regular() },
    'the kernel tells of what happens; the start scan is asked for',
  );
  outbox.push([{ kind: 'rescan', side: 'local', path: ROOT, why: 'start' }]);
  localScan.start(SCAN_LOCAL);
  pollReady();

  return {
    facts: () => ({
      scan: { ...remoteScan.facts(), everyMs: everyMs(), pushed: served.now },
      warnings: [
        blind.local.warning(),
        blind.remote.warning(),
        options.need.warning(),
        troubles.local.warning(),
        // That it does not answer is the state of the pair.
        endpoint.state() === 'up' ? troubles.remote.warning() : null,
      ].filter((one) => one !== null),
    }),
    look: createLook({ source, remote, localScan, remoteScan, settle, outbox, cacheMs: probe.listingCacheMs, timers }),
    async stop() {
      if (stopped) return;
      stopped = true;
      offState();
      readyTimer?.cancel();
      served.stop();
      newFolders.end();
      scanAgain.local.stop();
      scanAgain.remote.stop();
      access.stop();
      options.need.set(0);
      // What the kernel has told is worth more in the lane than found again by the next start's scan.
      await source.poll();
      settle.flush();
      settle.stop();
      // ORDER: the endpoint first: its pending calls reject, and the scan that waits for them ends.
      await endpoint.close();
      const ending = Promise.all([remoteScan.stop(), localScan.stop(), source.stop()]);
      await withDeadline(ending, 1_000, 'sources and scans end');
      sealed.close();
    },
  };
}
