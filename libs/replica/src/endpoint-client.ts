/**
 * A replica whose calls are made by another process, because a call on a dead mount can not be taken back: its process
 * can not even be killed before the mount answers. So that process holds nothing, each call has a deadline, and when one
 * passes the process is abandoned. Another one is started only when the old one is gone, or its late calls would act
 * behind the new one's back.
 */
import type { Anchors } from '@lazysync/event-model';
import { createEndpointHost, type EndpointHost, type EndpointHostOptions } from './endpoint-host.ts';
import type { EndpointCall } from './endpoint-protocol.ts';
import { type EndpointListener, type EndpointWatch, tell } from './endpoint-watch.ts';
import { type PrepareOutcome, RemoteOffline, type Replica, type RootState, type TellProgress } from './replica.ts';

/**
 * `up`: the server behind the mount answers, and the root is ours. `lost`: the mount answers, but with errors or with
 * another folder. `stuck`: nothing answers, and the process has not ended yet. `gone`: there is no process (yet). All but
 * `up` mean offline.
 */
export type EndpointState = 'gone' | 'up' | 'lost' | 'stuck';

export interface RoomOptions {
  /** Real paths. */
  readonly localRoot: string;
  readonly remoteRoot: string;
  /** Today's anchor first; asked before each call. */
  readonly anchors: () => Anchors;
  /**
   * A file on a local disk that the process locks while it lives: a restarted worker's endpoint does nothing before the
   * last call of the one before it, which may hang in the mount, has come back. Left out for endpoints that only read.
   */
  readonly lock?: string;
  readonly progress?: TellProgress;
}

export interface EndpointOptions extends RoomOptions, EndpointHostOptions {}

export interface Endpoint extends Replica {
  readonly side: 'remote';
  state(): EndpointState;
  /** Of the process, while there is one. */
  pid(): number | undefined;
  /** One sentence on a state that is not `up`. */
  why(): string | null;
  /** Called at each change of the state. The answer takes it back. */
  onState(listener: (state: EndpointState) => void): () => void;
  /** One at a time. Watches are lost with the process: `rewatch` puts them up again. */
  watch(listener: EndpointListener): EndpointWatch;
  /** Ends the process, if no other pair needs it: asked, then killed, and never waited for longer than a second. */
  close(): Promise<void>;
}

/** An endpoint with a process of its own. */
export function openEndpoint(options: EndpointOptions): Endpoint {
  return enterEndpoint(createEndpointHost(options), options);
}

/** A pair's part of an endpoint process. */
export function enterEndpoint(host: EndpointHost, options: RoomOptions): Endpoint {
  const { localRoot, remoteRoot, anchors } = options;
  const listeners = new Set<(state: EndpointState) => void>();
  let state: EndpointState = 'gone';
  let watcher: EndpointListener | undefined;
  let closed = false;
  let sentAnchors = '';
  let reason: string | null = null;
  let uuid: string | null = null;
  let pinging = false;

  const become = (next: EndpointState, why: string | null = null): void => {
    reason = why;
    if (state === next) return;
    state = next;
    for (const listener of [...listeners]) listener(next);
  };

  const ping = async (): Promise<void> => {
    if (pinging || closed || host.isStuck()) return;
    // Whatever else the server has just answered is as good.
    if (state === 'up' && room.isFresh()) return;
    pinging = true;
    try {
      const found = await call<RootState>('ping', uuid);
      if (found.kind === 'ok') {
        become('up');
        room.proven();
      } else become('lost', found.message);
    } catch (error) {
      if (closed) return;
      // Stuck or ended: that is said already. Else the mount answers, with an error.
      if (host.isRunning() && !host.isStuck()) become('lost', error instanceof Error ? error.message : String(error));
    } finally {
      pinging = false;
    }
  };

  const room = host.enter({
    opening: () => {
      sentAnchors = anchors().join('\0');
      return { localRoot, remoteRoot, anchors: [...anchors()], lock: options.lock ?? null };
    },
    ping,
    progress: (slot, bytes, part) => options.progress?.(slot, bytes, part),
    watch: (events) => {
      if (watcher !== undefined) for (const event of events) tell(watcher, event);
    },
    gone: (how) => {
      become('gone', `The remote's endpoint ended (${how}).`);
      watcher?.onLost({ kind: 'failed', message: `the remote's endpoint ended (${how})`, mend: null });
    },
    stuck: (what) => become('stuck', `The remote does not answer (${what}).`),
  });

  const call = async <T>(name: EndpointCall, ...args: readonly unknown[]): Promise<T> => {
    if (closed) throw new RemoteOffline('the endpoint is closed');
    const today = anchors().join('\0');
    if (today !== sentAnchors) {
      sentAnchors = today;
      room.anchorsChanged();
    }
    return (await room.call(name, args)) as T;
  };

  const known = (found: string): void => {
    uuid = found;
  };

  void ping();

  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await room.leave();
  };

  return {
    side: 'remote',
    state: () => state,
    pid: () => host.pid(),
    why: () => reason,
    onState(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async prepare(wish) {
      const outcome = await call<PrepareOutcome>('prepare', wish);
      if (outcome.kind === 'ready') known(outcome.uuid);
      return outcome;
    },
    async check(wanted) {
      const found = await call<RootState>('check', wanted);
      if (found.kind === 'ok') known(wanted);
      return found;
    },
    look: (paths) => call('look', paths),
    freshLook: (paths) => call('freshLook', paths),
    list: (queries) => call('list', queries),
    hash: (path, expected) => call('hash', path, expected),
    makeRoom: () => call('makeRoom'),
    stage: (order) => call('stage', order),
    stageFolder: (under, mode) => call('stageFolder', under, mode),
    pack: (slot, orders, wish) => call('pack', slot, orders, wish),
    forgetListings: (folders) => call('forgetListings', folders),
    withdraw: (slot) => call('withdraw', slot),
    carryOut: (orders) => call('carryOut', orders),
    recover: (orders) => call('recover', orders),
    fetch: (order) => call('fetch', order),
    makeEmptyPack: (slot) => call('makeEmptyPack', slot),
    fetchPack: (request, wish) => call('fetchPack', request, wish),
    leaveOff: (slot, unless) => call('leaveOff', slot, unless),
    discard: (slots) => call('discard', slots),
    stagedNames: () => call('stagedNames'),
    leaveBehind: (paths) => call('leaveBehind', paths),
    purge: (slots) => call('purge', slots),
    watch(listener) {
      watcher = listener;
      return {
        start: () => call('watch-start'),
        rewatch: (paths) => call('watch-rewatch', paths),
        poll: () => call('watch-poll'),
        async stop() {
          if (watcher === listener) watcher = undefined;
          if (host.isRunning() && state === 'up' && !closed) await call('watch-stop');
        },
      };
    },
    close,
  };
}
