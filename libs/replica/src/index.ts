/** One tree: looking at it, changing it, in this process or behind an endpoint. */
export * from './disk-fs.ts';
export * from './entry-of.ts';
export * from './fs-port.ts';
export * from './listing.ts';
export * from './replica.ts';
export { createReplica, type ReplicaOptions } from './replica-on.ts';
