/**
 * What can be set, where it is read from, and what the processes of a start are told. What needs zod, a tenth of a second, has
 * its own door: `@lazysync/config/schema`, and of a file `@lazysync/config/load`.
 */
export * from './check-folders.ts';
export * from './effective.ts';
export * from './follow-effective.ts';
export * from './look-at-folder.ts';
export * from './network-storage.ts';
export * from './pair-id.ts';
export type { PairSettings } from './schema.ts';
export * from './state-dir.ts';
export * from './units.ts';
