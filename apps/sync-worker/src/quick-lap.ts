/**
 * The first lap over the paths of a job: what is in agreement already (mostly echoes of our own acts), and what only has
 * to be made in local, is dealt with all at once. Whatever needs more than was seen ahead is left for the second.
 */
import { planPath } from '@lazysync/action-table';
import { type BaseChange, type Cause, type Entry, type PathView, parentOf, type RelPath } from '@lazysync/event-model';
import { folderIn, reachesOut } from './decision-reach.ts';
import { newToRemote } from './look.ts';
import { isQuickMake, type Made, makeMany } from './make-many.ts';
import type { PairPorts } from './ports.ts';
import type { PathSettler } from './settle-path.ts';

export interface SeenAhead {
  readonly path: RelPath;
  readonly cause: Cause;
  readonly local?: Entry | undefined;
  readonly remote?: Entry | undefined;
}

/** Folders come before what is in them. Answers with a few words for each path that is at rest now. */
export async function quickLap(
  ports: PairPorts,
  settler: Pick<PathSettler, 'afterStub' | 'noteChange'>,
  tasks: readonly SeenAhead[],
): Promise<ReadonlyMap<RelPath, string>> {
  const { base } = ports;
  const said = new Map<RelPath, string>();
  const open = new Set(
    base.intents().flatMap(({ step }) => (step.kind === 'move' ? [step.path, step.from] : [step.path])),
  );
  const troubled = new Set(base.problems().map(({ path }) => path));
  const folders = new Set<RelPath>();
  const made: Made[] = [];
  const changes: BaseChange[] = [];

  const isNew = newToRemote(
    ports,
    tasks.map(({ remote }) => remote),
  );
  const hasFolder = (path: RelPath): boolean => {
    const parent = parentOf(path);
    if (parent === '' || folders.has(parent)) return true;
    if (base.get(parent)?.kind !== 'directory') return false;
    folders.add(parent);
    return true;
  };

  for (const { path, cause, local, remote } of tasks) {
    if (path === '' || local === undefined || cause.hydrate || open.has(path) || troubled.has(path)) continue;
    if (ports.ignored(path, false)) {
      said.set(path, 'ignored');
      continue;
    }
    if (!hasFolder(path)) continue;
    const known = { path, base: base.get(path), movedFrom: base.movedFrom(path) };
    const view: PathView = {
      ...known,
      nowNs: BigInt(ports.now()) * 1_000_000n,
      local,
      ...(remote === undefined ? {} : { remote }),
      ...(isNew(remote) ? { remoteOrigin: null } : {}),
    };
    const decision = planPath(view, cause, ports.policy);
    if (folderIn(view) && ports.ignored(path, true)) said.set(path, 'ignored');
    else if (reachesOut(decision, view)) continue;
    else if (decision.kind === 'nothing') {
      changes.push(...decision.changes);
      said.set(path, decision.why);
    } else if (isQuickMake(decision)) {
      made.push({ step: decision.step, view, why: decision.why });
      if (decision.step.kind === 'make-directory') folders.add(path);
      said.set(path, `${decision.step.kind} in local (${decision.why})`);
    }
  }
  for (const path of (await makeMany(ports, settler, made, changes)).again) said.delete(path);
  return said;
}
