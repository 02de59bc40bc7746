/** The worker of one pair without the process around it: what the simulation drives. */

export { createHolds, type Holds, PairHeld } from './holds.ts';
export { createHydration, type Hydration } from './hydration.ts';
export { type PairPorts, type PairTimers } from './ports.ts';
export { replayJournal } from './replay-journal.ts';
export { createRescan } from './rescan.ts';
export { createSettler } from './settle-path.ts';
export { createTransfers } from './transfers.ts';
export { createChangesetWorker } from './work-changeset.ts';
export { type PairHooks, type WorkingPair, workPair } from './work-pair.ts';
