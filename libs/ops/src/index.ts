/** What every process needs around its work: system calls, logs, an orderly end, time, metrics. */
export * from './errno.ts';
export * from './mounts.ts';
export * from './syscalls.ts';
