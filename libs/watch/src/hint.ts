/** "Look at this path." What the sources tell; never trusted for what happened. */
import { type ChangeKind, OWN_FOLDER, type RelPath, type Side } from '@lazysync/event-model';

export interface Hint {
  readonly side: Side;
  readonly path: RelPath;
  /** A guess. */
  readonly kind: ChangeKind;
  /** True when a kernel event told of it, false when a scan inferred it. */
  readonly seen: boolean;
}

/** Hints may be missing from here on: answered by a rescan. */
export interface Lost {
  readonly kind: 'overflow' | 'watch-limit' | 'unmounted' | 'failed';
  readonly message: string;
  /** A command that mends the cause, where there is one. */
  readonly mend: string | null;
}

/** What a source calls back with. All are synchronous and must not throw. */
export interface HintListener {
  onHint(hint: Hint): void;
  onLost(lost: Lost): void;
  /** A regular file was opened by somebody. */
  onOpen?(path: RelPath): void;
  /** A file is being written to (true), or its writer closed it (false). */
  onWriting?(path: RelPath, writing: boolean): void;
  /** A directory was opened for reading (true), or such a reader closed it (false). */
  onListing?(path: RelPath, open: boolean): void;
  /** A thing was renamed inside the tree. */
  onMoved?(from: RelPath, to: RelPath): void;
}

export interface HintSource {
  /** Resolves when every directory is watched. */
  start(): Promise<void>;
  /** Adds the watches of these directories again; harmless for those that are watched. */
  rewatch(paths: readonly RelPath[]): Promise<Rewatched>;
  /** Takes in all that the kernel has ready. */
  poll(): Promise<void>;
  stop(): Promise<void>;
}

export interface Rewatched {
  /** Directories that were not watched before, or whose watch had gone stale. */
  readonly fresh: readonly RelPath[];
  /** Directories for which the kernel has no room: nothing is told of them. */
  readonly unwatched: readonly RelPath[];
}

/** Our own and other clients' names that never count as content. */
export function isPassingName(name: string): boolean {
  if (name.charCodeAt(0) !== 46) return false;
  return (
    (name.startsWith('.lazysync-') && name.endsWith('.part')) ||
    name.startsWith('.nfs') ||
    name.startsWith('.fuse_hidden')
  );
}

/** True for a name in `directory` that no source reports and no scan enters. */
export function isLeftOut(directory: RelPath, name: string): boolean {
  return (directory === '' && name === OWN_FOLDER) || isPassingName(name);
}
