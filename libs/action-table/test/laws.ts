/** What must hold of every decision, whatever the table says: P1, P3, P8, P10, P12 as conditions on one step. */
import {
  type BaseChange,
  type Cause,
  type Decision,
  type Entry,
  type Need,
  type PathView,
  type Policy,
  type Problem,
  remotePrint,
  type Side,
  type Step,
  samePrint,
  sameVersion,
} from '@lazysync/event-model';
import { planPath } from '../src/index.ts';

/** What is truly there: the planner only sees fingerprints. */
export interface Truth {
  /** Of local, remote and the base; null: nothing of a user's. */
  readonly local: string | null;
  readonly remote: string | null;
  readonly base: string | null;
}

type Building = { -readonly [K in keyof PathView]: PathView[K] };

/** Answers one need. `undefined` answers are not allowed. */
export type Answer = (need: Need, view: PathView) => Partial<PathView>;

export type Planned =
  | { readonly kind: 'decided'; readonly decision: Decision; readonly view: PathView; readonly asked: readonly Need[] }
  | { readonly kind: 'breach'; readonly why: string };

const FIELD = {
  local: 'local',
  remote: 'remote',
  'local-hash': 'localHash',
  'remote-hash': 'remoteHash',
  origin: 'origin',
  'remote-origin': 'remoteOrigin',
  children: 'children',
} as const;

/** Plans with all needs answered. A need for what was given, or a seventh round, is a breach. */
export function planFully(start: PathView, cause: Cause, policy: Policy, answer: Answer): Planned {
  const view: Building = { ...start };
  const asked: Need[] = [];
  for (let round = 0; round < 6; round++) {
    const decision = planPath(view, cause, policy);
    if (decision.kind !== 'need') return { kind: 'decided', decision, view, asked };
    if (decision.what.length === 0) return { kind: 'breach', why: 'needs nothing at all' };
    for (const need of decision.what) {
      if (view[FIELD[need]] !== undefined) {
        // Two needs of one decision may be asked together although one is known: harmless unless nothing is new.
        if (decision.what.every((one) => view[FIELD[one]] !== undefined))
          return { kind: 'breach', why: `asks again for ${need}` };
        continue;
      }
      asked.push(need);
      Object.assign(view, answer(need, view));
    }
  }
  return { kind: 'breach', why: `still asks after six rounds: ${asked.join(', ')}` };
}

const unseen = (entry: Entry | undefined): boolean => entry?.kind === 'unknown' || entry?.kind === 'other';

const contents = (entry: Entry): boolean => entry.kind === 'file' || entry.kind === 'symlink';

/** May what lies on `side` leave its name? Only what the other side, the base or nobody's content answers for. */
function mayGo(side: Side, view: PathView, truth: Truth): string | null {
  const entry = view[side];
  if (entry === undefined) return `takes away from ${side} without having looked`;
  if (entry.kind === 'stub') return entry.points === null ? "takes another pair's stub away" : null;
  if (entry.kind === 'directory') {
    if (view.base?.kind !== 'directory') return 'removes a directory that the base does not know';
    return view.children === false ? null : 'removes a directory with rows below';
  }
  if (!contents(entry)) return `removes a thing that is ${entry.kind}`;
  const mine = truth[side];
  const others = truth[side === 'local' ? 'remote' : 'local'];
  if (mine === truth.base || mine === others) return null;
  return `takes away content of ${side} that is neither the base's nor on the other side`;
}

function badStep(step: Step, view: PathView, truth: Truth, cause: Cause): string | null {
  const { local, remote } = view;
  if (unseen(local) || unseen(remote)) return 'acts although a side can not be seen';
  if (remote?.kind === 'stub') return "acts over another client's stub";
  if (step.path !== view.path && step.kind !== 'move') return 'acts at another path';
  const there = view[step.side];
  switch (step.kind) {
    case 'make-stub':
      return there?.kind === 'absent' && remote?.kind === 'file' ? null : 'makes a stub over something or of nothing';
    case 'make-directory': {
      const other = step.side === 'local' ? remote : local;
      return there?.kind === 'absent' && other?.kind === 'directory' && other.mode === step.mode
        ? null
        : 'makes a directory over something or like nothing';
    }
    case 'make-symlink':
      return there?.kind === 'absent' ? null : 'makes a link over something';
    case 'upload':
      if (local?.kind !== 'file' || !sameVersion(local.stat, step.source)) return 'uploads what is not there';
      if (step.expected !== remote) return 'uploads onto what was not seen';
      if (step.expected.kind === 'absent') return null;
      return step.expected.kind === 'file' ? mayGo('remote', view, truth) : 'uploads onto no file';
    case 'hydrate':
      return 'hydrates without a transfer';
    case 'dehydrate':
      if (step.expected !== local) return 'dehydrates what was not seen';
      if (remote?.kind !== 'file') return 'dehydrates without a file in remote';
      if (truth.local !== truth.base) return 'dehydrates content that the base does not know';
      return view.base?.kind === 'file' && view.base.form === 'copy' && step.keep !== (view.base.origin === 'local')
        ? 'keeps the wrong copies'
        : null;
    case 'repoint':
      if (step.expected !== local) return 'repoints what was not seen';
      return local.kind === 'stub' && local.points !== null ? null : 'repoints no stub of ours';
    case 'remove':
      if (step.expected !== there) return 'removes what was not seen';
      return there.kind === 'absent' ? 'removes nothing' : mayGo(step.side, view, truth);
    case 'move':
      if (step.side === 'local') {
        if (step.from !== view.path || step.path === view.path) return 'moves another thing';
        if (step.expected !== local) return 'moves what was not seen';
        return local.kind === 'absent' || remote?.kind === 'absent' ? 'moves out of nobody’s way' : null;
      }
      if (step.path !== view.path || step.from === view.path) return 'moves to another path';
      if (remote?.kind !== 'absent') return 'moves onto something';
      return step.expected === view.origin?.remote ? null : 'moves what was not seen';
    case 'copy':
      if (remote?.kind !== 'absent') return 'copies onto something';
      return step.expected === view.origin?.remote && local?.kind === 'stub' ? null : 'copies what was not seen';
    case 'set-metadata': {
      if (step.expected !== there) return 'sets metadata on what was not seen';
      if (cause.hydrate && local?.kind === 'stub') return 'sets metadata through a stub';
      if (local?.kind === 'directory' && remote?.kind === 'directory') return null;
      return truth.local !== null && truth.local === truth.remote ? null : 'sets metadata over a change of content';
    }
  }
}

function badChange(change: BaseChange, view: PathView, truth: Truth): string | null {
  const { local, remote } = view;
  if (change.kind === 'forget') {
    return local?.kind === 'absent' && remote?.kind === 'absent' ? null : 'forgets what is still there';
  }
  if (change.kind !== 'put') return `writes down ${change.kind} without an act`;
  const { record } = change;
  if (record.path !== view.path) return 'writes down another path';
  if (local === undefined || remote === undefined) return 'writes down what it did not see';
  switch (record.kind) {
    case 'directory':
      return local.kind === 'directory' &&
        remote.kind === 'directory' &&
        record.localMode === local.mode &&
        record.remoteMode === remote.mode &&
        record.local === local.identity
        ? null
        : 'writes down a directory that is not';
    case 'symlink':
      return local.kind === 'symlink' &&
        remote.kind === 'symlink' &&
        record.localTarget === local.target &&
        record.remoteTarget === remote.target
        ? null
        : 'writes down a link that is not';
    case 'residual':
      return 'writes down a residual';
    case 'file': {
      if (remote.kind !== 'file' || !samePrint(record.remote, remotePrint(remote.stat)))
        return 'writes down a version that remote does not show';
      if (record.form === 'stub') {
        return local.kind === 'stub' && local.points === view.path && record.link === local.identity
          ? null
          : 'writes down a stub that is not';
      }
      if (local.kind !== 'file' || !sameVersion(record.local, local.stat)) return 'writes down a copy that is not';
      if (truth.local !== truth.remote) return 'writes down as the same what is not';
      return record.hash === truth.local ? null : 'writes down a wrong hash';
    }
  }
}

function badProblem(problem: Problem, view: PathView): string | null {
  if (problem.path !== view.path) return 'tells of a problem elsewhere';
  return /^[A-Z].*\.$/s.test(problem.message) ? null : `tells of a problem in no sentence: ${problem.message}`;
}

/** The first law that this decision breaks, or null. */
export function breach(decision: Decision, view: PathView, truth: Truth, cause: Cause): string | null {
  const { local, remote } = view;
  if (unseen(local) && decision.kind !== 'problem') return `local can not be seen, and still: ${decision.kind}`;
  if ((unseen(remote) || remote?.kind === 'stub') && decision.kind !== 'problem')
    return `remote can not be seen, and still: ${decision.kind}`;
  switch (decision.kind) {
    case 'need':
      return 'is not decided';
    case 'problem':
      return badProblem(decision.problem, view);
    case 'children-first':
      return view.base?.kind === 'directory' && view.children === true ? null : 'waits for children that are not';
    case 'download': {
      if (!cause.hydrate) return 'downloads what nobody opened';
      if (local?.kind !== 'stub' || local.points !== view.path) return 'downloads without a stub';
      return remote === undefined || (remote.kind === 'file' && samePrint(decision.remote, remotePrint(remote.stat)))
        ? null
        : 'downloads another version than is seen';
    }
    case 'nothing':
      for (const change of decision.changes) {
        const bad = badChange(change, view, truth);
        if (bad !== null) return bad;
      }
      return decision.why === '' ? 'does not say why' : null;
    case 'step':
      return decision.why === '' ? 'does not say why' : badStep(decision.step, view, truth, cause);
  }
}
