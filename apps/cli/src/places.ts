/** Where the programs of the other processes lie, and how a Redis is named in files. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RedisPlace } from '@lazysync/config';

export type ProgramName = 'watcher' | 'sync-worker' | 'dashboard';

const PROGRAMS = {
  watcher: new URL('../../watcher/src/main.ts', import.meta.url),
  'sync-worker': new URL('../../sync-worker/src/main.ts', import.meta.url),
  'head-start': new URL('../../sync-worker/src/head-start-main.ts', import.meta.url),
  dashboard: new URL('../../dashboard/src/main.ts', import.meta.url),
};

export function programOf(name: ProgramName | 'head-start'): string {
  return fileURLToPath(PROGRAMS[name]);
}

/** As pair.json has it: the path of a socket, or a URL. */
export function redisText(place: RedisPlace): string {
  return place.kind === 'socket' ? place.path : place.url;
}

export function redisPlace(text: string): RedisPlace {
  return path.isAbsolute(text) ? { kind: 'socket', path: text } : { kind: 'url', url: text };
}
