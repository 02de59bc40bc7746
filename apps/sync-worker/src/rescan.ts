/**
 * Everything at and below a path, both sides against the base: at the start, after an outage, after a folder was moved.
 * Listings of many folders are in flight at once; what only has to be made in local is made and written down in batches.
 */
import { changesAfter, planPath } from '@lazysync/action-table';
import {
  ABSENT,
  type BaseChange,
  type Cause,
  type Entry,
  joinPath,
  type PathView,
  type RelPath,
  ROOT,
  type Step,
} from '@lazysync/event-model';
import type { Listing, Replica } from '@lazysync/replica';
import type { PairPorts } from './ports.ts';
import type { PathSettler, Seen } from './settle-path.ts';

const FOLDERS_AT_ONCE = 64;
const BOTH: Cause = { side: 'both', hydrate: false };

type Later = { readonly path: RelPath; readonly seen: Seen };
type Made = { readonly step: Step; readonly view: PathView };

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

export interface RescanProgress {
  readonly done: number;
  readonly total: number;
}

export function createRescan(ports: PairPorts, settler: PathSettler, progress: (now: RescanProgress) => void) {
  const { base } = ports;

  function reportUnsyncable(listing: Listing | undefined, replica: Replica): void {
    if (listing?.kind !== 'listing') return;
    for (const name of listing.unsyncable) {
      const message = `The name is not UTF-8 and can not be synced; it stays in ${replica.side} only.`;
      base.putProblem(
        { code: 'bad-name', path: joinPath(listing.path, name), side: replica.side, message },
        ports.now(),
      );
    }
  }

  async function flush(made: readonly Made[], changes: BaseChange[]): Promise<Later[]> {
    const again: Later[] = [];
    const outcomes = await ports.local.carryOut(made.map(({ step }) => ({ slot: '', step })));
    outcomes.forEach((outcome, i) => {
      const one = made[i];
      if (one === undefined) return;
      if (outcome.kind === 'done') {
        changes.push(...changesAfter({ step: one.step, ...outcome }, one.view, null, BigInt(ports.now()) * 1_000_000n));
      } else again.push({ path: one.step.path, seen: {} });
    });
    base.record(changes, []);
    return again;
  }

  return async function rescan(root: RelPath): Promise<void> {
    if (root !== ROOT) {
      await settler.settle(root, BOTH);
      if (base.get(root)?.kind !== 'directory') return;
    }
    const deletes: Later[] = [];
    let done = 0;
    let total = 0;
    const level: RelPath[] = [root];
    while (level.length > 0) {
      const chunk = level.splice(0, FOLDERS_AT_ONCE);
      const queries = chunk.map((path) => ({ path }));
      const [here, there] = await Promise.all([ports.local.list(queries), ports.remote.list(queries)]);
      const made: Made[] = [];
      const changes: BaseChange[] = [];
      const later: Later[] = [];
      const folders: RelPath[] = [];
      chunk.forEach((dir, i) => {
        reportUnsyncable(here[i], ports.local);
        reportUnsyncable(there[i], ports.remote);
        const local = entriesOf(here[i]);
        const remote = entriesOf(there[i]);
        const rows = new Map(base.children(dir).map((row) => [row.path, row]));
        const paths = new Set<RelPath>(rows.keys());
        for (const name of local.keys()) paths.add(joinPath(dir, name));
        for (const name of remote.keys()) paths.add(joinPath(dir, name));
        for (const path of paths) {
          const name = dir === '' ? path : path.slice(dir.length + 1);
          const seen = { local: local.get(name) ?? missing(here[i]), remote: remote.get(name) ?? missing(there[i]) };
          if (ports.ignored(path, seen.local.kind === 'directory' || seen.remote.kind === 'directory')) continue;
          total++;
          const view: PathView = { path, base: rows.get(path) ?? null, movedFrom: base.movedFrom(path), ...seen };
          const decision = planPath(view, BOTH, ports.policy);
          if (decision.kind === 'nothing') {
            changes.push(...decision.changes);
            done++;
          } else if (
            decision.kind === 'step' &&
            (decision.step.kind === 'make-stub' ||
              (decision.step.kind === 'make-directory' && decision.step.side === 'local'))
          ) {
            made.push({ step: decision.step, view });
          } else if (seen.local.kind === 'absent' || seen.remote.kind === 'absent') {
            // ORDER: what is gone on one side goes last, so that a thing that was moved is found before it is buried.
            (view.base === null ? later : deletes).push({ path, seen: { remote: seen.remote } });
          } else later.push({ path, seen: { remote: seen.remote } });
          const folder = seen.local.kind === 'directory' || seen.remote.kind === 'directory';
          if (folder && (view.base === null || seen.local.kind === seen.remote.kind)) folders.push(path);
        }
      });
      later.push(...(await flush(made, changes)));
      done += made.length;
      for (const { path, seen } of later) {
        await settler.settle(path, BOTH, seen);
        done++;
      }
      level.push(...folders.filter((path) => base.get(path)?.kind === 'directory'));
      progress({ done, total });
    }
    deletes.sort((a, b) => b.path.split('/').length - a.path.split('/').length);
    for (const { path, seen } of deletes) await settler.settle(path, BOTH, seen);
    progress({ done: total, total });
    base.record([{ kind: 'repointed', path: root }], []);
  };
}
