/** What the base holds after a step: what is REALLY there, never what was wished for. */
import {
  type BaseChange,
  type Entry,
  type FileStat,
  identityOf,
  isOwn,
  type PathView,
  type RelPath,
  recordIdentity,
  rememberedIdentity,
  remotePrint,
  type StagedContent,
  type Step,
  sameIdentity,
} from '@lazysync/event-model';
import { isMovedHere } from './classify.ts';
import { isRacy, remoteRacy } from './racy.ts';

export interface DoneStep {
  readonly step: Step;
  readonly after: Entry;
  readonly hash?: string;
  readonly source?: FileStat;
  readonly trashed?: RelPath;
}

/** `view`: what the plan was made from. `staged`: for a hydrate. `nowNs`: the local clock when the step was done. */
export function changesAfter(
  done: DoneStep,
  view: PathView,
  staged: StagedContent | null,
  nowNs: bigint,
): readonly BaseChange[] {
  const { step, after } = done;
  const { path } = step;
  const { local, remote, base } = view;
  switch (step.kind) {
    case 'make-stub':
    case 'dehydrate': {
      const link = identityOf(after);
      if (remote?.kind !== 'file' || link === null) return [];
      return [{ kind: 'put', record: { kind: 'file', form: 'stub', path, remote: remotePrint(remote.stat), link } }];
    }
    case 'repoint': {
      const link = identityOf(after);
      if (base?.kind !== 'file' || base.form !== 'stub' || link === null) return [];
      return [
        { kind: 'put', record: { ...base, link } },
        { kind: 'repointed', path },
      ];
    }
    case 'make-directory': {
      const here = step.side === 'local' ? after : local;
      const there = step.side === 'remote' ? after : remote;
      if (here?.kind !== 'directory' || there?.kind !== 'directory') return [];
      return [
        {
          kind: 'put',
          record: {
            kind: 'directory',
            path,
            local: here.identity,
            localMode: here.mode,
            remoteMode: there.mode,
            ...rememberedIdentity(there.identity, 'remote'),
          },
        },
      ];
    }
    case 'make-symlink': {
      // A link that the mount makes but can not read back (EPERM) is known by the text it was given.
      const made = after.kind === 'symlink' ? after.target : step.target;
      const known = step.side === 'local' ? remote : local;
      if (known?.kind !== 'symlink') return [];
      const [localTarget, remoteTarget] = step.side === 'local' ? [made, known.target] : [known.target, made];
      const link = step.side === 'remote' && after.kind === 'unknown' ? after.link : undefined;
      const remoteLink = link === undefined ? {} : { remoteLink: link };
      return [{ kind: 'put', record: { kind: 'symlink', path, localTarget, remoteTarget, ...remoteLink } }];
    }
    case 'upload': {
      if (after.kind !== 'file' || done.source === undefined || done.hash === undefined) return [];
      const put: BaseChange = {
        kind: 'put',
        record: {
          kind: 'file',
          form: 'copy',
          path,
          remote: remotePrint(after.stat),
          local: done.source,
          hash: done.hash,
          origin: 'local',
          racy: isRacy(done.source, nowNs),
          ...remoteRacy(remotePrint(after.stat), nowNs),
        },
      };
      // A new thing under the old name (`mv f f~; write f`): the old one may turn up elsewhere, and its content lies
      // in the trash then.
      const replaced =
        base?.kind === 'file' && !sameIdentity(recordIdentity(base), identityOf({ kind: 'file', stat: done.source }));
      return replaced && done.trashed !== undefined ? [{ kind: 'bury', path, trashed: done.trashed }, put] : [put];
    }
    case 'hydrate':
      if (after.kind !== 'file' || staged === null) return [];
      return [
        {
          kind: 'put',
          record: {
            kind: 'file',
            form: 'copy',
            path,
            remote: staged.remote,
            local: after.stat,
            hash: staged.hash,
            origin: 'remote',
            racy: isRacy(after.stat, nowNs),
            // ctime of the stage file: when the bytes had come, by this host's clock.
            ...remoteRacy(staged.remote, staged.staged.ctimeNs),
          },
        },
      ];
    case 'remove':
      return step.side === 'remote' && done.trashed !== undefined
        ? [{ kind: 'bury', path, trashed: done.trashed }]
        : [{ kind: 'forget', path }, ...leftRow(view)];
    case 'move': {
      if (step.restored === true) return [{ kind: 'forget', path: step.from }];
      if (step.side === 'remote') return [{ kind: 'move', from: step.from, to: path }];
      if (step.along !== true) return [{ kind: 'conflict', path: step.from, conflict: path }];
      const moved: BaseChange = { kind: 'move', from: step.from, to: path };
      // The rename has moved its ctime.
      const row = view.remoteOrigin?.record;
      if (row?.kind !== 'file' || row.form !== 'copy' || after.kind !== 'file') return [moved];
      return [moved, { kind: 'put', record: { ...row, path, local: after.stat, racy: isRacy(after.stat, nowNs) } }];
    }
    case 'copy': {
      const link = local === undefined ? null : identityOf(local);
      if (after.kind !== 'file' || link === null || local?.kind !== 'stub') return [];
      const record = { kind: 'file', form: 'stub', path, remote: remotePrint(after.stat), link } as const;
      const put = { kind: 'put', record } as const;
      return local.points === null || local.points === path ? [put] : [put, { kind: 'leads', path, to: local.points }];
    }
    case 'set-metadata': {
      if (base?.kind === 'directory' && after.kind === 'directory') {
        const mode = step.side === 'local' ? { localMode: after.mode } : { remoteMode: after.mode };
        const other = step.side === 'local' ? remote : local;
        if (other?.kind !== 'directory') return [];
        const here = step.side === 'local' ? after : other;
        if (here.kind !== 'directory') return [];
        const modes = step.side === 'local' ? { remoteMode: other.mode } : { localMode: other.mode };
        const there = step.side === 'remote' ? after : other;
        const { remote: _before, ...row } = base;
        const known = rememberedIdentity(there.identity, 'remote');
        return [{ kind: 'put', record: { ...row, local: here.identity, ...modes, ...mode, ...known } }];
      }
      if (base?.kind !== 'file' || base.form !== 'copy' || after.kind !== 'file') return [];
      const here = step.side === 'local' ? after : local;
      const there = step.side === 'remote' ? after : remote;
      if (here?.kind !== 'file' || there?.kind !== 'file') return [];
      // An mtime that was just set does not tell of a write that came right before.
      const racy = step.side === 'local' || isRacy(here.stat, nowNs);
      const { remoteRacy: before, ...row } = base;
      const print = remotePrint(there.stat);
      // Set by us: a write right before can not be told by it; contents are compared where the time is a recent one.
      const mark = before === true ? { remoteRacy: true } : remoteRacy(print, nowNs);
      return [{ kind: 'put', record: { ...row, local: here.stat, remote: print, racy, ...mark } }];
    }
  }
}

/**
 * The row that a removed stub came from, when nothing is there any more on either side. It must not go along with its
 * folder: its file, which was moved with that in the remote, would look as if it had been deleted here.
 */
function leftRow({ local, origin }: PathView): readonly BaseChange[] {
  if (local?.kind !== 'stub' || origin == null || !isMovedHere(local, origin)) return [];
  const { record } = origin;
  const isGone = origin.local.kind === 'absent' && origin.remote.kind === 'absent';
  return isGone && record.kind === 'file' && !isOwn(record.path) ? [{ kind: 'forget', path: record.path }] : [];
}
