/** What can be said of a pair from outside, with nothing running too. Used by `lazysync status` and the dashboard. */
export type { Progress } from './base-view.ts';
export * from './halted.ts';
export * from './read.ts';
export * from './status.ts';
export * from './transfer-list.ts';
