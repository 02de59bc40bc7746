/** Both sides changed: the same change is adopted, else the local version takes a conflict name and both stay. */
import {
  type Decision,
  type Entry,
  type PathView,
  type Policy,
  rememberedIdentity,
  remotePrint,
} from '@lazysync/event-model';
import { isMovedHere } from './classify.ts';
import { type Case, need, nothing, put, removal } from './decide.ts';
import { remoteRacy } from './racy.ts';
import { carriedTarget } from './user-link.ts';

/** The same thing on both sides: only written down. Null: they differ. */
function adopt(it: Case): Decision | null {
  const { view, local, remote, policy } = it;
  const { path } = view;
  if (local.kind === 'stub' && remote.kind === 'file' && local.points === path) {
    if (view.origin === undefined) return need('origin');
    // Its own file went elsewhere (into the trash, say), and what lies here now is somebody's new one.
    if (view.origin?.remote.kind === 'file' && isMovedHere(local, view.origin)) return null;
    return nothing(
      'a stub of this file',
      put({ kind: 'file', form: 'stub', path, remote: remotePrint(remote.stat), link: local.identity }),
    );
  }
  if (local.kind === 'directory' && remote.kind === 'directory') {
    const record = {
      kind: 'directory',
      path,
      local: local.identity,
      localMode: local.mode,
      remoteMode: remote.mode,
      ...rememberedIdentity(remote.identity, 'remote'),
    } as const;
    return nothing('on both sides', put(record));
  }
  if (local.kind === 'symlink' && remote.kind === 'symlink') {
    const same =
      carriedTarget(local.target, path, policy.localRoot) === carriedTarget(remote.target, path, policy.remoteRoot);
    return same
      ? nothing(
          'same link on both sides',
          put({ kind: 'symlink', path, localTarget: local.target, remoteTarget: remote.target }),
        )
      : null;
  }
  if (local.kind !== 'file' || remote.kind !== 'file' || local.stat.size !== remote.stat.size) return null;
  if (view.localHash === undefined || view.remoteHash === undefined) return need('local-hash', 'remote-hash');
  if (view.localHash === null || view.localHash !== view.remoteHash) return null;
  const { stat } = local;
  return nothing(
    'same content on both sides',
    put({
      kind: 'file',
      form: 'copy',
      path,
      remote: remotePrint(remote.stat),
      local: stat,
      hash: view.localHash,
      origin: 'remote',
      racy: true,
      ...(view.nowNs === undefined ? {} : remoteRacy(remotePrint(remote.stat), view.nowNs)),
    }),
  );
}

export function keepBoth(it: Case): Decision {
  const adopted = adopt(it);
  if (adopted !== null) return adopted;
  const { view, local, policy } = it;
  const holdsOwn = view.origin?.remote.kind === 'file' && isMovedHere(local, view.origin);
  if (local.kind === 'stub' && local.points === view.path && !holdsOwn) {
    // Under another name it would lead to nothing, and there is nothing in it to be kept.
    return removal(it, 'local', 'the file that this stub stood for is not in the remote', true);
  }
  return setAside(view, local, policy);
}

/** The local thing takes a conflict name, with all that is in it. */
function setAside(view: PathView, local: Entry, policy: Policy): Decision {
  const path = policy.conflictPath(view.path);
  return {
    kind: 'step',
    step: { kind: 'move', side: 'local', from: view.path, path, expected: local },
    why: 'changed on both sides',
    again: true,
    also: path,
    below: local.kind === 'directory',
  };
}

/**
 * A folder on one side was to give way to something else on the other, and what is in it will not go (edited, new, not
 * to be seen): both are kept. Null: there is nothing on one of the sides that could be kept.
 */
export function keepApart(view: PathView, policy: Policy): Decision | null {
  const { local, remote } = view;
  if (local === undefined || remote === undefined || local.kind === remote.kind) return null;
  if (local.kind !== 'directory' && remote.kind !== 'directory') return null;
  const gone = [local.kind, remote.kind].some((kind) => kind === 'absent' || kind === 'unknown' || kind === 'other');
  return gone ? null : setAside(view, local, policy);
}
