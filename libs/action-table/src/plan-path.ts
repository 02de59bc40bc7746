/**
 * What to do at one path: from why it is looked at, what is there now, and the base. Decides one step at a time; the
 * worker carries it out, writes down what is really there afterwards, and plans the path again.
 */
import {
  type Cause,
  type Decision,
  DIFFERS_IN_CASE,
  type Entry,
  MOUNTED_INSIDE,
  type PathView,
  type Policy,
  type ProblemCode,
} from '@lazysync/event-model';
import { ACTION_TABLE, type LocalState, type RemoteState } from './action-table.ts';
import { type Change, localChange, remoteChange } from './classify.ts';
import { type Case, need, nothing, problem, removal } from './decide.ts';
import { keepBoth } from './keep-both.ts';
import { sendLocal } from './send-local.ts';
import { settle } from './settle.ts';
import { makeFromRemote, takeRemote } from './take-remote.ts';

const LOCAL_STATE = {
  unchanged: 'unchanged',
  touched: 'unchanged',
  created: 'changed',
  modified: 'changed',
  deleted: 'deleted',
} as const;

type Seen = Exclude<Change['kind'], 'compare' | 'origin' | 'unknown'>;

function stateOf(change: Seen): LocalState & RemoteState {
  return LOCAL_STATE[change];
}

/** Why a side can not be known. */
function codeOf(entry: Entry): ProblemCode {
  if (entry.kind !== 'other') return 'unreadable';
  switch (entry.what) {
    case MOUNTED_INSIDE:
      return 'other-file-system';
    case DIFFERS_IN_CASE:
      return 'case-collision';
    default:
      return 'special-file';
  }
}

function act(it: Case, local: Seen, remote: Seen): Decision {
  const action = ACTION_TABLE[stateOf(local)][stateOf(remote)];
  switch (action) {
    case 'settle':
      return settle(it);
    case 'take-remote':
      return takeRemote(it);
    case 'remove-local':
      return removal(it, 'local', 'deleted in remote', false);
    case 'send-local':
      return sendLocal(it);
    case 'keep-both':
      return keepBoth(it);
    case 'remove-remote':
      return removal(it, 'remote', 'deleted in local', false);
    case 'take-remote-again':
      return makeFromRemote(it, 'deleted in local, changed in remote: the edit stays');
    case 'forget':
      return nothing('deleted on both sides', { kind: 'forget', path: it.view.path });
  }
}

/** Nothing can be seen of the other side here, or nothing needs to be. */
function localAlone(view: PathView, local: Seen, cause: Cause): Decision | null {
  if (local !== 'unchanged' || cause.side !== 'local' || view.remote !== undefined) return null;
  // What had stayed on one side may be gone now: only both sides together tell that its row is no longer true.
  if (view.base?.kind === 'residual') return null;
  if (view.local?.kind === 'stub' && view.base?.kind === 'file' && cause.hydrate) {
    return { kind: 'download', remote: view.base.remote, why: 'opened' };
  }
  return nothing('in agreement');
}

export function planPath(view: PathView, cause: Cause, policy: Policy): Decision {
  const { local } = view;
  if (local === undefined) return need('local');
  // What stays on one side only counts as nothing agreed; it is left alone while it is all there is.
  const residual = view.base?.kind === 'residual' ? view.base : null;
  const base = residual === null ? view.base : null;
  const localIs = localChange(view, base, local);
  if (localIs.kind === 'unknown') {
    return problem(
      codeOf(local),
      view,
      'local',
      `The local side ${localIs.why}; nothing is done here until that changes.`,
    );
  }
  if (localIs.kind === 'compare') return need('local-hash');
  if (localIs.kind === 'origin') return need('origin');
  const alone = localAlone(view, localIs.kind, cause);
  if (alone !== null && !(local.kind === 'stub' && local.target !== `${policy.anchor}/${view.path}`)) return alone;

  const { remote } = view;
  if (remote === undefined) return need('remote');
  const remoteIs = remoteChange(view, base, remote, policy.compareLimit, localIs);
  if (remoteIs.kind === 'unknown') {
    if (remote.kind === 'stub') {
      return problem(
        'other-pair',
        view,
        'remote',
        `The remote side ${remoteIs.why}, which leads nowhere here; it is left as it is.`,
      );
    }
    return problem(
      codeOf(remote),
      view,
      'remote',
      `The remote side ${remoteIs.why}; nothing is done here until that changes.`,
    );
  }
  if (remoteIs.kind === 'compare' || remoteIs.kind === 'origin') return need('remote-hash');
  if (residual !== null) {
    const other = residual.side === 'local' ? remote : local;
    const kept = residual.side === 'local' ? local : remote;
    if (kept.kind === 'absent' && other.kind === 'absent') return nothing('gone', { kind: 'forget', path: view.path });
    if (other.kind === 'absent') return nothing('stays on one side');
  }
  return act({ view, base, local, remote, localIs, remoteIs, cause, policy }, localIs.kind, remoteIs.kind);
}
