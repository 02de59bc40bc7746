/** Remote becomes what local is: a file goes up, a folder or link is made, what was moved here is moved there. */
import { type Decision, type Origin, type PathView, remotePrint, type Step, samePrint } from '@lazysync/event-model';
import { isMovedHere } from './classify.ts';
import { type Case, finalStep, need, problem, removal, stepAndAgain } from './decide.ts';
import { carriedTarget } from './user-link.ts';

function move(view: PathView, origin: Origin, below: boolean): Decision {
  const step: Step = {
    kind: 'move',
    side: 'remote',
    from: origin.record.path,
    path: view.path,
    expected: origin.remote,
  };
  return { kind: 'step', step, why: `moved from ${origin.record.path}`, again: true, below };
}

function sendFile(it: Case): Decision {
  const { view, local, remote } = it;
  if (local.kind !== 'file') return need('local');
  if (remote.kind === 'directory' || remote.kind === 'symlink')
    return removal(it, 'remote', 'local is a file now', true);
  if (it.base === null) {
    if (view.origin === undefined) return need('origin');
    const { origin } = view;
    // A false pair would put one file's content under another's name: any doubt makes it an upload.
    if (origin?.record.kind === 'file' && origin.remote.kind === 'file' && isMovedHere(local, origin)) {
      if (samePrint(origin.record.remote, remotePrint(origin.remote.stat))) return move(view, origin, false);
    }
  }
  const why = remote.kind === 'absent' ? 'new in local' : 'changed in local';
  const step: Step = { kind: 'upload', side: 'remote', path: view.path, source: local.stat, expected: remote };
  return finalStep(it.policy.replace === 'capture' && remote.kind === 'file' ? { ...step, capture: true } : step, why);
}

function sendDirectory(it: Case): Decision {
  const { view, local, remote } = it;
  if (local.kind !== 'directory') return need('local');
  if (remote.kind === 'file' || remote.kind === 'symlink')
    return removal(it, 'remote', 'local is a directory now', true);
  if (it.base === null) {
    if (view.origin === undefined) return need('origin');
    const { origin } = view;
    if (origin?.record.kind === 'directory' && origin.remote.kind === 'directory' && isMovedHere(local, origin)) {
      return move(view, origin, true);
    }
  }
  return finalStep({ kind: 'make-directory', side: 'remote', path: view.path, mode: local.mode }, 'new in local');
}

function sendSymlink(it: Case): Decision {
  const { view, local, remote, policy } = it;
  if (local.kind !== 'symlink') return need('local');
  if (remote.kind !== 'absent') return removal(it, 'remote', 'local is a link now', true);
  const target = carriedTarget(local.target, view.path, policy.localRoot);
  return finalStep({ kind: 'make-symlink', side: 'remote', path: view.path, target }, 'new link in local');
}

/** A stub that lies where it does not belong: moved or copied here. No content is in it, so none may be lost by it. */
function sendStub(it: Case): Decision {
  const { view, local, remote } = it;
  if (local.kind !== 'stub') return need('local');
  if (local.points === null) {
    return problem(
      'other-pair',
      view,
      'local',
      'This stub belongs to another pair: move the file itself there, or remove the stub.',
    );
  }
  if (view.origin === undefined) return need('origin');
  const { origin } = view;
  if (origin?.remote.kind === 'unknown') {
    const message = `What this stub stands for can not be looked at (${origin.remote.reason}); it is left as it is until that changes.`;
    return problem('failed', view, 'remote', message);
  }
  // Away and back again: what it stands for may have gone to the trash in between.
  if (local.points === view.path && origin?.remote.kind !== 'file') {
    return removal(it, 'local', 'the file that this stub stood for is not in the remote', true);
  }
  if (origin === null || origin.remote.kind !== 'file') {
    if (it.base?.kind === 'file' && it.base.form === 'stub' && remote.kind === 'file') {
      return stepAndAgain(
        { kind: 'repoint', side: 'local', path: view.path, expected: local },
        'the stub leads to its own file again',
      );
    }
    if (origin !== null && origin.remote.kind === 'absent') {
      return removal(it, 'local', 'the file that this stub stood for was deleted in the remote', true);
    }
    return problem(
      'failed',
      view,
      'local',
      `This stub leads to ${local.points}, which is not known; it is left as it is.`,
    );
  }
  if (remote.kind !== 'absent') return removal(it, 'remote', 'replaced by another stub in local', true);
  if (isMovedHere(local, origin)) return move(view, origin, false);
  const step: Step = {
    kind: 'copy',
    side: 'remote',
    from: origin.record.path,
    path: view.path,
    expected: origin.remote,
  };
  return stepAndAgain(step, `copied from ${origin.record.path}`);
}

export function sendLocal(it: Case): Decision {
  switch (it.local.kind) {
    case 'file':
      return sendFile(it);
    case 'directory':
      return sendDirectory(it);
    case 'symlink':
      return sendSymlink(it);
    case 'stub':
      return sendStub(it);
    case 'absent':
    case 'other':
    case 'unknown':
      return need('local');
  }
}
