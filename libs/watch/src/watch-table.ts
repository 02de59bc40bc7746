/** Which watch descriptor stands for which directory. Both ways are one to one. */
import { isSameOrBelow, type RelPath, rebase } from '@lazysync/event-model';

export interface WatchTable {
  pathOf(wd: number): RelPath | undefined;
  wdOf(path: RelPath): number | undefined;
  /** Answers a descriptor that stood for this path before and stands for nothing now. */
  set(path: RelPath, wd: number): number | null;
  drop(wd: number): void;
  /** Everything at and below `from` now lies at `to`. Answers descriptors of what lay there before. */
  move(from: RelPath, to: RelPath): readonly number[];
  /** Forgets everything at and below `path`; answers the descriptors. */
  dropBelow(path: RelPath): readonly number[];
  size(): number;
}

export function createWatchTable(): WatchTable {
  const paths = new Map<number, RelPath>();
  const wds = new Map<RelPath, number>();

  const drop = (wd: number): void => {
    const path = paths.get(wd);
    paths.delete(wd);
    if (path !== undefined && wds.get(path) === wd) wds.delete(path);
  };

  const set = (path: RelPath, wd: number): number | null => {
    const before = wds.get(path);
    // The kernel gives one number per inode: a known number under a new path means that the directory moved.
    if (paths.get(wd) !== path) drop(wd);
    paths.set(wd, path);
    wds.set(path, wd);
    if (before === undefined || before === wd) return null;
    paths.delete(before);
    return before;
  };

  const dropBelow = (path: RelPath): number[] => {
    const found: number[] = [];
    for (const [at, wd] of wds) if (isSameOrBelow(at, path)) found.push(wd);
    for (const wd of found) drop(wd);
    return found;
  };

  return {
    pathOf: (wd) => paths.get(wd),
    wdOf: (path) => wds.get(path),
    set,
    drop,
    dropBelow,
    move(from, to) {
      const moving: [RelPath, number][] = [];
      for (const [at, wd] of wds) if (isSameOrBelow(at, from)) moving.push([at, wd]);
      for (const [, wd] of moving) drop(wd);
      const replaced = dropBelow(to);
      for (const [at, wd] of moving) set(rebase(at, from, to), wd);
      return replaced;
    },
    size: () => paths.size,
  };
}
