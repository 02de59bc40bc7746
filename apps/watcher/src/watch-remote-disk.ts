/** The kernel's events on the disk behind a remote -> settle -> the lanes of all pairs that have this remote. */
import { lstatSync, readFileSync } from 'node:fs';
import {
  type ChangeEvent,
  isOwn,
  OWN_FOLDER,
  type Pushed,
  type RelPath,
  ROOT,
  type SyncEvent,
} from '@lazysync/event-model';
import { errnoOf, type Logger, systemClock } from '@lazysync/ops';
import {
  type Announcement,
  announce,
  createPublisher,
  type Listening,
  laneCounts,
  type Publisher,
  PublisherClosed,
  pairsAtRemote,
  type RedisLink,
  RedisUnreachable,
} from '@lazysync/queue';
import { createInotifySource, createSettle, type HintListener, type Lost, systemTimers } from '@lazysync/watch';
import { createOutbox, type Outbox } from './outbox.ts';
import { createPackServer } from './pack-server.ts';

export interface RemoteDiskOptions {
  /** Real path of the folder that clients mount. */
  readonly root: string;
  /** Of its marker: what clients know it by. */
  readonly uuid: string;
  readonly redis: RedisLink;
  readonly epoch: string;
  readonly who: { readonly pid: number; readonly host: string };
  readonly log: Logger;
}

export interface RemoteDisk {
  stop(): Promise<void>;
}

/** Short: a stub of a file that is still being written does no harm, and it is told of again. ms */
const QUIET = 40;
const CEILING = 2_000;
/** How often it is looked for pairs that have come or gone, ms. */
const PAIRS_EVERY = 2_000;

interface Lane {
  readonly publisher: Publisher;
  readonly outbox: Outbox;
  jobs: number;
  presence: Announcement | null;
  readonly packing: Listening | null;
}

/** null: the root carries the marker. Else one sentence. */
export function whyNotThisRemote(root: string, uuid: string): string | null {
  try {
    const marker: unknown = JSON.parse(readFileSync(`${root}/${OWN_FOLDER}/root.json`, 'utf8'));
    if (typeof marker === 'object' && marker !== null && 'uuid' in marker && marker.uuid === uuid) return null;
    return `${root} carries the marker of another remote than ${uuid}.`;
  } catch (error) {
    if (error instanceof SyntaxError) return `The marker of ${root} can not be read: it is no JSON.`;
    const code = errnoOf(error);
    if (code === null) throw error;
    return `${root} carries no marker that can be read (${code}): start a pair on it first, through its mount.`;
  }
}

/** What lies there now; null: could not be looked at. */
function shownAt(root: string, path: RelPath): Pushed | null {
  try {
    const stat = lstatSync(`${root}/${path}`, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return { kind: 'absent' };
    const mode = Number(stat.mode) & 0o7777;
    if (stat.isFile()) return { kind: 'file', size: Number(stat.size), mtimeNs: String(stat.mtimeNs), mode };
    return stat.isDirectory() ? { kind: 'directory', mode } : { kind: 'other' };
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    return code === 'ENOTDIR' ? { kind: 'absent' } : null;
  }
}

export async function watchRemoteDisk(options: RemoteDiskOptions): Promise<RemoteDisk> {
  const { root, uuid, redis, epoch, who, log } = options;
  const lanes = new Map<string, Lane>();
  /** Clients may only rely on this watcher while it sees everything. */
  let blind: string | null = null;
  const stopping = new AbortController();
  let stopped = false;

  const tell = (events: readonly SyncEvent[]): void => {
    for (const lane of lanes.values()) lane.outbox.push(events);
  };

  const withWhatIsThere = (event: ChangeEvent): ChangeEvent => {
    const pushed = shownAt(root, event.path);
    return pushed === null ? event : { ...event, pushed };
  };

  const settle = createSettle({
    timers: systemTimers,
    quietMs: QUIET,
    ceilingMs: CEILING,
    onDue: (events) => tell(events.map(withWhatIsThere)),
    onCollapse: () => tell([{ kind: 'rescan', side: 'remote', path: ROOT, why: 'too many changes at once' }]),
  });

  const lost = (what: Lost): void => {
    log.warn({ kind: what.kind, mend: what.mend }, what.message);
    if (what.kind === 'overflow') {
      tell([{ kind: 'rescan', side: 'remote', path: ROOT, why: 'the file server dropped events of a burst' }]);
    } else blind = what.message;
  };

  const listener: HintListener = {
    onHint: ({ path, kind }) => {
      if (!isOwn(path)) settle.hint({ side: 'remote', path, kind, seen: true });
    },
    onWriting: (path, writing) => settle.writing('remote', path, writing),
    onLost: lost,
  };
  // As a local tree: these calls can not hang, and writes that are under way are told of.
  const source = createInotifySource({ root, side: 'local', mount: false, listener });

  const packServer = createPackServer({ root, redis, log, refuse: () => whyNotThisRemote(root, uuid) });
  const whyNoPacks = packServer.whyNot();
  if (whyNoPacks !== null) log.warn(`many small files come one by one through the mount: ${whyNoPacks}`);
  const self = whyNoPacks === null ? { ...who, packs: true as const } : who;

  const join = (pair: string): void => {
    const publisher = createPublisher({
      pair,
      producer: 'server-watcher',
      redis,
      epoch,
      closeMs: 700,
      error: (err) => log.warn({ pair, err }, 'could not publish yet'),
    });
    const outbox = createOutbox({
      publish: async (events) => {
        await publisher.publish(events);
        lane.jobs++;
      },
      jobsInLane: async () => {
        const { waiting, active, delayed } = await laneCounts(redis, pair);
        return waiting + active + delayed;
      },
      pause: (ms) => systemClock.sleep(ms, stopping.signal),
      stopping: stopping.signal,
      error: (error) => {
        if (!(error instanceof PublisherClosed)) throw error;
      },
      collapsed: (events) => log.warn({ pair, events }, 'too many events wait: a rescan stands for them'),
    });
    const packing = whyNoPacks === null ? packServer.serve(pair) : null;
    const lane: Lane = { publisher, outbox, jobs: 0, presence: null, packing };
    lanes.set(pair, lane);
    log.info({ pair }, 'tells this pair of changes');
  };

  const leave = async (pair: string, lane: Lane): Promise<void> => {
    lanes.delete(pair);
    await Promise.allSettled([lane.presence?.close(), lane.packing?.close(), lane.publisher.close()]);
    log.info({ pair, jobs: lane.jobs, events: lane.outbox.pushed() }, 'this pair is told no more');
  };

  const lookForPairs = async (): Promise<void> => {
    const why = whyNotThisRemote(root, uuid) ?? blind;
    const now = await pairsAtRemote(redis, uuid);
    if (stopped) return;
    for (const pair of now) if (!lanes.has(pair)) join(pair);
    for (const [pair, lane] of lanes) {
      if (!now.includes(pair)) await leave(pair, lane);
      else if (why === null) lane.presence ??= announce(redis, pair, 'server-watcher', self);
      else if (lane.presence !== null) {
        log.warn({ pair }, `clients look for changes themselves again: ${why}`);
        await lane.presence.close();
        lane.presence = null;
      }
    }
  };

  let timer: NodeJS.Timeout | undefined;
  const again = (): void => {
    lookForPairs()
      .catch((error: unknown) => {
        if (!(error instanceof RedisUnreachable)) log.error({ err: error }, 'could not look for pairs');
      })
      .finally(() => {
        if (!stopped) timer = setTimeout(again, PAIRS_EVERY);
      });
  };

  await source.start();
  log.info({ root, uuid }, 'watching the disk of a remote');
  again();

  return {
    async stop() {
      stopped = true;
      stopping.abort();
      packServer.stop();
      clearTimeout(timer);
      await source.poll();
      settle.flush();
      settle.stop();
      await source.stop();
      await Promise.all([...lanes].map(([pair, lane]) => leave(pair, lane)));
      packServer.close();
    },
  };
}
