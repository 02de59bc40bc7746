/**
 * What waits for a person's yes: a mass delete that nobody saw happening, and any root that is suddenly empty. A hold is
 * shown as a problem of the pair; approve and reject come beside the lane, whose head waits meanwhile.
 */
import { createHash } from 'node:crypto';
import type { Base } from '@lazysync/base';
import { type Problem, ROOT, type Side } from '@lazysync/event-model';

export type Decided = 'approve' | 'reject';

export interface Hold {
  /** The same for the same set of deletes, so that a yes counts for what was shown and for nothing else. */
  readonly id: string;
  /** Where the things are gone. */
  readonly lost: Side;
  readonly message: string;
}

/** More deletes than this, and more than this part of all entries, are held when no kernel event told of them. */
const MANY = 100;
const PART = 0.25;
/** Decisions remembered. */
const KEPT = 50;

export class PairHeld extends Error {
  readonly hold: Hold | null;
  /** `hold` null: a root is not ours (any more); it goes on by itself when that is mended. */
  constructor(message: string, hold: Hold | null) {
    super(message);
    this.hold = hold;
  }
}

/** A person has said that the root was not meant to be emptied: what is gone there is to be brought back first. */
export class EmptyingRejected extends Error {
  readonly hold: Hold;
  constructor(hold: Hold) {
    super(`the ${hold.lost} folder was not meant to be emptied`);
    this.hold = hold;
  }
}

export function massDelete(lost: Side, paths: readonly string[], count: number, all: number): Hold | null {
  if (count <= MANY || count <= all * PART) return null;
  const id = createHash('sha256')
    .update([lost, ...[...paths].sort()].join('\0'))
    .digest('hex')
    .slice(0, 12);
  const sample = paths.slice(0, 3).join(', ');
  const message = `${count} of ${all} entries are gone in ${lost} (${sample} …) and nobody was seen deleting them: \`lazysync approve\` deletes them on the other side, too; \`lazysync reject\` brings them back.`;
  return { id, lost, message };
}

export function emptiedRoot(lost: Side): Hold {
  const message = `The ${lost} folder is suddenly empty: \`lazysync approve\` empties the other side, too; \`lazysync reject\` brings everything back.`;
  return { id: `emptied-${lost}`, lost, message };
}

export interface Holds {
  decision(hold: Hold): Decided | null;
  /** Throws `PairHeld` unless it was approved or rejected; answers which. */
  require(hold: Hold): Decided;
  show(hold: Hold): void;
  /** Says what the shown hold is to come to; null: nothing is held. */
  decide(decided: Decided): Hold | null;
  /** Carried out: the same deletes would be asked about again. */
  close(hold: Hold): void;
}

export function createHolds(base: Base, now: () => number): Holds {
  const read = (): [string, Decided][] => JSON.parse(base.meta('decisions') ?? '[]') as [string, Decided][];
  const write = (all: readonly (readonly [string, Decided])[]): void =>
    base.setMeta('decisions', JSON.stringify(all.slice(-KEPT)));
  let shown: Hold | null = null;

  const decision = (hold: Hold): Decided | null => read().find(([id]) => id === hold.id)?.[1] ?? null;
  return {
    decision,
    require(hold) {
      const decided = decision(hold);
      if (decided === null) throw new PairHeld(hold.message, hold);
      return decided;
    },
    show(hold) {
      shown = hold;
      const problem: Problem = { code: 'held', path: ROOT, side: hold.lost, message: hold.message };
      base.putProblem(problem, now());
    },
    decide(decided) {
      const hold = shown;
      if (hold === null) return null;
      write([...read().filter(([id]) => id !== hold.id), [hold.id, decided]]);
      base.clearProblem(ROOT);
      shown = null;
      return hold;
    },
    close(hold) {
      write(read().filter(([id]) => id !== hold.id));
    },
  };
}
