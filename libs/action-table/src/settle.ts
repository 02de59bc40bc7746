/** Both sides agree on the content: repoint, carry mode and mtime over, hydrate on request, write down what was seen. */
import {
  type CopyRecord,
  type Decision,
  type FileStat,
  type RemotePrint,
  rememberedIdentity,
  remotePrint,
  stubTarget,
} from '@lazysync/event-model';
import { type Case, finalStep, need, nothing, put, stepAndAgain } from './decide.ts';
import { isRacy, remoteRacy } from './racy.ts';

function settleDirectory(it: Case): Decision {
  const { base, local, remote, view } = it;
  if (base?.kind !== 'directory' || local.kind !== 'directory' || remote.kind !== 'directory')
    return nothing('in agreement');
  const touchedHere = local.mode !== base.localMode;
  const touchedThere = remote.mode !== base.remoteMode;
  const record = put({
    kind: 'directory',
    path: view.path,
    local: local.identity,
    localMode: local.mode,
    remoteMode: remote.mode,
    ...rememberedIdentity(remote.identity, 'remote'),
  });
  if (touchedHere === touchedThere || local.mode === remote.mode) {
    return it.localIs.kind === 'unchanged' && it.remoteIs.kind === 'unchanged'
      ? nothing('in agreement')
      : nothing('written down', record);
  }
  const side = touchedHere ? 'remote' : 'local';
  return finalStep(
    {
      kind: 'set-metadata',
      side,
      path: view.path,
      mode: touchedHere ? local.mode : remote.mode,
      mtimeNs: null,
      expected: touchedHere ? remote : local,
    },
    `mode changed in ${touchedHere ? 'local' : 'remote'}`,
  );
}

function settleStub(it: Case): Decision {
  const { base, local, remote, view, policy, cause } = it;
  if (local.kind !== 'stub' || base?.kind !== 'file') return nothing('in agreement');
  if (local.target !== stubTarget(policy.anchor, view.path)) {
    return stepAndAgain(
      { kind: 'repoint', side: 'local', path: view.path, expected: local },
      'the stub leads to its own file again',
    );
  }
  const print = remote.kind === 'file' ? remotePrint(remote.stat) : base.remote;
  if (cause.hydrate) return { kind: 'download', remote: print, why: 'opened' };
  const known = base.form === 'stub' && it.remoteIs.kind === 'unchanged' && base.link.ino === local.identity.ino;
  if (known) return nothing('in agreement');
  return nothing(
    'written down',
    put({ kind: 'file', form: 'stub', path: view.path, remote: print, link: local.identity }),
  );
}

interface Metadata {
  readonly mode: number;
  readonly mtimeNs: bigint;
}

function metadataDiffers(a: Metadata, b: Metadata): boolean {
  return a.mode !== b.mode || a.mtimeNs !== b.mtimeNs;
}

/**
 * What `other` reads after the change from `before` to `now` is carried over to it. Only what changed is: a mount that
 * shows other modes than it was given, or coarser times, must not put them on the other side.
 */
function carried(before: Metadata, now: Metadata, other: FileStat): Metadata {
  return {
    mode: now.mode === before.mode ? other.mode : now.mode,
    mtimeNs: now.mtimeNs === before.mtimeNs ? other.mtimeNs : now.mtimeNs,
  };
}

/** The row of a copy whose content was compared where that was needed. */
function seenAnew(base: CopyRecord, local: FileStat, remote: RemotePrint, nowNs: bigint | undefined): CopyRecord {
  if (nowNs === undefined) return { ...base, local, remote, racy: false };
  const { remoteRacy: _before, ...row } = base;
  return { ...row, local, remote, racy: isRacy(local, nowNs), ...remoteRacy(remote, nowNs) };
}

function settleCopy(it: Case): Decision {
  const { base, local, remote, view } = it;
  if (base?.kind !== 'file' || base.form !== 'copy' || local.kind !== 'file') return nothing('in agreement');
  if (it.localIs.kind === 'unchanged' && it.remoteIs.kind === 'unchanged') return nothing('in agreement');
  if (remote.kind !== 'file') return need('remote');
  const record = put(seenAnew(base, local.stat, remotePrint(remote.stat), view.nowNs));
  if (it.remoteIs.kind === 'touched') {
    const { mode, mtimeNs } = carried(base.remote, remote.stat, local.stat);
    if (metadataDiffers(local.stat, { mode, mtimeNs })) {
      return finalStep(
        { kind: 'set-metadata', side: 'local', path: view.path, mode, mtimeNs, expected: local },
        'touched in remote, same content',
      );
    }
    // CRASH: what local lacks nothing of may be the first half of what we carried over to remote: the rest follows.
  }
  const { mode, mtimeNs } = carried(base.local, local.stat, remote.stat);
  if (!metadataDiffers(remote.stat, { mode, mtimeNs })) return nothing('written down', record);
  return finalStep(
    { kind: 'set-metadata', side: 'remote', path: view.path, mode, mtimeNs, expected: remote },
    'touched in local, same content',
  );
}

export function settle(it: Case): Decision {
  switch (it.local.kind) {
    case 'directory':
      return settleDirectory(it);
    case 'stub':
      return settleStub(it);
    case 'file':
      return settleCopy(it);
    case 'absent':
      return nothing('nothing there');
    case 'symlink':
    case 'other':
    case 'unknown':
      return nothing('in agreement');
  }
}
