/**
 * Stage names of uploads that are done: each is a second name of a file that is in its place by now. They are removed off
 * the path, because on a mount that takes as long as giving the first one. The journal knows them until they are gone.
 */
import { RemoteOffline } from '@lazysync/replica';
import { checkRoot } from './guards.ts';
import { PairHeld } from './holds.ts';
import { type PairPorts, processTimers } from './ports.ts';

/** Names in one call. */
const MANY = 32;
/** After a failure, ms. */
const AGAIN_MS = 1_000;
/** The lane at rest for so long, ms, or so many names: until then they would only hold up the uploads that come after. */
const QUIET_MS = 300;
const ENOUGH = 4096;

export interface Sweeper {
  add(slot: string): void;
  /** A job of the lane begins, or is over. */
  atWork(working: boolean): void;
  /** Names that are still there. */
  readonly left: number;
  /** What is not removed now is removed after the next start. */
  close(): Promise<void>;
}

export function createSweeper(ports: PairPorts): Sweeper {
  const { base } = ports;
  const timers = ports.timers ?? processTimers;
  const slots = new Set<string>();
  let running: Promise<void> | null = null;
  let waiting: { cancel(): void } | null = null;
  let closed = false;
  let working = false;

  const isTime = (): boolean => slots.size > 0 && (!working || slots.size >= ENOUGH);

  async function sweepOnce(): Promise<void> {
    const some = [...slots].slice(0, MANY);
    await checkRoot(ports, 'remote');
    await ports.remote.discard(some);
    // ORDER: asked again: in a folder whose mount is gone no such name is found, either.
    await checkRoot(ports, 'remote');
    base.record([], some);
    for (const slot of some) slots.delete(slot);
  }

  async function sweep(): Promise<void> {
    try {
      while (isTime()) await sweepOnce();
    } catch (error) {
      if (closed) return;
      if (!(error instanceof RemoteOffline || error instanceof PairHeld))
        ports.log('warn', 'stage names could not be removed yet', { err: error });
      startAfter(AGAIN_MS);
    }
  }

  function startAfter(ms: number): void {
    waiting?.cancel();
    waiting = timers.after(ms, () => {
      waiting = null;
      start();
    });
  }

  function start(): void {
    if (closed || running !== null || waiting !== null || !isTime()) return;
    running = sweep().finally(() => {
      running = null;
    });
  }

  for (const { slot } of base.leftovers()) slots.add(slot);
  start();

  return {
    add(slot) {
      slots.add(slot);
      if (closed || running !== null) return;
      if (slots.size < ENOUGH) startAfter(QUIET_MS);
      else start();
    },
    atWork(now) {
      working = now;
      if (!working && running === null && slots.size > 0) startAfter(QUIET_MS);
    },
    get left() {
      return slots.size;
    },
    async close() {
      waiting?.cancel();
      waiting = null;
      working = false;
      start();
      closed = true;
      await running;
    },
  };
}
