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
  readonly listener: HintListener;
  readonly ignored?: (path: RelPath, directory: boolean) => boolean;
  /** Above this many entries `auto` leaves chokidar out. Default 200,000. */
  readonly chokidarLimit?: number;
}

export interface LocalSource extends HintSource {
  /** Known after `start`. */
  uses(): 'chokidar and inotify' | 'inotify';
}

export function createLocalSource(options: LocalSourceOptions): LocalSource {
  const { root, listener, watch } = options;
  const ignored = options.ignored === undefined ? {} : { ignored: options.ignored };
  const limit = options.chokidarLimit ?? 200_000;
  const inotify = createInotifySource({ root, side: 'local', mount: false, listener, ...ignored });
  let chokidar: HintSource | undefined;
  return {
    uses: () => (chokidar === undefined ? 'inotify' : 'chokidar and inotify'),
    async start() {
      await inotify.start();
      if (watch === 'inotify' || (watch === 'auto' && inotify.entriesAtStart() > limit)) return;
      chokidar = createChokidarSource({ root, listener, ...ignored });
      await chokidar.start();
    },
    rewatch: (paths) => inotify.rewatch(paths),
    poll: () => inotify.poll(),
    async stop() {
      await Promise.all([inotify.stop(), chokidar?.stop()]);
    },
  };
}
