/**
 * Words and types of a pair: paths, sides, entries, the base, events, plans. Pure: no I/O, no clock.
 *
 * hint       "look at this path", from the kernel, chokidar or a scan
 * event      what was seen at a path {side, kind, path}; changeset: the events of one settle window = one job
 * entry      what is observed at a path
 * base       per path the last state on which both sides agreed
 * step       one act on a tree with its precondition
 * stub       our symlink that stands for a remote file; copy: the file itself, here
 */
export * from './base-record.ts';
export * from './codec.ts';
export * from './entry.ts';
export * from './event.ts';
export * from './packs.ts';
export * from './plan.ts';
export * from './rel-path.ts';
export * from './side.ts';
export * from './stub-target.ts';
