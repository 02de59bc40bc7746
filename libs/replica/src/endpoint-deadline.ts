/** How long a call may take before its endpoint counts as stuck. */
import type { EndpointCall } from './endpoint-protocol.ts';
import { RANGE } from './read-in-order.ts';
import type { FetchOrder, FetchPackWish, Order, PackWish } from './replica.ts';

export interface CallDeadline {
  /** The server has answered something to somebody. */
  beat(): void;
  /** Bytes of a fetch have come. */
  progress(slot: string): void;
  cancel(): void;
}

/** ms for one call although the mount answers others: one name on a server may hang alone. */
const LONGEST = 120_000;
/** Bytes per second below which a copy counts as hanging. */
const SLOWEST = 8 * 1024;
/** Bytes per second at which a part of a download, which lies on a local disk, is read again. */
const SLOWEST_DISK = 4 << 20;
/** So many uploads may share a limit. */
const SHARING = 64;

function bytesOf(call: EndpointCall, args: readonly unknown[]): number {
  const sizeOf = ({ step }: Order): number => {
    if (step.kind === 'upload') return step.source.size;
    return step.kind === 'copy' ? step.expected.stat.size : 0;
  };
  if (call === 'hash') return (args[1] as { readonly size: number }).size;
  if (call === 'stage') return sizeOf(args[0] as Order);
  if (call === 'fetchPack') return (args[1] as FetchPackWish).bytes;
  if (call === 'pack') return (args[1] as readonly Order[]).reduce((sum, order) => sum + sizeOf(order), 0);
  if (call !== 'carryOut' && call !== 'recover') return 0;
  return (args[0] as readonly Order[]).reduce((sum, order) => sum + sizeOf(order), 0);
}

function limitOf(call: EndpointCall, args: readonly unknown[]): number | undefined {
  if (call === 'stage') return (args[0] as Order).limit;
  return call === 'pack' ? (args[2] as PackWish).limit : undefined;
}

function countOf(args: readonly unknown[]): number {
  return Array.isArray(args[0]) ? args[0].length : 1;
}

/**
 * `passed` is called once: when the server has answered nothing at all for `quietMs`, or this call alone takes far too
 * long. A slow mount that goes on answering is not a dead one.
 */
export function createCallDeadline(
  call: EndpointCall,
  args: readonly unknown[],
  quietMs: number,
  passed: () => void,
): CallDeadline {
  const fetching = call === 'fetch' ? (args[0] as FetchOrder) : null;
  const pieceMs = fetching === null || fetching.limit === null ? 0 : (RANGE / fetching.limit) * 1000;
  const limit = limitOf(call, args);
  const turnsMs = limit === undefined ? 0 : (bytesOf(call, args) / limit) * 1000 * SHARING;
  const againMs = ((fetching?.part?.bytes ?? 0) / SLOWEST_DISK) * 1000;
  const own = (bytesOf(call, args) / SLOWEST) * 1000 + countOf(args) * 1000;
  const longest = LONGEST + own + pieceMs + turnsMs + againMs;
  // A fetch that waits for its turn under a rate limit asks the mount for nothing meanwhile.
  const quiet = quietMs + pieceMs;
  let last = performance.now();
  let latest = last + longest;
  let timer: NodeJS.Timeout;
  let immediate: NodeJS.Immediate | undefined;
  const wait = (): void => {
    const due = Math.min(last + quiet, latest);
    timer = setTimeout(
      () => {
        // RACE: this process itself may have been held up, and the answer lies unread in the pipe: that is read first.
        immediate = setImmediate(() => {
          if (performance.now() >= Math.min(last + quiet, latest)) passed();
          else wait();
        });
      },
      Math.max(0, due - performance.now()) + 1,
    );
  };
  wait();
  return {
    beat() {
      last = performance.now();
    },
    progress(slot) {
      if (fetching?.slot === slot) latest = performance.now() + longest;
    },
    cancel() {
      clearTimeout(timer);
      clearImmediate(immediate);
    },
  };
}
