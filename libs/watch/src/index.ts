/** Sources of hints, settling, access detection, scans. */

export * from './chokidar-source.ts';
export * from './hint.ts';
export * from './inotify-events.ts';
export * from './inotify-source.ts';
export * from './local-source.ts';
