/**
 * Looks for what was left in the stage folders, some time after a start and after an outage: of nothing that is under way
 * any more, and still there at a second look.
 */
import { isOwn, type RelPath, type Side } from '@lazysync/event-model';
import { RemoteOffline, slotOf } from '@lazysync/replica';
import { checkRoot } from './guards.ts';
import { PairHeld } from './holds.ts';
import { type PairPorts, processTimers } from './ports.ts';

/** ms. Calls of a process that died may land until then. */
const LATER_MS = 30_000;
/** ms of this process's time for each look, on average. */
const EACH_MS = 500;
const BETWEEN_MS = 10_000;

export interface StageKeeper {
  /** The remote answers again, or everything has just begun. */
  soon(): void;
  /** The look that is under way is over. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** The remote's stage folder is also other clients': only what this base's own starts have named counts there. */
async function leftIn(ports: PairPorts, side: Side): Promise<ReadonlySet<RelPath>> {
  const { base } = ports;
  await checkRoot(ports, side);
  // ORDER: the names first: whatever is begun is in the base before its name is made.
  const names = await ports[side].stagedNames();
  const busy = new Set([...base.intents(), ...base.leftovers()].map(({ slot }) => slot));
  for (const { packed } of base.intents()) if (packed !== undefined) busy.add(packed);
  for (const { id } of base.transfers()) busy.add(id);
  const mine = ports.clients();
  const isLeft = (path: RelPath): boolean => {
    const slot = slotOf(path);
    if (slot === '') return true;
    return isOwn(path) && !busy.has(slot) && (side === 'local' || mine.has(slot.split('-')[1] ?? ''));
  };
  return new Set(names.filter(isLeft));
}

/** `pairs`: how many this process may serve. They all come at once at a start, and are looked at one after the other. */
export function keepStageClean(ports: PairPorts, pairs: () => number = () => 1): StageKeeper {
  const timers = ports.timers ?? processTimers;
  let waiting: { cancel(): void } | null = null;
  let running: Promise<void> = Promise.resolve();
  let closed = false;
  const once: Record<Side, ReadonlySet<RelPath>> = { local: new Set(), remote: new Set() };

  async function look(side: Side, again: boolean): Promise<boolean> {
    const found = await leftIn(ports, side);
    if (!again) {
      once[side] = found;
      return found.size > 0;
    }
    const left = [...found].filter((path) => once[side].has(path));
    if (left.length === 0) return false;
    await ports[side].leaveBehind(left);
    ports.log('warn', 'what was left in a stage folder went to the trash', { side, names: left.length });
    return false;
  }

  async function round(again: boolean): Promise<void> {
    const both = [await look('local', again), await look('remote', again)];
    if (both.includes(true) && !closed) later(BETWEEN_MS, true);
  }

  function later(ms: number, again: boolean): void {
    waiting?.cancel();
    waiting = timers.after(ms, () => {
      waiting = null;
      running = round(again).catch((error: unknown) => {
        // Whoever comes back is asked again then; the rest waits for the next start.
        if (!closed && !(error instanceof RemoteOffline) && !(error instanceof PairHeld))
          ports.log('warn', 'the stage folders could not be looked through', { err: error });
      });
    });
  }

  return {
    soon: () => {
      // ORDER: not put off by a remote that comes and goes: the second look is what tells.
      if (!closed && waiting === null) later(LATER_MS + Math.random() * (pairs() - 1) * EACH_MS, false);
    },
    settled: () => running,
    close: async () => {
      closed = true;
      waiting?.cancel();
      await running;
    },
  };
}
