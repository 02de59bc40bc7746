/** The decisions: pure, from the event, both sides as seen now, and the base. Never touches anything. */
export { ACTION_TABLE, type Action, type LocalState, type RemoteState } from './action-table.ts';
export { localChange, sameFingerprint } from './classify.ts';
export { conflictPath, isConflictName } from './conflict-name.ts';
export { agrees, diffListing, type ListedDirectory } from './diff-listing.ts';
export { keepApart } from './keep-both.ts';
export { planPath } from './plan-path.ts';
export { planStaged, type StagedDecision } from './plan-staged.ts';
export { isRacy } from './racy.ts';
export { changesAfter, type DoneStep } from './record.ts';
export { carriedTarget } from './user-link.ts';
