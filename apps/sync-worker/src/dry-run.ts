/** What would be done, and why: the same planner over the same looks, and nothing is touched. */
import { planPath } from '@lazysync/action-table';
import type { BaseRecord, Decision, Entry, PathView, RelPath } from '@lazysync/event-model';
import { describeEntry, joinPath, ROOT } from '@lazysync/event-model';
import { fill, lookAt } from './look.ts';
import type { PairPorts } from './ports.ts';

export interface Planned {
  readonly path: RelPath;
  /** Such as `upload in remote`, `nothing`, `problem`. */
  readonly act: string;
  readonly why: string;
  readonly base: string;
  readonly local: string;
  readonly remote: string;
}

function describeRow(row: BaseRecord | null): string {
  if (row === null) return 'not known';
  if (row.kind !== 'file') return row.kind;
  return `${row.form} of ${row.remote.size} bytes`;
}

function planned(view: PathView, decision: Decision): Planned {
  const seen = (entry: Entry | undefined): string => (entry === undefined ? 'not looked at' : describeEntry(entry));
  const shown = { path: view.path, base: describeRow(view.base), local: seen(view.local), remote: seen(view.remote) };
  switch (decision.kind) {
    case 'nothing':
      return { ...shown, act: 'nothing', why: decision.why };
    case 'step':
      return { ...shown, act: `${decision.step.kind} in ${decision.step.side}`, why: decision.why };
    case 'children-first':
      return { ...shown, act: 'remove with all that is in it', why: decision.why };
    case 'download':
      return { ...shown, act: 'download', why: decision.why };
    case 'problem':
      return { ...shown, act: 'problem', why: decision.problem.message };
    case 'need':
      return { ...shown, act: 'look', why: decision.what.join(', ') };
  }
}

export async function planOne(ports: PairPorts, path: RelPath): Promise<Planned> {
  let view: PathView = {
    path,
    base: ports.base.get(path),
    movedFrom: ports.base.movedFrom(path),
    local: await lookAt(ports.local, path),
    remote: await lookAt(ports.remote, path),
  };
  if (ports.ignored(path, view.local?.kind === 'directory')) {
    return planned(view, { kind: 'nothing', changes: [], why: 'ignored' });
  }
  for (;;) {
    const decision = planPath(view, { side: 'both', hydrate: false }, ports.policy);
    if (decision.kind !== 'need') return planned(view, decision);
    view = await fill(ports, view, decision.what);
  }
}

/** All paths for which something would be done, at and below `root`. */
export async function planBelow(ports: PairPorts, root: RelPath, tell: (one: Planned) => void): Promise<void> {
  if (root !== ROOT) tell(await planOne(ports, root));
  const level: RelPath[] = [root];
  while (level.length > 0) {
    const queries = level.splice(0, 64).map((path) => ({ path }));
    const [here, there] = await Promise.all([ports.local.list(queries), ports.remote.list(queries)]);
    for (const [i, { path: dir }] of queries.entries()) {
      const names = new Set<string>();
      const folders = new Set<string>();
      for (const listing of [here[i], there[i]]) {
        if (listing?.kind !== 'listing') continue;
        for (const { name, entry } of listing.names) {
          names.add(name);
          if (entry.kind === 'directory') folders.add(name);
        }
      }
      for (const row of ports.base.children(dir)) names.add(row.path.slice(dir === '' ? 0 : dir.length + 1));
      for (const name of [...names].sort()) {
        const path = joinPath(dir, name);
        if (ports.ignored(path, folders.has(name))) continue;
        const one = await planOne(ports, path);
        if (one.act !== 'nothing') tell(one);
        if (folders.has(name)) level.push(path);
      }
    }
  }
}
