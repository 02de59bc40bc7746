/**
 * A replica whose calls are made by another process, because a call on a dead mount can not be taken back: its process
 * can not even be killed before the mount answers. So that process holds nothing, each call has a deadline, and when one
 * passes the process is abandoned. Another one is started only when the old one is gone, or its late calls would act
 * behind the new one's back.
 */
import type { Anchors } from '@lazysync/event-model';
import { type EndpointChild, startEndpointChild } from './endpoint-child.ts';
import { createCallDeadline } from './endpoint-deadline.ts';
import type { EndpointCall, FromEndpoint } from './endpoint-protocol.ts';
import { type EndpointListener, type EndpointWatch, tell } from './endpoint-watch.ts';
import { type PrepareOutcome, RemoteOffline, type Replica, type RootState } from './replica.ts';

/**
 * `up`: the server behind the mount answers, and the root is ours. `lost`: the mount answers, but with errors or with
 * another folder. `stuck`: nothing answers, and the process has not ended yet. `gone`: there is no process (yet). All but
 * `up` mean offline.
 */
export type EndpointState = 'gone' | 'up' | 'lost' | 'stuck';

export interface EndpointOptions {
  /** The endpoint app's main file. */
  readonly main: string | URL;
  /** Real paths. */
  readonly localRoot: string;
  readonly remoteRoot: string;
  /** Today's anchor first; asked before each call. */
  readonly anchors: () => Anchors;
  /** Without any answer of the server for so long, ms, the mount counts as dead. Default 8,000. */
  readonly quietMs?: number;
  /** ms between life signs that are asked of the server. Also brings a remote that was away back. Default 3,000. */
  readonly heartbeatMs?: number;
  /**
   * A file on a local disk that the process locks while it lives: a restarted worker's endpoint does nothing before the
   * last call of the one before it, which may hang in the mount, has come back. Left out for endpoints that only read.
   */
  readonly lock?: string;
  /** Bytes of a fetch so far. */
  readonly progress?: (slot: string, bytes: number) => void;
  /** Lines that the process writes to stderr. Default: passed on to ours. */
  readonly said?: (text: string) => void;
}

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
  /** Ends the process: asked, then killed, and never waited for longer than a second. */
  close(): Promise<void>;
}

interface Pending {
  readonly call: EndpointCall;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly deadline: { beat(): void; progress(slot: string): void; cancel(): void };
}

const QUIET = 8_000;
const HEARTBEAT = 3_000;
/** ms before another process is started after one that ended by itself: 0, then doubling up to this. */
const LONGEST_BACKOFF = 2_000;
const CLOSING = 1_000;

export function openEndpoint(options: EndpointOptions): Endpoint {
  const { main, localRoot, remoteRoot, anchors } = options;
  const quietMs = options.quietMs ?? QUIET;
  const heartbeatMs = options.heartbeatMs ?? HEARTBEAT;
  const said = options.said ?? ((text: string) => void process.stderr.write(text));
  const pending = new Map<number, Pending>();
  const listeners = new Set<(state: EndpointState) => void>();
  let state: EndpointState = 'gone';
  let child: EndpointChild | undefined;
  let watcher: EndpointListener | undefined;
  let closed = false;
  let onEnd: (() => void) | undefined;
  let nextId = 1;
  let backoff = 0;
  let notBefore = 0;
  let sentAnchors = '';
  let reason: string | null = null;
  let uuid: string | null = null;
  let lastProof = -Infinity;
  let pinging = false;
  const isStuck = (): boolean => state === 'stuck';

  const become = (next: EndpointState, why: string | null = null): void => {
    reason = why;
    if (state === next) return;
    state = next;
    for (const listener of [...listeners]) listener(next);
  };

  const rejectAll = (why: string): void => {
    const all = [...pending.values()];
    pending.clear();
    for (const one of all) {
      one.deadline.cancel();
      one.reject(new RemoteOffline(why));
    }
  };

  const proven = (): void => {
    lastProof = performance.now();
    for (const one of pending.values()) one.deadline.beat();
  };

  const heard = (message: FromEndpoint): void => {
    switch (message.kind) {
      case 'opened':
        break;
      case 'beat':
        proven();
        break;
      case 'answer':
      case 'error': {
        const one = pending.get(message.id);
        if (one === undefined) break;
        pending.delete(message.id);
        one.deadline.cancel();
        backoff = 0;
        if (message.kind === 'answer') one.resolve(message.value);
        else one.reject(message.offline ? new RemoteOffline(message.message) : new Error(message.message));
        break;
      }
      case 'progress':
        proven();
        for (const one of pending.values()) one.deadline.progress(message.slot);
        options.progress?.(message.slot, message.bytes);
        break;
      case 'watch':
        if (watcher !== undefined) for (const event of message.events) tell(watcher, event);
        break;
    }
  };

  const start = (): EndpointChild => {
    const started = startEndpointChild({
      main,
      said,
      heard: (message) => {
        // RACE: what an abandoned process still had to say was answered with RemoteOffline already.
        if (child === started && state !== 'stuck') heard(message);
      },
      ended: (how) => {
        if (child !== started) return;
        child = undefined;
        notBefore = performance.now() + backoff;
        backoff = Math.min(LONGEST_BACKOFF, Math.max(100, backoff * 2));
        rejectAll(`the endpoint ended (${how})`);
        become('gone', `The remote's endpoint ended (${how}).`);
        if (!closed) tellLost(how);
        onEnd?.();
      },
    });
    child = started;
    started.send({ kind: 'open', localRoot, remoteRoot, anchors: [...anchors()], lock: options.lock ?? null });
    sentAnchors = anchors().join('\0');
    return started;
  };

  const tellLost = (how: string): void => {
    watcher?.onLost({ kind: 'failed', message: `the remote's endpoint ended (${how})`, mend: null });
  };

  const stuck = (what: string): void => {
    if (state === 'stuck' || child === undefined) return;
    // ORDER: the state first, so that whoever hears of a rejection does not start a new call at once.
    become('stuck', `The remote does not answer (${what}).`);
    // CRASH: a process in the middle of a call in a dead mount is killed when that call comes back.
    child.kill();
    rejectAll(`the remote does not answer (${what})`);
  };

  const call = async <T>(name: EndpointCall, ...args: readonly unknown[]): Promise<T> => {
    if (closed) throw new RemoteOffline('the endpoint is closed');
    if (state === 'stuck') throw new RemoteOffline('the remote does not answer yet');
    const wait = child === undefined ? notBefore - performance.now() : 0;
    if (wait > 0) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      return await call<T>(name, ...args);
    }
    const to = child ?? start();
    const today = anchors().join('\0');
    if (today !== sentAnchors) {
      sentAnchors = today;
      to.send({ kind: 'anchors', anchors: [...anchors()] });
    }
    const id = nextId++;
    return await new Promise<T>((resolve, reject) => {
      const deadline = createCallDeadline(name, args, quietMs, () => stuck(name));
      pending.set(id, { call: name, resolve: resolve as (value: unknown) => void, reject, deadline });
      to.send({ kind: 'call', id, call: name, args });
    });
  };

  const ping = async (): Promise<void> => {
    if (pinging || closed || isStuck()) return;
    // Whatever else the server has just answered is as good.
    if (state === 'up' && performance.now() - lastProof < heartbeatMs) return;
    pinging = true;
    try {
      const found = await call<RootState>('ping', uuid);
      if (found.kind === 'ok') {
        proven();
        become('up');
      } else become('lost', found.message);
    } catch (error) {
      if (closed) return;
      // Stuck or ended: that is said already. Else the mount answers, with an error.
      if (child !== undefined && !isStuck()) become('lost', error instanceof Error ? error.message : String(error));
    } finally {
      pinging = false;
    }
  };

  const known = (found: string): void => {
    uuid = found;
  };

  /** Never rejects. */
  const beating = setInterval(() => void ping(), heartbeatMs);
  beating.unref();
  void ping();

  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    clearInterval(beating);
    const ending = child;
    rejectAll('the endpoint is closed');
    if (ending === undefined) return;
    const gone = new Promise<void>((resolve) => {
      onEnd = resolve;
    });
    ending.disconnect();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, isStuck() ? 0 : CLOSING);
    });
    await Promise.race([gone, late]);
    clearTimeout(timer);
    if (child === undefined) return;
    ending.kill();
    ending.abandon();
  };

  return {
    side: 'remote',
    state: () => state,
    pid: () => child?.pid,
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
    stage: (order) => call('stage', order),
    carryOut: (orders) => call('carryOut', orders),
    recover: (orders) => call('recover', orders),
    fetch: (order) => call('fetch', order),
    discard: (slots) => call('discard', slots),
    purge: (slots) => call('purge', slots),
    watch(listener) {
      watcher = listener;
      return {
        start: () => call('watch-start'),
        rewatch: (paths) => call('watch-rewatch', paths),
        poll: () => call('watch-poll'),
        async stop() {
          if (watcher === listener) watcher = undefined;
          if (child !== undefined && state === 'up' && !closed) await call('watch-stop');
        },
      };
    },
    close,
  };
}
