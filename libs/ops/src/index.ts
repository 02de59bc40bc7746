/**
 * What every process needs around its work: system calls, logs, an orderly end, time. By names of their own, since not all load
 * them: the logger by `@lazysync/ops/logger`, metrics by `@lazysync/ops/metrics`.
 */
export * from './clock.ts';
export * from './deadline.ts';
export * from './errno.ts';
export * from './file-calls.ts';
export * from './health-file.ts';
export * from './inotify-calls.ts';
export * from './keeper.ts';
export { failed, onReadable, type Registration, type Result } from './libc.ts';
export * from './locks.ts';
export type { Logger, LogLevel } from './logger.ts';
export * from './memory.ts';
export * from './mounts.ts';
export * from './parent.ts';
export * from './passed-connections.ts';
export * from './process-identity.ts';
export * from './scope.ts';
export * from './shutdown.ts';
export * from './stat-calls.ts';
