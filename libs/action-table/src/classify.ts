/** How one side stands to the base: the rows and columns of the table. */
import {
  type BaseRecord,
  type CopyRecord,
  type Entry,
  type FileStat,
  identityOf,
  type Origin,
  type PathView,
  type RemotePrint,
  recordIdentity,
  remotePrint,
  type StubEntry,
  type StubRecord,
  sameIdentity,
  sameLink,
  samePrint,
} from '@lazysync/event-model';
import { isRemoteRacy } from './racy.ts';

export type Change =
  | { readonly kind: 'unchanged' }
  /** The content is the base's, what surrounds it (mode, mtime, inode) is not. */
  | { readonly kind: 'touched' }
  | { readonly kind: 'created' }
  | { readonly kind: 'modified' }
  | { readonly kind: 'deleted' }
  /** Only contents can tell. */
  | { readonly kind: 'compare' }
  /** Only where it came from can tell. */
  | { readonly kind: 'origin' }
  | { readonly kind: 'unknown'; readonly why: string };

const UNCHANGED: Change = { kind: 'unchanged' };
const TOUCHED: Change = { kind: 'touched' };
const CREATED: Change = { kind: 'created' };
const MODIFIED: Change = { kind: 'modified' };
const DELETED: Change = { kind: 'deleted' };
const COMPARE: Change = { kind: 'compare' };
const UNREADABLE: Change = { kind: 'unknown', why: 'can not be read, or changes while it is read' };
const ORIGIN: Change = { kind: 'origin' };

function unseen(entry: Entry): string | null {
  if (entry.kind === 'unknown') return `can not be looked at (${entry.reason})`;
  return entry.kind === 'other' ? `is a ${entry.what}` : null;
}

/** What a row of a copy knows of local is what is there. */
export function sameFingerprint(record: CopyRecord, stat: FileStat): boolean {
  const { local } = record;
  return (
    !record.racy &&
    local.size === stat.size &&
    local.mtimeNs === stat.mtimeNs &&
    local.ctimeNs === stat.ctimeNs &&
    local.mode === stat.mode &&
    local.ino === stat.ino
  );
}

function copyChange(record: CopyRecord, stat: FileStat, hash: string | null | undefined): Change {
  if (sameFingerprint(record, stat)) return UNCHANGED;
  if (record.local.size !== stat.size) return MODIFIED;
  if (hash === undefined) return COMPARE;
  if (hash === null) return { kind: 'unknown', why: 'changes while it is read' };
  return hash === record.hash ? TOUCHED : MODIFIED;
}

/** The thing that the origin's row knows has left its old place: it is this one. */
export function isMovedHere(local: Entry, origin: Origin): boolean {
  const identity = recordIdentity(origin.record);
  return sameIdentity(identityOf(local), identity) && !sameIdentity(identityOf(origin.local), identity);
}

/** A stub that leads to its own path may still be another one than the row knows: away, and back to where it was made. */
function ownStubChange(view: PathView, base: StubRecord | CopyRecord, local: StubEntry): Change {
  if (base.form === 'stub' && sameIdentity(base.link, local.identity)) return UNCHANGED;
  if (view.origin === undefined) return ORIGIN;
  if (view.origin !== null && isMovedHere(local, view.origin)) {
    const why = unseen(view.origin.remote);
    if (why !== null) return { kind: 'unknown', why };
    if (view.origin.remote.kind === 'file') return MODIFIED;
  }
  return base.form === 'stub' ? UNCHANGED : TOUCHED;
}

/** It leads to where this path's thing lay before: not repointed yet, or another stub that was made there since and moved. */
function waitingStubChange(view: PathView, local: StubEntry): Change {
  if (view.origin === undefined) return ORIGIN;
  return view.origin !== null && isMovedHere(local, view.origin) ? MODIFIED : TOUCHED;
}

/** `base` is given apart from the view because a residual counts as no base. */
export function localChange(view: PathView, base: BaseRecord | null, local: Entry): Change {
  const why = unseen(local);
  if (why !== null) return { kind: 'unknown', why };
  if (base === null || base.kind === 'residual') return local.kind === 'absent' ? UNCHANGED : CREATED;
  if (local.kind === 'absent') return DELETED;
  switch (base.kind) {
    case 'directory':
      if (local.kind !== 'directory') return MODIFIED;
      return local.mode === base.localMode && local.identity.ino === base.local.ino ? UNCHANGED : TOUCHED;
    case 'symlink':
      return local.kind === 'symlink' && local.target === base.localTarget ? UNCHANGED : MODIFIED;
    case 'file':
      // An own stub equals the remote file whatever its version; so does one that only waits to be repointed.
      if (local.kind === 'stub') {
        if (local.points === view.path) return ownStubChange(view, base, local);
        if (local.points === null) return MODIFIED;
        // The text of a link never changes: this very link was written down here after it was moved or copied here.
        if (base.form === 'stub' && sameIdentity(base.link, local.identity)) return TOUCHED;
        return local.points === view.movedFrom ? waitingStubChange(view, local) : MODIFIED;
      }
      if (local.kind !== 'file' || base.form === 'stub') return MODIFIED;
      return copyChange(base, local.stat, view.localHash);
  }
}

/** Same size and another mtime may be the mount's own doing: contents decide, where that is cheap enough. */
function fileChange(
  base: RemotePrint,
  now: RemotePrint,
  compare: boolean,
  view: PathView,
  hash: string | null,
): Change {
  if (samePrint(base, now)) return UNCHANGED;
  if (base.size !== now.size) return MODIFIED;
  if (base.mtimeNs === now.mtimeNs) return TOUCHED;
  if (!compare || hash === null) return MODIFIED;
  if (view.remoteHash === undefined) return COMPARE;
  if (view.remoteHash === null) return UNREADABLE;
  return view.remoteHash === hash ? TOUCHED : MODIFIED;
}

/** Looks the same, but so would a version that was written in the same second. */
function racyChange(view: PathView, base: CopyRecord, now: RemotePrint, local: Change): Change {
  const over = view.nowNs !== undefined && !isRemoteRacy(base.remote, view.nowNs);
  const same = over || base.remote.mode !== now.mode ? TOUCHED : UNCHANGED;
  if (!over && (local.kind === 'unchanged' || local.kind === 'touched')) return same;
  if (view.remoteHash === undefined) return COMPARE;
  if (view.remoteHash === null) return UNREADABLE;
  return view.remoteHash === base.hash ? same : MODIFIED;
}

function sameTime(a: RemotePrint, b: RemotePrint): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs;
}

/** `local`: how the other side stands; what it is to be replaced by or removed for is looked at more closely. */
export function remoteChange(
  view: PathView,
  base: BaseRecord | null,
  remote: Entry,
  compareLimit: number,
  local: Change,
): Change {
  // RACE: another host's link of the same length, made in the same second as ours, looks the same; its text can not be had.
  if (base?.kind === 'symlink' && remote.kind === 'unknown' && sameLink(base.remoteLink, remote.link)) return UNCHANGED;
  const why = unseen(remote);
  if (why !== null) return { kind: 'unknown', why };
  if (remote.kind === 'stub') return { kind: 'unknown', why: `is a stub of some client (${remote.target})` };
  if (base === null || base.kind === 'residual') return remote.kind === 'absent' ? UNCHANGED : CREATED;
  if (remote.kind === 'absent') return DELETED;
  switch (base.kind) {
    case 'directory':
      if (remote.kind !== 'directory') return MODIFIED;
      return remote.mode === base.remoteMode ? UNCHANGED : TOUCHED;
    case 'symlink':
      return remote.kind === 'symlink' && remote.target === base.remoteTarget ? UNCHANGED : MODIFIED;
    case 'file': {
      if (remote.kind !== 'file') return MODIFIED;
      const print = remotePrint(remote.stat);
      const small = remote.stat.size <= compareLimit;
      if (base.form === 'copy' && base.remoteRacy === true && small && sameTime(base.remote, print)) {
        return racyChange(view, base, print, local);
      }
      return fileChange(base.remote, print, small, view, base.form === 'copy' ? base.hash : null);
    }
  }
}
