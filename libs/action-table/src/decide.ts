/** Small constructors that the actions share. */
import type {
  BaseChange,
  BaseRecord,
  Cause,
  Decision,
  Entry,
  Need,
  PathView,
  Policy,
  Problem,
  Step,
} from '@lazysync/event-model';
import type { Change } from './classify.ts';

/** What an action decides from: both sides were looked at and classified. `base` is null for a residual, too. */
export interface Case {
  readonly view: PathView;
  readonly base: BaseRecord | null;
  readonly local: Entry;
  readonly remote: Entry;
  readonly localIs: Change;
  readonly remoteIs: Change;
  readonly cause: Cause;
  readonly policy: Policy;
}

export function need(...what: Need[]): Decision {
  return { kind: 'need', what };
}

export function nothing(why: string, ...changes: BaseChange[]): Decision {
  return { kind: 'nothing', changes, why };
}

export function put(record: BaseRecord): BaseChange {
  return { kind: 'put', record };
}

/** The last step at its path. */
export function finalStep(step: Step, why: string): Decision {
  return { kind: 'step', step, why, again: false };
}

/** A step after which the path is planned again. */
export function stepAndAgain(step: Step, why: string): Decision {
  return { kind: 'step', step, why, again: true };
}

export function problem(code: Problem['code'], view: PathView, side: Problem['side'], message: string): Decision {
  return { kind: 'problem', problem: { code, path: view.path, side, message } };
}

/** Removes what lies there; of a directory the rows below go first. */
export function removal(it: Case, side: 'local' | 'remote', why: string, again: boolean): Decision {
  const entry = side === 'local' ? it.local : it.remote;
  if (entry.kind === 'directory' && it.base?.kind === 'directory') {
    if (it.view.children === undefined) return need('children');
    if (it.view.children) return { kind: 'children-first', why };
  }
  return { kind: 'step', step: { kind: 'remove', side, path: it.view.path, expected: entry }, why, again };
}
