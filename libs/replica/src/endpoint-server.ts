/** The endpoint's side of the conversation: requests in, answers out, and a beat while the mount answers. */
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
}

export interface EndpointServerOptions {
  readonly send: (message: FromEndpoint) => void;
  /** Calls wait until it has resolved. */
  readonly open: (roots: EndpointRoots, anchors: () => Anchors) => Promise<Served>;
}

export interface EndpointServer {
  receive(message: ToEndpoint): void;
}

/** ms between beats. */
const BEAT = 500;

function isReplicaCall(call: string): call is ReplicaCall {
  return (REPLICA_CALLS as readonly string[]).includes(call);
}

export function createEndpointServer(options: EndpointServerOptions): EndpointServer {
  const { send, open } = options;
  let opening: Promise<Served> | undefined;
  let served: Served | undefined;
  let anchors: Anchors = [];
  let underWay = 0;
  let told = 0;
  let beat: NodeJS.Timeout | undefined;

  const run = async (request: EndpointRequest): Promise<unknown> => {
    if (opening === undefined) throw new Error('a call came before the endpoint was opened');
    const ready = await opening;
    const { call, args } = request;
    if (call === 'ping') return await ready.ping(args[0] as string | null);
    if (!isReplicaCall(call)) return await ready.watch(call, args);
    const method = ready.replica[call] as (...args: readonly unknown[]) => Promise<unknown>;
    return await method(...args);
  };

  const answer = async (request: EndpointRequest): Promise<void> => {
    const { id } = request;
    underWay++;
    beat ??= setInterval(() => {
      const now = served?.answers() ?? 0;
      if (now !== told) send({ kind: 'beat' });
      told = now;
    }, BEAT);
    try {
      send({ kind: 'answer', id, value: await run(request) });
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      send({ kind: 'error', id, offline: error instanceof RemoteOffline, message });
    } finally {
      underWay--;
      if (underWay === 0) {
        clearInterval(beat);
        beat = undefined;
      }
    }
  };

  return {
    receive(message) {
      switch (message.kind) {
        case 'open':
          anchors = message.anchors;
          opening = open(message, () => anchors);
          opening.then(
            (ready) => {
              served = ready;
              send({ kind: 'opened' });
            },
            () => undefined, // each call is answered with what went wrong
          );
          break;
        case 'anchors':
          anchors = message.anchors;
          break;
        case 'call':
          answer(message).catch((error: unknown) => {
            // Sending failed: the parent is gone, and 'disconnect' ends this process.
            if (process.connected) throw error;
          });
          break;
      }
    },
  };
}
