/** What is started as a process or a thread of its own. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Bundled: name -> source file, seen from the root of the repository. */
export const PROGRAMS = {
  cli: 'apps/cli/src/main.ts',
  watcher: 'apps/watcher/src/main.ts',
  'server-watcher': 'apps/watcher/src/server-main.ts',
  'sync-worker': 'apps/sync-worker/src/main.ts',
  'head-start': 'apps/sync-worker/src/head-start-main.ts',
  endpoint: 'apps/endpoint/src/main.ts',
  'link-thread': 'libs/replica/src/link-thread-main.ts',
  'folder-facts': 'libs/config/src/folder-facts-child.ts',
} as const;

export type BundledProgram = keyof typeof PROGRAMS;

/** Run from its source, when somebody looks: it reads its pages and its styles beside it. */
export const UNBUNDLED: ReadonlySet<string> = new Set(['apps/dashboard/src/main.ts']);

/** Where the bundle of a source file begins, seen from the folder of all: a process is called alike either way. */
export function bundleOf(file: string): string {
  return file.replace(/\.ts$/, '.mjs');
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * The file that a test or a benchmark starts: the bundle of which LAZYSYNC_PROGRAMS names the folder (as `npm test` does), else
 * the source.
 */
export function programFile(name: BundledProgram): string {
  const folder = process.env.LAZYSYNC_PROGRAMS ?? '';
  return folder === '' ? path.join(ROOT, PROGRAMS[name]) : path.join(folder, bundleOf(PROGRAMS[name]));
}
