/**
 * chokidar on the local folder: files and directories. It can't tell reads, finished writes, mapped writes or an
 * overflow, and links are kept from it: see local-source.ts for what runs beside it.
 */
import type { Stats } from 'node:fs';
import { type ChangeKind, isOwn, nameOf, parseRelPath, type RelPath } from '@lazysync/event-model';
import { errnoOf, withDeadline } from '@lazysync/ops';
import { FSWatcher } from 'chokidar';
import { type HintListener, type HintSource, isPassingName, type Rewatched } from './hint.ts';
import { limitReached } from './watch-limit.ts';

export interface ChokidarOptions {
  /** Absolute. */
  readonly root: string;
  readonly listener: Pick<HintListener, 'onHint' | 'onLost'>;
  readonly ignored?: (path: RelPath, directory: boolean) => boolean;
  /** Within which it must have put up its watches, ms. */
  readonly readyMs?: number;
}

const KINDS: Readonly<Record<string, ChangeKind>> = {
  add: 'create',
  addDir: 'create',
  change: 'modify',
  unlink: 'delete',
  unlinkDir: 'delete',
};

type ScanStream = ReturnType<FSWatcher['createScanStream']>;

/**
 * Its walk (readdirp 5.1.1) resolves every link to learn what it leads to, `followSymlinks: false` or not: for a stub
 * that is a call on the mount, in this process, which must never wait for one, and it uses up the stub's atime.
 */
class LinkBlindWatcher extends FSWatcher {
  override createScanStream(...args: Parameters<FSWatcher['createScanStream']>): ScanStream {
    const stream = super.createScanStream(...args);
    if (stream !== undefined) stream._getSymlinkEntryType = () => Promise.resolve('');
    return stream;
  }
}

export function createChokidarSource(options: ChokidarOptions): HintSource {
  const { root, listener } = options;
  let watcher: FSWatcher | undefined;
  let limitTold = false;
  const stopped = Promise.withResolvers<void>();

  const relative = (path: string): RelPath | null => {
    if (path === root) return parseRelPath('');
    const from = root === '/' ? 1 : root.length + 1;
    return path.startsWith(root) ? parseRelPath(path.slice(from)) : null;
  };

  const leftOut = (absolute: string, stats?: Stats): boolean => {
    const path = relative(absolute);
    if (path === null || path === '') return false;
    if (isOwn(path) || isPassingName(nameOf(path))) return true;
    if (stats === undefined) return false;
    return stats.isSymbolicLink() || (options.ignored?.(path, stats.isDirectory()) ?? false);
  };

  const failedWith = (error: unknown): void => {
    const errno = errnoOf(error);
    // One directory that can't be entered: the scan names it as unreadable.
    if (errno === 'EACCES' || errno === 'EPERM' || errno === 'ENOENT') return;
    const isLimit = errno === 'ENOSPC' || errno === 'EMFILE';
    if (isLimit && limitTold) return;
    limitTold ||= isLimit;
    const why = error instanceof Error ? error.message : String(error);
    listener.onLost(
      isLimit
        ? limitReached(errno === 'EMFILE' ? 'instances' : 'watches', 'chokidar has no room for its watches')
        : { kind: 'failed', message: `chokidar: ${why}`, mend: null },
    );
  };

  return {
    async start() {
      const made = new LinkBlindWatcher({
        followSymlinks: false,
        alwaysStat: true,
        atomic: false,
        ignoreInitial: true,
        backend: 'native',
        ignored: leftOut,
      });
      watcher = made;
      made.on('all', (event, absolute) => {
        const path = relative(absolute);
        const kind = KINDS[event];
        if (kind !== undefined && path !== null && path !== '') {
          listener.onHint({ side: 'local', path, kind, seen: true });
        }
      });
      made.on('error', failedWith);
      made.add(root);
      const ready = new Promise<void>((resolve) => made.once('ready', () => resolve()));
      await withDeadline(
        Promise.race([ready, stopped.promise]),
        options.readyMs ?? 120_000,
        'chokidar puts up its watches',
      );
    },
    async rewatch(): Promise<Rewatched> {
      return { fresh: [], unwatched: [] };
    },
    async poll() {
      // It has nothing that could be asked for.
    },
    async stop() {
      stopped.resolve();
      const closing = watcher;
      watcher = undefined;
      if (closing !== undefined) await withDeadline(closing.close(), 1_500, 'chokidar closes');
    },
  };
}
