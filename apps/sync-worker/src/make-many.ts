/** What only has to be made in local, or written down: many at once, made in one call and recorded in one transaction. */
import { changesAfter } from '@lazysync/action-table';
import type { Act } from '@lazysync/base';
import {
  type BaseChange,
  type Decision,
  type PathView,
  parentOf,
  type RelPath,
  type Step,
} from '@lazysync/event-model';
import type { PairPorts } from './ports.ts';
import type { PathSettler } from './settle-path.ts';

export interface Made {
  readonly step: Step;
  readonly view: PathView;
  readonly why: string;
}

/** EEXIST is all the precondition that these have, and no user's work is touched by them. */
export function isQuickMake(decision: Decision): decision is Extract<Decision, { kind: 'step' }> {
  if (decision.kind !== 'step') return false;
  const { step } = decision;
  return step.kind === 'make-stub' || (step.kind === 'make-directory' && step.side === 'local');
}

export interface ManyMade {
  /** Paths at which something else was found. */
  readonly again: readonly RelPath[];
  /** What was written down. */
  readonly changes: readonly BaseChange[];
  /** How many stubs. */
  readonly stubs: number;
}

export interface ManyOptions {
  /** They are made at once, and written down when this is over. */
  readonly before?: Promise<void>;
  /** How many more stubs' acts are written down; asked when that is due. */
  readonly logged?: () => number;
}

/** Folders come before what is in them. */
export async function makeMany(
  ports: PairPorts,
  settler: Pick<PathSettler, 'afterStub' | 'noteChange'>,
  made: readonly Made[],
  written: readonly BaseChange[],
  { before, logged = () => Infinity }: ManyOptions = {},
): Promise<ManyMade> {
  const again: RelPath[] = [];
  const acts: Act[] = [];
  let stubsMade = 0;
  const changes = [...written];
  const folders = made.filter(({ step }) => step.kind === 'make-directory');
  const stubs = made.filter(({ step }) => step.kind !== 'make-directory');
  // ORDER: folders first; then the stubs of one folder together, which are made in one go.
  const all = [...folders, ...[...Map.groupBy(stubs, ({ step }) => parentOf(step.path)).values()].flat()];
  const outcomes = await ports.local.carryOut(all.map(({ step }) => ({ slot: '', step })));
  await before;
  const most = logged();
  outcomes.forEach((outcome, i) => {
    const one = all[i];
    if (one === undefined) return;
    const { step, view, why } = one;
    if (outcome.kind !== 'done') {
      again.push(step.path);
      return;
    }
    if (step.kind === 'make-stub') settler.afterStub(step.path, view.remote);
    // Whoever watches folders is told of new ones by their acts.
    if (step.kind === 'make-directory' || ++stubsMade <= most)
      acts.push({ path: step.path, act: `${step.kind} in ${step.side}`, why });
    changes.push(...changesAfter({ step, ...outcome }, view, null, BigInt(ports.now()) * 1_000_000n));
  });
  if (again.length < all.length) settler.noteChange();
  ports.base.record(changes, [], acts, ports.now());
  return { again, changes, stubs: stubsMade };
}
