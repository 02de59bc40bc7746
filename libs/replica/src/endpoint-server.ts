/**
 * The endpoint's side of the conversation: requests in, answers out, and a beat while the mount answers. Each pair has a
 * room of its own; what they share is the process.
 */
import type { Anchors } from '@lazysync/event-model';
import {
  type EndpointRequest,
  type EndpointRoots,
  type FromEndpoint,
  REPLICA_CALLS,
  type ReplicaCall,
  type ToEndpoint,
  type WatchCall,
} from './endpoint-protocol.ts';
import { RemoteOffline, type Replica, type RootState } from './replica.ts';

/** What answers, once it is known which folders it is about. */
export interface Served {
  readonly replica: Replica;
  /** Calls that the server has answered so far. */
  readonly answers: () => number;
  readonly ping: (uuid: string | null) => Promise<RootState>;
  readonly watch: (call: WatchCall, args: readonly unknown[]) => Promise<unknown>;
  /** Nothing is under way any more: frees what it holds. */
  readonly close: () => Promise<void>;
}

export interface RoomWish {
  readonly room: number;
  readonly roots: EndpointRoots;
  readonly anchors: () => Anchors;
  /** Aborted when nobody wants the room any more: long calls leave off. */
  readonly signal: AbortSignal;
}

export interface EndpointServerOptions {
  readonly send: (message: FromEndpoint) => void;
  /** Calls wait until it has resolved. */
  readonly open: (wish: RoomWish) => Promise<Served>;
}

export interface EndpointServer {
  receive(message: ToEndpoint): void;
}

/** ms between beats. */
const BEAT = 500;

interface Room {
  anchors: Anchors;
  opening: Promise<Served>;
  served: Served | undefined;
  underWay: number;
  readonly closing: AbortController;
}

function isReplicaCall(call: string): call is ReplicaCall {
  return (REPLICA_CALLS as readonly string[]).includes(call);
}

export function createEndpointServer(options: EndpointServerOptions): EndpointServer {
  const { send, open } = options;
  const rooms = new Map<number, Room>();
  let underWay = 0;
  let told = 0;
  let beat: NodeJS.Timeout | undefined;

  const answered = (): number => {
    let sum = 0;
    for (const { served } of rooms.values()) sum += served?.answers() ?? 0;
    return sum;
  };

  const run = async ({ call, args }: EndpointRequest, room: Room | undefined): Promise<unknown> => {
    if (room === undefined) throw new Error('a call came before its room was opened');
    const ready = await room.opening;
    if (call === 'ping') return await ready.ping(args[0] as string | null);
    if (!isReplicaCall(call)) return await ready.watch(call, args);
    const method = ready.replica[call] as (...args: readonly unknown[]) => Promise<unknown>;
    return await method(...args);
  };

  const answer = async (request: EndpointRequest): Promise<void> => {
    const { id } = request;
    const room = rooms.get(request.room);
    underWay++;
    if (room !== undefined) room.underWay++;
    beat ??= setInterval(() => {
      const now = answered();
      if (now !== told) send({ kind: 'beat' });
      told = now;
    }, BEAT);
    try {
      send({ kind: 'answer', id, value: await run(request, room) });
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      send({ kind: 'error', id, offline: error instanceof RemoteOffline, message });
    } finally {
      underWay--;
      if (underWay === 0) {
        clearInterval(beat);
        beat = undefined;
      }
      if (room !== undefined) {
        room.underWay--;
        await closeIfQuiet(request.room, room);
      }
    }
  };

  const enter = (message: Extract<ToEndpoint, { kind: 'open' }>): void => {
    const closing = new AbortController();
    const room: Room = {
      anchors: message.anchors,
      opening: open({
        room: message.room,
        roots: message,
        anchors: () => room.anchors,
        signal: closing.signal,
      }),
      served: undefined,
      underWay: 0,
      closing,
    };
    rooms.set(message.room, room);
    room.opening.then(
      (ready) => {
        room.served = ready;
        send({ kind: 'opened', room: message.room });
      },
      () => undefined, // each call is answered with what went wrong
    );
  };

  /** ORDER: the lock goes last: whoever waits for it acts only when nothing of ours may land any more. */
  const closeIfQuiet = async (id: number, room: Room): Promise<void> => {
    if (!room.closing.signal.aborted || room.underWay > 0 || rooms.get(id) !== room) return;
    rooms.delete(id);
    const served = await room.opening.catch(() => undefined);
    await served?.close();
    send({ kind: 'closed', room: id });
  };

  const inBackground = (work: Promise<void>): void => {
    work.catch((error: unknown) => {
      // Sending failed: the parent is gone, and 'disconnect' ends this process.
      if (process.connected) throw error;
    });
  };

  return {
    receive(message) {
      switch (message.kind) {
        case 'open':
          enter(message);
          break;
        case 'anchors': {
          const room = rooms.get(message.room);
          if (room !== undefined) room.anchors = message.anchors;
          break;
        }
        case 'close': {
          const room = rooms.get(message.room);
          if (room === undefined) break;
          room.closing.abort(new RemoteOffline('nobody wants it any more'));
          inBackground(closeIfQuiet(message.room, room));
          break;
        }
        case 'call':
          inBackground(answer(message));
          break;
      }
    },
  };
}
