/** Sources of hints, settling, access detection, scans. */

export * from './access.ts';
export * from './chokidar-source.ts';
export { type FollowedFile, followFile } from './follow-file.ts';
export * from './hint.ts';
export * from './inotify-events.ts';
export { createInotifyHub, type InotifyHub } from './inotify-hub.ts';
export * from './inotify-source.ts';
export { isThatFolder, isThatStub } from './local-entry.ts';
export * from './local-scan.ts';
export * from './local-source.ts';
export * from './recent-opens.ts';
export * from './remote-scan.ts';
export * from './reported.ts';
export * from './scan.ts';
export * from './scan-rounds.ts';
export * from './settle.ts';
export * from './still-writing.ts';
export * from './stub-times.ts';
export * from './timers.ts';
export { nearWatchLimit } from './watch-limit.ts';
