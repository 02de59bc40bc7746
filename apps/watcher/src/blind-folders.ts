/**
 * Folders of which the kernel tells nothing, because it has no room for further watches. They are looked at every few
 * seconds instead, and `lazysync status` says so, with the command that makes room.
 */
import type { RelPath, Side } from '@lazysync/event-model';
import type { Warning } from '@lazysync/queue';
import { type Lost, nearWatchLimit, type Rewatched } from '@lazysync/watch';

export interface BlindFolders {
  /** What became of asking for the watches of `paths`. */
  asked(paths: readonly RelPath[], answer: Rewatched): Rewatched;
  /** Others than these are gone. */
  keep(directories: readonly RelPath[]): void;
  /** Why there was no room. */
  because(lost: Lost): void;
  has(path: RelPath): boolean;
  all(): readonly RelPath[];
  any(): boolean;
  warning(): Warning | null;
}

/** `changed`: the first one has come, or the last one has gone. */
export function createBlindFolders(side: Side, changed: () => void): BlindFolders {
  const blind = new Set<RelPath>();
  let why: Lost | null = null;
  const watchingChange = (act: () => void): void => {
    const before = blind.size > 0;
    act();
    if (blind.size > 0 !== before) changed();
  };
  return {
    asked(paths, answer) {
      watchingChange(() => {
        if (blind.size > 0) for (const path of paths) blind.delete(path);
        for (const path of answer.unwatched) blind.add(path);
      });
      return answer;
    },
    keep(directories) {
      if (blind.size === 0) return;
      const known = new Set(directories);
      watchingChange(() => {
        for (const path of blind) if (!known.has(path)) blind.delete(path);
      });
    },
    because(lost) {
      why = lost;
    },
    has: (path) => blind.has(path),
    all: () => [...blind],
    any: () => blind.size > 0,
    warning() {
      if (blind.size === 0) return null;
      const many = blind.size === 1 ? '1 folder' : `${blind.size} folders`;
      const because = why === null ? '' : `: ${why.message}`;
      return {
        message: `The kernel does not watch ${many} of ${side}${because}; looked at every few seconds instead.`,
        mend: why?.mend ?? null,
      };
    },
  };
}

/** How many watches the pairs of this process need together. */
export interface WatchNeed {
  set(pair: string, watches: number): void;
  /** They are about to be too few. */
  warning(): Warning | null;
}

export function createWatchNeed(): WatchNeed {
  const needed = new Map<string, number>();
  let total = 0;
  return {
    set(pair, watches) {
      total += watches - (needed.get(pair) ?? 0);
      if (watches === 0) needed.delete(pair);
      else needed.set(pair, watches);
    },
    warning() {
      const near = nearWatchLimit(total);
      return near === null
        ? null
        : { message: `${near.message}; above that, folders are looked at instead.`, mend: near.mend };
    },
  };
}
