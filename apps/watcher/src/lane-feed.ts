/** Changes and accesses on their way to the lane. */
import type { ChangeEvent, RelPath, RescanEvent, SyncEvent } from '@lazysync/event-model';
import type { Outbox } from './outbox.ts';

export interface LaneFeed {
  changes(events: readonly (ChangeEvent | RescanEvent)[]): void;
  access(paths: readonly RelPath[]): void;
}

/** `waits`: the change of this path has not left yet. */
export function createLaneFeed(outbox: Pick<Outbox, 'push'>, waits: (path: RelPath) => boolean): LaneFeed {
  /** Accesses of stubs whose own change has not left yet: they follow it, or the worker would not know the path. */
  const following = new Set<RelPath>();
  const feed: LaneFeed = {
    access(paths) {
      const now = paths.filter((path) => !waits(path));
      for (const path of paths) if (waits(path)) following.add(path);
      outbox.push(now.map((path): SyncEvent => ({ kind: 'access', side: 'local', path })));
    },
    changes(events) {
      outbox.push(events);
      if (following.size === 0) return;
      const waited = [...following];
      following.clear();
      feed.access(waited);
    },
  };
  return feed;
}
