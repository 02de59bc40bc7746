/**
 * Somebody moved a file or a folder in the remote: local's goes along, so that copies stay copies. Only where the remote
 * knows identities, and only while everything about it is as it was: a false pair would be a lost file, and what is not
 * paired is made anew and removed, which loses nothing.
 */
import {
  type Decision,
  type Entry,
  identityOf,
  type Origin,
  recordRemoteIdentity,
  type Step,
  sameIdentity,
} from '@lazysync/event-model';
import { sameFingerprint } from './classify.ts';
import { type Case, need } from './decide.ts';

/** What the row knows has left its old name: it is this one. */
function isMovedThere(remote: Entry, { record, remote: left }: Origin): boolean {
  const known = recordRemoteIdentity(record);
  if (left.kind === 'unknown' || left.kind === 'other') return false;
  return sameIdentity(identityOf(remote), known) && !sameIdentity(identityOf(left), known);
}

function isAsItWas(remote: Entry, { record, local }: Origin): boolean {
  if (record.kind === 'directory') return remote.kind === 'directory' && sameIdentity(identityOf(local), record.local);
  if (record.kind !== 'file' || record.form !== 'copy' || remote.kind !== 'file' || local.kind !== 'file') return false;
  const { size, mtimeNs } = record.remote;
  const same = size === remote.stat.size && mtimeNs === remote.stat.mtimeNs && record.remoteRacy !== true;
  return same && sameFingerprint(record, local.stat);
}

export function moveAlong({ view, remote, policy }: Case): Decision | null {
  if (policy.remoteIdentities !== true || view.base !== null) return null;
  if (remote.kind !== 'file' && remote.kind !== 'directory') return null;
  if (view.remoteOrigin === undefined) return need('remote-origin');
  const origin = view.remoteOrigin;
  if (origin === null || !isMovedThere(remote, origin) || !isAsItWas(remote, origin)) return null;
  const { path: from } = origin.record;
  // Another folder lies at its old name by now, and it was moved into that one.
  if (view.path.startsWith(`${from}/`)) return null;
  const step: Step = { kind: 'move', side: 'local', from, path: view.path, expected: origin.local, along: true };
  return {
    kind: 'step',
    step,
    why: `moved from ${from} in remote`,
    again: true,
    below: origin.record.kind === 'directory',
  };
}
