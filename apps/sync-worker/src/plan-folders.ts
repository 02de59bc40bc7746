/** What is to be done in folders that were looked into: what can be made at once, what one by one, what only at the end. */
import { planPath } from '@lazysync/action-table';
import {
  ABSENT,
  type BaseChange,
  type Cause,
  type Entry,
  joinPath,
  type PathView,
  type RelPath,
} from '@lazysync/event-model';
import type { Listing } from '@lazysync/replica';
import { newToRemote } from './look.ts';
import { isQuickMake, type Made } from './make-many.ts';
import type { Gone } from './many-deletes.ts';
import type { PairPorts } from './ports.ts';
import type { LookedInto } from './seals.ts';
import type { Seen } from './settle-path.ts';

export interface Later {
  readonly path: RelPath;
  readonly seen: Seen;
}

export interface FolderPlan {
  /** Names that count. */
  names: number;
  /** In agreement already. */
  agreed: number;
  /** Made in local in one go, and written down in one transaction with `changes`. */
  readonly made: Made[];
  readonly changes: BaseChange[];
  /** One by one, after that. */
  readonly later: Later[];
  /** When everything was looked at. */
  readonly deletes: Gone[];
  /** Folders in them. */
  readonly inside: RelPath[];
  /** Folders in which something is not in agreement, even when all is made. */
  readonly unsettled: Set<RelPath>;
  /** Paths that are a problem and were come by. */
  readonly met: RelPath[];
}

export const BOTH: Cause = { side: 'both', hydrate: false };

/** What a listing says of a name that it does not hold. */
function missing(listing: Listing | undefined): Entry {
  if (listing === undefined) return { kind: 'unknown', reason: 'not listed' };
  switch (listing.kind) {
    case 'gone':
      return ABSENT;
    case 'listing':
      return listing.partial ? { kind: 'unknown', reason: 'partial listing' } : ABSENT;
    case 'unreadable':
      return { kind: 'unknown', reason: listing.reason };
    case 'same':
      return { kind: 'unknown', reason: 'not listed' };
  }
}

function entriesOf(listing: Listing | undefined): ReadonlyMap<string, Entry> {
  return listing?.kind === 'listing' ? new Map(listing.names.map(({ name, entry }) => [name, entry])) : new Map();
}

/** What was a problem and is in agreement by now, or is about to be, is none any more. */
export function planFolders(
  ports: PairPorts,
  folders: readonly LookedInto[],
  troubled: ReadonlySet<RelPath>,
): FolderPlan {
  const { base } = ports;
  const plan: FolderPlan = {
    names: 0,
    agreed: 0,
    made: [],
    changes: [],
    later: [],
    deletes: [],
    inside: [],
    unsettled: new Set(),
    met: [],
  };
  const nowNs = BigInt(ports.now()) * 1_000_000n;
  for (const { path: dir, here, there, rows } of folders) {
    const local = entriesOf(here);
    const remote = entriesOf(there);
    const isNew = newToRemote(ports, remote.values());
    const paths = new Set<RelPath>(rows.keys());
    for (const name of local.keys()) paths.add(joinPath(dir, name));
    for (const name of remote.keys()) paths.add(joinPath(dir, name));
    for (const path of paths) {
      const name = dir === '' ? path : path.slice(dir.length + 1);
      const seen = { local: local.get(name) ?? missing(here), remote: remote.get(name) ?? missing(there) };
      const folder = seen.local.kind === 'directory' || seen.remote.kind === 'directory';
      if (ports.ignored(path, folder)) continue;
      plan.names++;
      if (troubled.has(path)) plan.met.push(path);
      const view: PathView = {
        path,
        base: rows.get(path) ?? null,
        movedFrom: base.movedFrom(path),
        nowNs,
        ...seen,
        ...(isNew(seen.remote) ? { remoteOrigin: null } : {}),
      };
      const decision = planPath(view, BOTH, ports.policy);
      const quick = decision.kind === 'nothing' || (decision.kind === 'step' && decision.step.side === 'local');
      if (quick && troubled.has(path)) base.clearProblem(path);
      // That it is gone in the remote, too, is only what the listing says.
      const isGone = view.base !== null && seen.local.kind === 'absent' && seen.remote.kind === 'absent';
      if (decision.kind === 'nothing' && !isGone) {
        plan.changes.push(...decision.changes);
        plan.agreed++;
        if (decision.changes.length > 0) plan.unsettled.add(dir);
      } else if (isQuickMake(decision)) {
        plan.made.push({ step: decision.step, view, why: decision.why });
      } else {
        plan.unsettled.add(dir);
        if (view.base !== null && (seen.local.kind === 'absent' || seen.remote.kind === 'absent')) {
          // ORDER: what is gone on one side goes last, so that a thing that was moved is found before it is buried.
          plan.deletes.push({ path, seen: { remote: seen.remote }, goneHere: seen.local.kind === 'absent' });
        } else plan.later.push({ path, seen: { remote: seen.remote } });
      }
      const onOneSide = view.base === null || view.base.kind === 'residual';
      if (folder && (onOneSide || seen.local.kind === seen.remote.kind)) plan.inside.push(path);
    }
  }
  return plan;
}
