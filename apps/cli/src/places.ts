/** Where the programs of the other processes lie, and how a Redis is named in files. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RedisPlace } from '@lazysync/config';

export type ProgramName = 'watcher' | 'sync-worker' | 'dashboard';

export function programOf(name: ProgramName | 'head-start'): string {
  const file = name === 'head-start' ? 'sync-worker/src/head-start-main.ts' : `${name}/src/main.ts`;
  return fileURLToPath(new URL(`../../${file}`, import.meta.url));
}

/** As pair.json has it: the path of a socket, or a URL. */
export function redisText(place: RedisPlace): string {
  return place.kind === 'socket' ? place.path : place.url;
}

export function redisPlace(text: string): RedisPlace {
  return path.isAbsolute(text) ? { kind: 'socket', path: text } : { kind: 'url', url: text };
}
