/** Opens everything one pair needs: the flock that proves there is one worker, the base, both trees, the policy. */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { conflictPath } from '@lazysync/action-table';
import type { Base } from '@lazysync/base';
import { anchorOf, type Policy, ROOT, type SyncEvent } from '@lazysync/event-model';
import { flockExclusive, type Logger, systemClock } from '@lazysync/ops';
import {
  createDiskReplica,
  type EndpointPool,
  keepsIdentities,
  type Probe,
  pointAnchor,
  RemoteOffline,
  type Replica,
  type TellProgress,
  withExactNames,
} from '@lazysync/replica';
import { createHeadStart, type HeadStartSource } from './head-start.ts';
import { createHolds } from './holds.ts';
import { createHydration, type HydrationPolicy } from './hydration.ts';
import { createIgnoreRules } from './ignore-rules.ts';
import { createListAhead } from './list-ahead.ts';
import { anchorsOf, clientsOf, openOrRenew, slots } from './pair-base.ts';
import type { PairPorts } from './ports.ts';
import type { RemoteHeard } from './work-pair.ts';

export interface PairConfig {
  readonly id: string;
  /** Real paths. */
  readonly local: string;
  readonly remote: string;
  /** This pair's folder in the state folder. */
  readonly state: string;
  readonly ignore: readonly string[];
  readonly hydrate: HydrationPolicy;
  readonly replace: 'rename' | 'capture';
  /** Overwritten versions stay in the trash. */
  readonly keepOverwritten: boolean;
  readonly width: number;
  readonly inlineLimit: number;
  readonly limit: PairPorts['limit'];
  readonly minFree: number;
}

export interface OpenedPair {
  readonly ports: PairPorts;
  /** Finds out what the remote's file system can do. Rejects with RemoteOffline. null: it is known. */
  readonly probeRemote: (() => Promise<void>) | null;
  readonly turnAnchor: (to: 'remote' | 'self') => void;
  /** Tells at once, and then at each change, whether the remote answers. */
  readonly onRemote: (hear: (heard: RemoteHeard) => void) => void;
  /** Calls on the remote that are under way reject, and no others are made: nobody waits for a transfer at the end. */
  readonly breakOff: () => Promise<void>;
  close(): Promise<void>;
}

export type OpenOutcome =
  | { readonly kind: 'opened'; readonly pair: OpenedPair }
  /** Another worker has it, or a root is not ours: one sentence. */
  | { readonly kind: 'refused'; readonly why: 'taken' | 'root' | 'stopped'; readonly message: string };

const DOWNLOADS = 32;
/** Between two tries at a remote that does not answer at the start, ms. */
const RETRY_MS = 1_000;
/**
 * Calls of a first walk while the pair is being prepared, four folders each: sshfs answers ten at a time, and what waits for
 * its turn behind a whole walk waits three times as long, some twenty times in a row.
 */
const CALLS_BESIDE = 2;
/** Listings that were made before the first job came are good for it for so long, ms. */
const AHEAD_LASTS_MS = 20_000;
const COMPARE_LIMIT = 8 << 20;

/** Held for as long as the process lives: not released by a stopped process or a blocked event loop, only by death. */
function takeLock(file: string): number | null {
  const fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  if (flockExclusive(fd)) return fd;
  fs.closeSync(fd);
  return null;
}

async function prepare(
  base: Base,
  replica: Replica,
  pair: string,
  quick: boolean,
): Promise<string | { readonly uuid: string; readonly probe: Probe }> {
  const key = `uuid-${replica.side}`;
  const outcome = await replica.prepare({ pair, known: base.meta(key) || null, fresh: randomUUID(), quick });
  if (outcome.kind === 'refused') return outcome.message;
  base.setMeta(key, outcome.uuid);
  const { fsType, seesAllChanges, readOnly, listingCacheMs, foldsCase } = outcome.probe;
  const facts = { fsType, seesAllChanges, readOnly, listingCacheMs, foldsCase };
  // What trials have shown at an earlier start stays known until they are made again.
  const before = JSON.parse(base.meta(`probe-${replica.side}`) ?? '{}') as object;
  const probe = quick && !seesAllChanges ? { ...before, ...facts } : outcome.probe;
  const plain = (_key: string, one: unknown): unknown => (typeof one === 'bigint' ? one.toString() : one);
  base.setMeta(`probe-${replica.side}`, JSON.stringify(probe, plain));
  return outcome;
}

/** Asks again until the remote answers; null: stopped meanwhile. */
async function answered<T>(
  ask: () => Promise<T>,
  signal: AbortSignal,
  offline: (error: Error) => void,
): Promise<T | null> {
  for (let first = true; ; first = false) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof RemoteOffline)) throw error;
      if (first) offline(error);
    }
    await systemClock.sleep(RETRY_MS, signal);
    if (signal.aborted) return null;
  }
}

/** Files below a new folder from which on it goes up as a whole: by then its rename has paid for itself. */
const WHOLE_FROM = 8;
/**
 * Mounts whose server was seen to rename a folder onto nothing but a free name or an empty folder (sftp-server, rename(2)).
 * A WebDAV server may put it over a full one.
 */
const FOLDERS_STAY: ReadonlySet<string> = new Set(['fuse.sshfs']);

function policyOf(config: PairConfig, remoteType: string): Policy {
  const host = os.hostname().split('.')[0] ?? 'host';
  return {
    localRoot: config.local,
    remoteRoot: config.remote,
    anchor: anchorOf(config.local),
    compareLimit: COMPARE_LIMIT,
    remoteIdentities: keepsIdentities(remoteType),
    replace: config.replace,
    conflictPath: (at) => {
      const stamp = new Date().toISOString();
      // A path may be planned more than once before anything is done: only a name that is taken has a further one.
      for (let n = 1; ; n++) {
        const free = conflictPath(at, stamp, host, n);
        if (fs.lstatSync(path.join(config.local, free), { throwIfNoEntry: false }) === undefined) return free;
      }
    },
  };
}

export async function openPair(
  config: PairConfig,
  endpoints: EndpointPool,
  publish: (events: readonly SyncEvent[]) => Promise<void>,
  log: Logger,
  signal: AbortSignal,
  taken: () => void = () => undefined,
  headStart: HeadStartSource | null = null,
): Promise<OpenOutcome> {
  fs.mkdirSync(config.state, { recursive: true, mode: 0o700 });
  const lock = takeLock(path.join(config.state, 'lock'));
  if (lock === null) {
    headStart?.destroy();
    return { kind: 'refused', why: 'taken', message: `Another worker has the pair ${config.id}.` };
  }
  const base = openOrRenew(path.join(config.state, 'base.db'), log);
  // ORDER: whoever sees that somebody is at work must not read what an earlier start said last.
  base.setMeta('state', 'starting');
  taken();
  const anchors = anchorsOf(base, config.local);
  const local = createDiskReplica({
    side: 'local',
    localRoot: config.local,
    remoteRoot: config.remote,
    anchors: () => anchors,
    clock: systemClock,
  });
  const progress = new Set<TellProgress>();
  const remote = endpoints.open({
    progress: (slot, bytes, part) => {
      for (const listen of progress) listen(slot, bytes, part);
    },
    localRoot: config.local,
    remoteRoot: config.remote,
    anchors: () => anchors,
    // RACE: the last call of a dead worker's endpoint may land late: the next one acts only when that process is gone.
    lock: path.join(config.state, 'endpoint.lock'),
  });
  const rules = createIgnoreRules(config.ignore, local, remote, config.local);
  // Reads may run ahead of everything: a first walk begins while the folders are still being prepared.
  const began = performance.now();
  const isFirst = !base.hasBelow(ROOT);
  const brought =
    headStart === null || !isFirst
      ? null
      : createHeadStart({ source: headStart, expected: { remoteRoot: config.remote, anchors }, replica: remote });
  if (brought === null) headStart?.destroy();
  let ahead = isFirst
    ? createListAhead({ replica: brought ?? remote, ignored: rules.ignored, callsAtFirst: CALLS_BESIDE })
    : null;
  const close = async (): Promise<void> => {
    ahead?.stop();
    brought?.stop();
    await Promise.allSettled([local.close(), remote.close()]);
    base.close();
    fs.closeSync(lock);
  };
  const refused = async (message: string): Promise<OpenOutcome> => {
    base.setMeta('state', 'halted');
    base.setMeta('state-why', message);
    await close();
    return { kind: 'refused', why: 'root', message };
  };
  const here = await prepare(base, local, config.id, false);
  if (typeof here === 'string') return refused(here);
  const turnAnchor = (to: 'remote' | 'self'): void => pointAnchor(config.local, to, config.remote);
  const stop = (): void => {
    // A call that hangs in a dead mount would be waited for until its deadline.
    remote.close().catch((error: unknown) => log.error({ pair: config.id, err: error }, 'the endpoint did not close'));
  };
  signal.addEventListener('abort', stop, { once: true });
  const there = await answered(
    () => prepare(base, remote, config.id, true),
    signal,
    (error) => {
      log.warn({ pair: config.id, err: error }, 'the remote does not answer; the pair waits for it');
      base.setMeta('state', 'remote-offline');
      base.setMeta('state-why', error.message);
      turnAnchor('self');
    },
  );
  signal.removeEventListener('abort', stop);
  if (there === null) {
    turnAnchor('remote');
    await close();
    return { kind: 'refused', why: 'stopped', message: 'Stopped before the remote answered.' };
  }
  if (typeof there === 'string') return refused(there);
  ahead?.widen();
  turnAnchor('remote');
  base.clearProblem(ROOT);
  const policy = policyOf(config, there.probe.fsType);
  const ports: PairPorts = {
    pair: config.id,
    base,
    local,
    remote: there.probe.foldsCase ? withExactNames(remote) : remote,
    policy,
    now: () => Date.now(),
    slot: slots(base),
    clients: () => new Set(clientsOf(base)),
    ignored: rules.ignored,
    rules: () => JSON.stringify([policy, rules.patterns()]),
    reloadIgnored: () => rules.reload(),
    publish,
    uuids: { local: here.uuid, remote: there.uuid },
    log: (level, message, more = {}) => log[level]({ pair: config.id, ...more }, message),
    hydration: createHydration(config.hydrate, () => base.pins()),
    ...(config.hydrate.prefetch === undefined ? {} : { prefetch: config.hydrate.prefetch }),
    holds: createHolds(base, () => Date.now()),
    width: config.width,
    inlineLimit: config.inlineLimit,
    limit: config.limit,
    minFree: config.minFree,
    freeBytes: async () => {
      const { bavail, bsize } = await fs.promises.statfs(config.local);
      return bavail * bsize;
    },
    onProgress: (listen) => void progress.add(listen),
    downloads: DOWNLOADS,
    keepOverwritten: config.keepOverwritten,
    wholeFolders: { fewest: WHOLE_FROM, suits: () => FOLDERS_STAY.has(there.probe.fsType) },
    ahead: () => {
      const taken = ahead;
      ahead = null;
      if (performance.now() - began < AHEAD_LASTS_MS) return taken;
      // Nobody came for a long time (no watcher ran): what was listed then is no news.
      taken?.stop();
      return null;
    },
  };
  const onRemote = (hear: (heard: RemoteHeard) => void): void => {
    const tell = (): void => {
      const state = remote.state();
      if (state === 'up') hear({ kind: 'answers' });
      // `gone`: killed, say, and started again in a moment. Then it is up, or it is not.
      else if (state !== 'gone') hear({ kind: 'away', why: remote.why() ?? 'The remote does not answer.' });
    };
    remote.onState(tell);
    tell();
  };
  const probeRemote = async (): Promise<void> => {
    const found = await prepare(base, remote, config.id, false);
    if (typeof found === 'string') log.warn({ pair: config.id }, found);
  };
  const known = there.probe.seesAllChanges;
  return {
    kind: 'opened',
    pair: {
      ports,
      probeRemote: known ? null : probeRemote,
      turnAnchor,
      onRemote,
      breakOff: () => remote.close(),
      close,
    },
  };
}
