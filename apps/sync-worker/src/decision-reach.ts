/** What a decision would touch besides the path it is made for, and of whose. */
import { type BaseRecord, type Decision, type PathView, recordIdentity, sameIdentity } from '@lazysync/event-model';

/**
 * Takes away or renames what is the user's in local: only what the base knows as our own stub, or an empty folder, is
 * made again at no cost.
 */
export function takesFromUser(decision: Decision, base: BaseRecord | null): boolean {
  if (decision.kind !== 'step' || decision.step.side !== 'local') return false;
  const { step } = decision;
  switch (step.kind) {
    case 'remove':
      if (step.expected.kind === 'directory') return false;
      return !(
        step.expected.kind === 'stub' &&
        base !== null &&
        sameIdentity(recordIdentity(base), step.expected.identity)
      );
    case 'dehydrate':
    case 'move':
      return true;
    case 'make-stub':
    case 'make-directory':
    case 'make-symlink':
    case 'hydrate':
    case 'repoint':
    case 'set-metadata':
      return false;
  }
}

/** Patterns such as `build/` are for folders only: what lies here has to be seen before they count. */
export function folderIn(view: PathView): boolean {
  return [view.local?.kind, view.remote?.kind, view.base?.kind].includes('directory');
}

/** Does more than this one path come into it? */
export function reachesOut(decision: Decision, view: PathView): boolean {
  if (view.origin != null || view.remoteOrigin != null) return true;
  switch (decision.kind) {
    case 'children-first':
      return true;
    case 'step':
      return decision.step.kind === 'move' || decision.step.kind === 'copy' || decision.also !== undefined;
    case 'nothing':
      return decision.changes.some((change) => change.kind === 'move' || change.kind === 'conflict');
    case 'need':
    case 'download':
    case 'problem':
      return false;
  }
}
