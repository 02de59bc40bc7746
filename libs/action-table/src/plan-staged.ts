/** A transfer has its content staged: may it take the stub's place? */
import { type Decision, type PathView, type RemotePrint, type StagedContent, samePrint } from '@lazysync/event-model';
import { finalStep, nothing } from './decide.ts';

export type StagedDecision =
  | Decision
  /** What was fetched is not the version the base knows: fetch once more. */
  | { readonly kind: 'refetch'; readonly why: string };

/**
 * `wanted` is the version the transfer was begun for. The base may know an older version (a mount's stale attributes)
 * or a newer one: two fetches in a row that agree tell which is true, one alone does not.
 */
export function planStaged(view: PathView, staged: StagedContent, wanted: RemotePrint): StagedDecision {
  const { local, base } = view;
  // A stub may lie where the row still says copy: opened in the same moment in which it took the copy's place.
  if (local?.kind !== 'stub' || local.points !== view.path || base?.kind !== 'file') {
    return nothing('no stub waits for it any more');
  }
  if (!samePrint(base.remote, staged.remote) && !samePrint(wanted, staged.remote)) {
    return { kind: 'refetch', why: 'changed in remote meanwhile' };
  }
  return finalStep(
    {
      kind: 'hydrate',
      side: 'local',
      path: view.path,
      transfer: staged.transfer,
      staged: staged.staged,
      expected: local,
    },
    'opened',
  );
}
