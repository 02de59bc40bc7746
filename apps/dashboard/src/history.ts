/**
 * The last hour of each pair in steps: how long the queue was, what was done, how many bytes moved. What was done is
 * read from the base, so it is there also for the time before the dashboard started.
 */
import type { BaseReader, LoggedAct } from '@lazysync/base';
import type { RelPath } from '@lazysync/event-model';
import type { HistoryAnswer, Sample } from './shapes.ts';

export const STEP_MS = 5000;
const STEPS = 720;
/** Acts that are read at once. */
const MOST = 20_000;

/** Counts at one moment, since the dashboard began to look, by kind: `upload in remote`. */
export interface Totals {
  readonly acts: ReadonlyMap<string, number>;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

export interface History {
  /** Takes in what the base has logged since the last time, and how long the queue is (null: not known). */
  take(reader: BaseReader | null, queued: number | null): void;
  answer(): HistoryAnswer;
  totals(): Totals;
}

interface Slot {
  queued: number | null;
  actions: number;
  bytesUp: number;
  bytesDown: number;
}

export function createHistory(now: () => number): History {
  const slots = new Map<number, Slot>();
  const acts = new Map<string, number>();
  let bytesUp = 0;
  let bytesDown = 0;
  let last: number | null = null;

  const stepOf = (at: number): number => Math.floor(at / STEP_MS);
  const oldest = (): number => stepOf(now()) - STEPS + 1;
  const slotAt = (at: number): Slot | null => {
    const step = stepOf(at);
    if (step < oldest()) return null;
    const slot = slots.get(step) ?? { queued: null, actions: 0, bytesUp: 0, bytesDown: 0 };
    slots.set(step, slot);
    return slot;
  };

  const count = (reader: BaseReader, act: LoggedAct, since: boolean): void => {
    const slot = slotAt(act.at);
    if (slot === null && !since) return;
    const moved = bytesOf(reader, act);
    if (since) {
      acts.set(act.act, (acts.get(act.act) ?? 0) + 1);
      bytesUp += moved.up;
      bytesDown += moved.down;
    }
    if (slot === null) return;
    slot.actions++;
    slot.bytesUp += moved.up;
    slot.bytesDown += moved.down;
  };

  return {
    take: (reader, queued) => {
      for (const step of slots.keys()) if (step < oldest()) slots.delete(step);
      const slot = slotAt(now());
      if (slot !== null) slot.queued = queued;
      if (reader === null) return;
      const newest = reader.acts({ limit: 1 }).at(-1)?.id ?? 0;
      // A base that was made anew begins to count again.
      if (last !== null && newest < last) last = 0;
      if (newest === last) return;
      for (const act of reader.acts({ after: last ?? 0, limit: MOST })) count(reader, act, last !== null);
      last = newest;
    },
    answer: () => {
      const samples: Sample[] = [];
      const end = stepOf(now());
      for (let step = end - STEPS + 1; step <= end; step++) {
        const slot = slots.get(step) ?? { queued: null, actions: 0, bytesUp: 0, bytesDown: 0 };
        samples.push({ at: step * STEP_MS, ...slot });
      }
      return { stepMs: STEP_MS, samples };
    },
    totals: () => ({ acts: new Map(acts), bytesUp, bytesDown }),
  };
}

/** The size that the base knows now: a file that was changed twice meanwhile counts with its last size. */
function bytesOf(reader: BaseReader, { act, path }: LoggedAct): { readonly up: number; readonly down: number } {
  const up = act === 'upload in remote';
  const down = act === 'hydrate in local';
  if (!up && !down) return { up: 0, down: 0 };
  const row = reader.get(path satisfies RelPath);
  const size = row?.kind === 'file' ? row.remote.size : 0;
  return { up: up ? size : 0, down: down ? size : 0 };
}
