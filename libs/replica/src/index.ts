/** One tree: looking at it, changing it, in this process or behind an endpoint. */
export * from './anchor.ts';
export * from './disk-fs.ts';
export * from './disk-replica.ts';
export * from './entry-of.ts';
export * from './fetch.ts';
export * from './fs-port.ts';
export * from './hash.ts';
export * from './listing.ts';
export * from './markers.ts';
export * from './mount-facts.ts';
export * from './probe.ts';
export * from './replica.ts';
export * from './replica-on.ts';
export * from './ignore.ts';
