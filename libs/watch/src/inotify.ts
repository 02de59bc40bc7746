/** The kernel's events alone, for processes that need nothing else of this library. */
export type { HintListener, HintSource, Rewatched } from './hint.ts';
export { createInotifyHub, type InotifyHub } from './inotify-hub.ts';
export { createInotifySource } from './inotify-source.ts';
