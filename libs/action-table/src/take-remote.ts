/** Local becomes what remote is: a stub for a file, a directory for a directory, the user's link for a link. */
import { type Decision, type Entry, remotePrint } from '@lazysync/event-model';
import { type Case, finalStep, need, nothing, problem, put, removal, stepAndAgain } from './decide.ts';
import { moveAlong } from './move-along.ts';
import { carriedTarget } from './user-link.ts';

/** What is made where local has nothing. */
export function makeFromRemote(it: Case, why: string): Decision {
  const { view, remote, policy } = it;
  const { path } = view;
  switch (remote.kind) {
    case 'file':
      return finalStep({ kind: 'make-stub', side: 'local', path }, why);
    case 'directory':
      return finalStep({ kind: 'make-directory', side: 'local', path, mode: remote.mode }, why);
    case 'symlink': {
      const target = carriedTarget(remote.target, path, policy.remoteRoot);
      return finalStep({ kind: 'make-symlink', side: 'local', path, target }, why);
    }
    case 'absent':
    case 'stub':
    case 'other':
    case 'unknown':
      return problem('failed', view, 'remote', 'The remote changed while it was looked at; it is looked at again.');
  }
}

function sameShape(base: Case['base'], remote: Entry): boolean {
  return base !== null && base.kind === remote.kind;
}

export function takeRemote(it: Case): Decision {
  const { base, local, remote, view, policy } = it;
  if (local.kind === 'absent') return moveAlong(it) ?? makeFromRemote(it, 'new in remote');
  if (!sameShape(base, remote)) return removal(it, 'local', `remote is a ${remote.kind} now`, true);
  if (remote.kind === 'file' && local.kind === 'stub' && base?.kind === 'file') {
    if (it.localIs.kind === 'touched' && local.points !== view.path) {
      return stepAndAgain(
        { kind: 'repoint', side: 'local', path: view.path, expected: local },
        'the stub leads to its own file again',
      );
    }
    const record = put({
      kind: 'file',
      form: 'stub',
      path: view.path,
      remote: remotePrint(remote.stat),
      link: local.identity,
    });
    if (it.cause.hydrate) return { kind: 'download', remote: remotePrint(remote.stat), why: 'opened' };
    return nothing('new version in remote, the stub shows it', record);
  }
  if (remote.kind === 'file' && local.kind === 'file' && base?.kind === 'file' && base.form === 'copy') {
    const keep = base.origin === 'local';
    return finalStep(
      { kind: 'dehydrate', side: 'local', path: view.path, expected: local, keep },
      'new version in remote',
    );
  }
  if (remote.kind === 'symlink') {
    const target = carriedTarget(remote.target, view.path, policy.remoteRoot);
    if (local.kind === 'symlink' && local.target === target) {
      return nothing(
        'same link',
        put({ kind: 'symlink', path: view.path, localTarget: local.target, remoteTarget: remote.target }),
      );
    }
    return removal(it, 'local', 'the link changed in remote', true);
  }
  return need('remote');
}
