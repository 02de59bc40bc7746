/**
 * What watches the local folder: chokidar with inotify beside it, or inotify alone where chokidar would cost too much
 * memory (702 MB at a million entries).
 */
import type { RelPath } from '@lazysync/event-model';
import { createChokidarSource } from './chokidar-source.ts';
import type { HintListener, HintSource } from './hint.ts';
import { createInotifySource } from './inotify-source.ts';

export type LocalWatch = 'auto' | 'chokidar' | 'inotify';

export interface LocalSourceOptions {
  /** Absolute, its real path. */
  readonly root: string;
  readonly watch: LocalWatch;
  /** Entries that the folder is known to hold: decides `auto`. */
  readonly entries: number;
  readonly listener: HintListener;
  readonly ignored?: (path: RelPath, directory: boolean) => boolean;
}

/** Above this many entries chokidar is left out. */
export const CHOKIDAR_LIMIT = 200_000;

export function createLocalSource(options: LocalSourceOptions): HintSource & { readonly uses: 'both' | 'inotify' } {
  const { root, listener } = options;
  const ignored = options.ignored === undefined ? {} : { ignored: options.ignored };
  const both = options.watch === 'chokidar' || (options.watch === 'auto' && options.entries <= CHOKIDAR_LIMIT);
  const inotify = createInotifySource({ root, side: 'local', mount: false, listener, ...ignored });
  if (!both) return { ...inotify, uses: 'inotify' };
  const chokidar = createChokidarSource({ root, listener, ...ignored });
  return {
    uses: 'both',
    async start() {
      await inotify.start();
      await chokidar.start();
    },
    rewatch: (paths) => inotify.rewatch(paths),
    poll: () => inotify.poll(),
    async stop() {
      await Promise.all([inotify.stop(), chokidar.stop()]);
    },
  };
}
