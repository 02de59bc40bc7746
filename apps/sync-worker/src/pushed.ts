/**
 * Changes that a watcher beside the remote's disk has pushed. It has no base, so most of what it tells right after an
 * upload is our own doing; and the mount may still show what was there before, out of its cache.
 */
import type { BaseReader } from '@lazysync/base';
import type { ChangeEvent, Entry, Pushed, SyncEvent } from '@lazysync/event-model';
import { listingCacheMs } from './mount-memory.ts';
import { type PairPorts, type PairTimers, processTimers } from './ports.ts';

const SECOND_NS = 1_000_000_000n;

/** A mount may keep whole seconds only. */
function sameTime(shown: bigint, real: bigint): boolean {
  return shown === real || (shown % SECOND_NS === 0n && real - (real % SECOND_NS) === shown);
}

/** The base says the same already: our own upload, or something that was found by other means. */
export function isKnown(event: SyncEvent, base: Pick<BaseReader, 'get'>): boolean {
  if (event.kind === 'rescan' || event.kind === 'access' || event.kind === 'staged' || event.kind === 'command')
    return false;
  const { pushed, path } = event;
  if (pushed === undefined) return false;
  const row = base.get(path);
  switch (pushed.kind) {
    case 'file': {
      if (row?.kind !== 'file' || (row.form === 'copy' && row.remoteRacy === true)) return false;
      const { size, mtimeNs, mode } = row.remote;
      return size === pushed.size && mode === pushed.mode && sameTime(mtimeNs, BigInt(pushed.mtimeNs));
    }
    case 'directory':
      return row?.kind === 'directory' && row.remoteMode === pushed.mode;
    case 'absent':
      return row === null;
    case 'other':
      return false;
  }
}

/** The mount shows something else than the disk behind it did. `seen`: of a file what its server said when it was asked. */
export function isStale(pushed: Pushed, seen: Entry | undefined): boolean {
  if (seen === undefined || seen.kind === 'file') return false;
  switch (pushed.kind) {
    case 'absent':
    case 'file':
    case 'directory':
      return seen.kind !== pushed.kind;
    case 'other':
      return seen.kind === 'absent' || seen.kind === 'directory';
  }
}

const FIRST_MS = 500;
const LONGEST_MS = 5_000;

export interface Repeats {
  /** Tells it again later, unless the mount's cache must be over by then. */
  again(event: ChangeEvent): void;
  stop(): void;
}

type RepeatPorts = Pick<PairPorts, 'base' | 'publish' | 'log'> & { readonly timers?: Pick<PairTimers, 'after'> };

/** Waits out the mount's cache by telling again, not by holding the lane. */
export function createRepeats(ports: RepeatPorts): Repeats {
  const timers = ports.timers ?? processTimers;
  let waiting: ChangeEvent[] = [];
  let timer: { cancel(): void } | null = null;

  const cacheMs = (): number => listingCacheMs(ports) ?? 0;
  const pauseBefore = (round: number): number => Math.min(FIRST_MS * 2 ** round, LONGEST_MS);
  /** ms from the push to the last telling. */
  const soFar = (rounds: number): number => {
    let sum = 0;
    for (let round = 0; round < rounds; round++) sum += pauseBefore(round);
    return sum;
  };

  const publish = (): void => {
    timer = null;
    const due = waiting;
    waiting = [];
    ports
      .publish(due)
      .catch((error: unknown) => ports.log('warn', 'changes of the remote could not be told again', { err: error }));
  };

  return {
    again(event) {
      const told = event.again ?? 0;
      if (soFar(told) > cacheMs()) return;
      waiting.push({ ...event, again: told + 1 });
      timer ??= timers.after(pauseBefore(told), publish);
    },
    stop() {
      timer?.cancel();
      timer = null;
    },
  };
}
