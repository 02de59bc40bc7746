/** Histories of two trees with the real planner, worker loop, journal and base. */
export * from './history.ts';
export { type Report, runHistory } from './run.ts';
export type { RunOptions, Violation } from './world.ts';
