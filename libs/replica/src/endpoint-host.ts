/**
 * One endpoint process and all pairs that it serves: started when it is needed, watched, abandoned when it hangs. Another
 * one is started only when the old one is gone, or its late calls would act behind the new one's back.
 */
import { type EndpointChild, startEndpointChild } from './endpoint-child.ts';
import { type CallDeadline, createCallDeadline } from './endpoint-deadline.ts';
import type { EndpointCall, FromEndpoint, ToEndpoint, WatchEvent } from './endpoint-protocol.ts';
import { RemoteOffline, type TellProgress } from './replica.ts';

/** What a pair hears of the process that serves it. */
export interface RoomEvents {
  /** What the process is told when it meets this pair for the first time. */
  readonly opening: () => Omit<Extract<ToEndpoint, { kind: 'open' }>, 'kind' | 'room'>;
  /** Asks the server for a life sign, and says what came of it. Never rejects. */
  readonly ping: () => Promise<void>;
  readonly progress: TellProgress;
  readonly watch: (events: readonly WatchEvent[]) => void;
  /** The process ended: whatever it watched is watched no more. */
  readonly gone: (how: string) => void;
  readonly stuck: (what: string) => void;
}

export interface Room {
  call(name: EndpointCall, args: readonly unknown[]): Promise<unknown>;
  /** The server has answered to somebody since the last heartbeat. */
  isFresh(): boolean;
  /** The server has just answered to this pair. */
  proven(): void;
  anchorsChanged(): void;
  /** Its calls reject, its lock is freed; the process ends with the last one. Never takes longer than a second. */
  leave(): Promise<void>;
}

export interface EndpointHost {
  enter(events: RoomEvents): Room;
  /** Starts the process, if there is none: for rooms that are entered in a moment. */
  warm(): void;
  pid(): number | undefined;
  isStuck(): boolean;
  isRunning(): boolean;
}

export interface EndpointHostOptions {
  /** The endpoint app's main file. */
  readonly main: string | URL;
  /** Without any answer of the server for so long, ms, the mount counts as dead. Default 8,000. */
  readonly quietMs?: number;
  /** ms between life signs that are asked of the server. Also brings a remote that was away back. Default 3,000. */
  readonly heartbeatMs?: number;
  /** Lines that the process writes to stderr. Default: passed on to ours. */
  readonly said?: (text: string) => void;
}

interface Pending {
  readonly room: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly begin: () => CallDeadline;
  /** null: the process has not begun yet. */
  deadline: CallDeadline | null;
}

const QUIET = 8_000;
const HEARTBEAT = 3_000;
/** ms before another process is started after one that ended by itself: 0, then doubling up to this. */
const LONGEST_BACKOFF = 2_000;
const CLOSING = 1_000;
/** A process that has not begun by then, ms, never will. No mount is touched before that. */
const STARTING = 120_000;
/** With many pairs each is asked about less often: one in so many ms. */
const ONE_PER = 100;

export function createEndpointHost(options: EndpointHostOptions): EndpointHost {
  const { main } = options;
  const quietMs = options.quietMs ?? QUIET;
  const heartbeatMs = options.heartbeatMs ?? HEARTBEAT;
  const said = options.said ?? ((text: string) => void process.stderr.write(text));
  const pending = new Map<number, Pending>();
  const rooms = new Map<number, RoomEvents>();
  /** Told to when their room is empty. */
  const leaving = new Map<number, () => void>();
  /** Rooms that the process of today knows. */
  const known = new Set<number>();
  let child: EndpointChild | undefined;
  let stuck = false;
  let here = false;
  let starting: NodeJS.Timeout | undefined;
  let ended: (() => void) | undefined;
  let nextId = 1;
  let nextRoom = 1;
  let backoff = 0;
  let notBefore = 0;
  let lastProof = -Infinity;
  let beating: NodeJS.Timeout | undefined;
  let turn = 0;

  const rejectAll = (why: string, room?: number): void => {
    for (const [id, one] of [...pending]) {
      if (room !== undefined && one.room !== room) continue;
      pending.delete(id);
      one.deadline?.cancel();
      one.reject(new RemoteOffline(why));
    }
  };

  const proven = (): void => {
    lastProof = performance.now();
    for (const one of pending.values()) one.deadline?.beat();
  };

  const heard = (message: FromEndpoint): void => {
    switch (message.kind) {
      case 'here':
        // A busy machine takes seconds for this: no sign of a dead mount.
        here = true;
        clearTimeout(starting);
        for (const one of pending.values()) one.deadline ??= one.begin();
        break;
      case 'opened':
        break;
      case 'closed':
        leaving.get(message.room)?.();
        break;
      case 'beat':
        proven();
        break;
      case 'answer':
      case 'error': {
        const one = pending.get(message.id);
        if (one === undefined) break;
        pending.delete(message.id);
        one.deadline?.cancel();
        backoff = 0;
        if (message.kind === 'answer') one.resolve(message.value);
        else one.reject(message.offline ? new RemoteOffline(message.message) : new Error(message.message));
        break;
      }
      case 'progress':
        proven();
        for (const one of pending.values()) one.deadline?.progress(message.slot);
        rooms.get(message.room)?.progress(message.slot, message.bytes, message.part);
        break;
      case 'watch':
        rooms.get(message.room)?.watch(message.events);
        break;
    }
  };

  const hasEnded = (how: string): void => {
    child = undefined;
    stuck = false;
    clearTimeout(starting);
    lastProof = -Infinity;
    known.clear();
    notBefore = performance.now() + backoff;
    backoff = Math.min(LONGEST_BACKOFF, Math.max(100, backoff * 2));
    rejectAll(`the endpoint ended (${how})`);
    for (const done of [...leaving.values()]) done();
    for (const room of [...rooms.values()]) room.gone(how);
    ended?.();
  };

  const start = (): EndpointChild => {
    const started = startEndpointChild({
      main,
      said,
      heard: (message) => {
        // RACE: what an abandoned process still had to say was answered with RemoteOffline already.
        if (child === started && !stuck) heard(message);
      },
      ended: (how) => {
        if (child === started) hasEnded(how);
      },
    });
    child = started;
    here = false;
    starting = setTimeout(() => isStuck('its start'), STARTING);
    starting.unref();
    return started;
  };

  const isStuck = (what: string): void => {
    if (stuck || child === undefined) return;
    // ORDER: the state first, so that whoever hears of a rejection does not start a new call at once.
    stuck = true;
    for (const room of [...rooms.values()]) room.stuck(what);
    // CRASH: a process in the middle of a call in a dead mount is killed when that call comes back.
    child.kill();
    rejectAll(`the remote does not answer (${what})`);
  };

  const call = async (room: number, name: EndpointCall, args: readonly unknown[]): Promise<unknown> => {
    const events = rooms.get(room);
    if (events === undefined) throw new RemoteOffline('the endpoint is closed');
    if (stuck) throw new RemoteOffline('the remote does not answer yet');
    const wait = child === undefined ? notBefore - performance.now() : 0;
    if (wait > 0) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      return await call(room, name, args);
    }
    const to = child ?? start();
    if (!known.has(room)) {
      known.add(room);
      to.send({ kind: 'open', room, ...events.opening() });
    }
    const id = nextId++;
    return await new Promise((resolve, reject) => {
      const begin = (): CallDeadline => createCallDeadline(name, args, quietMs, () => isStuck(name));
      pending.set(id, { room, resolve, reject, begin, deadline: here ? begin() : null });
      to.send({ kind: 'call', room, id, call: name, args });
    });
  };

  /** All in turn; a few at a time where there are many. */
  const beat = (): void => {
    const all = [...rooms.values()];
    const round = Math.max(heartbeatMs, all.length * ONE_PER);
    for (let left = Math.ceil((all.length * heartbeatMs) / round); left > 0; left--)
      void all[turn++ % all.length]?.ping();
  };

  /** Asked, then killed, and never waited for longer than a second. */
  const endProcess = async (): Promise<void> => {
    const ending = child;
    if (ending === undefined) return;
    const over = new Promise<void>((resolve) => {
      ended = resolve;
    });
    ending.disconnect();
    await within(over, stuck ? 0 : CLOSING);
    if (child !== ending) return;
    ending.kill();
    ending.abandon();
  };

  const leave = async (room: number): Promise<void> => {
    if (!rooms.delete(room)) return;
    rejectAll('the endpoint is closed', room);
    if (rooms.size === 0) {
      clearInterval(beating);
      beating = undefined;
      await endProcess();
      return;
    }
    if (child === undefined || stuck || !known.delete(room)) return;
    const leavingFrom = child;
    const empty = new Promise<void>((resolve) => leaving.set(room, resolve));
    leavingFrom.send({ kind: 'close', room });
    const isEmpty = await within(empty, CLOSING);
    leaving.delete(room);
    // Something of it goes on in there: the others find a new process in a moment.
    if (!isEmpty && child === leavingFrom && rooms.size > 0) leavingFrom.kill();
  };

  return {
    pid: () => child?.pid,
    isStuck: () => stuck,
    isRunning: () => child !== undefined,
    warm() {
      if (child === undefined && performance.now() >= notBefore) start();
    },
    enter(events) {
      const room = nextRoom++;
      rooms.set(room, events);
      if (beating === undefined) {
        beating = setInterval(beat, heartbeatMs);
        beating.unref();
      }
      return {
        call: (name, args) => call(room, name, args),
        isFresh: () => performance.now() - lastProof < heartbeatMs,
        proven() {
          // The first sign of life after an outage is one for everybody.
          const news = performance.now() - lastProof > heartbeatMs + ONE_PER * rooms.size;
          proven();
          if (news) for (const other of [...rooms.values()]) if (other !== events) void other.ping();
        },
        anchorsChanged() {
          if (known.has(room)) child?.send({ kind: 'anchors', room, anchors: events.opening().anchors });
        },
        leave: () => leave(room),
      };
    },
  };
}

async function within(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
