/** What a process and its endpoint say to one another. Both are of the same version: the one forks the other. */
import type { Anchors, ChangeKind, RelPath, Side, StagedPart } from '@lazysync/event-model';
import type { Replica } from './replica.ts';

export interface EndpointRoots {
  readonly localRoot: string;
  readonly remoteRoot: string;
  readonly anchors: Anchors;
  /** Locked before anything is done, or null. */
  readonly lock: string | null;
}

/** The calls of a replica that travel. */
export const REPLICA_CALLS = [
  'prepare',
  'check',
  'look',
  'freshLook',
  'list',
  'hash',
  'makeRoom',
  'stage',
  'stageFolder',
  'pack',
  'forgetListings',
  'withdraw',
  'carryOut',
  'recover',
  'fetch',
  'makeEmptyPack',
  'fetchPack',
  'leaveOff',
  'discard',
  'stagedNames',
  'leaveBehind',
  'purge',
] as const satisfies readonly (keyof Replica)[];

export type ReplicaCall = (typeof REPLICA_CALLS)[number];
export type WatchCall = 'watch-start' | 'watch-rewatch' | 'watch-poll' | 'watch-stop';
export type EndpointCall = ReplicaCall | WatchCall | 'ping';

export interface EndpointRequest {
  readonly kind: 'call';
  readonly room: number;
  readonly id: number;
  readonly call: EndpointCall;
  readonly args: readonly unknown[];
}

/** `room`: the pair that it is about. One process serves all pairs of a mount. */
export type ToEndpoint =
  | ({ readonly kind: 'open'; readonly room: number } & EndpointRoots)
  | { readonly kind: 'anchors'; readonly room: number; readonly anchors: Anchors }
  | { readonly kind: 'close'; readonly room: number }
  | EndpointRequest;

/** What the kernel told of the remote, as the listener of a hint source is called. */
export type WatchEvent =
  | {
      readonly kind: 'hint';
      readonly hint: {
        readonly side: Side;
        readonly path: RelPath;
        readonly kind: ChangeKind;
        readonly seen: boolean;
      };
    }
  | { readonly kind: 'open'; readonly path: RelPath }
  | { readonly kind: 'writing'; readonly path: RelPath; readonly writing: boolean }
  | { readonly kind: 'listing'; readonly path: RelPath; readonly open: boolean }
  | { readonly kind: 'moved'; readonly from: RelPath; readonly to: RelPath }
  | {
      readonly kind: 'lost';
      readonly lost: {
        readonly kind: 'overflow' | 'watch-limit' | 'unmounted' | 'failed';
        readonly message: string;
        readonly mend: string | null;
      };
    };

export type FromEndpoint =
  /** The process has begun: from now on it can be expected to answer. */
  | { readonly kind: 'here' }
  | { readonly kind: 'opened'; readonly room: number }
  /** None of its calls is under way any more, and its lock is free. */
  | { readonly kind: 'closed'; readonly room: number }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly offline: boolean; readonly message: string }
  /** The server behind the mount answered something since the last beat. Only while calls are under way. */
  | { readonly kind: 'beat' }
  | {
      readonly kind: 'progress';
      readonly room: number;
      readonly slot: string;
      readonly bytes: number;
      readonly part?: StagedPart;
    }
  | { readonly kind: 'watch'; readonly room: number; readonly events: readonly WatchEvent[] };
