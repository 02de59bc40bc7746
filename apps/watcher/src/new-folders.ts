/**
 * Folders that the worker has made or moved while nobody lists the remote: a watcher beside its disk tells the lane of
 * them, and the kernel tells this host of nothing that happens there. From now on opens in them are to be told.
 */
import type { BaseReader } from '@lazysync/base';
import type { RelPath } from '@lazysync/event-model';
import type { Timers } from '@lazysync/watch';

export interface NewFoldersOptions {
  readonly timers: Timers;
  readonly reader: () => BaseReader;
  /** Until then whoever starts watches every folder there is. */
  readonly ready: () => boolean;
  /** Rejects when the remote does not answer: they are tried again. */
  readonly watch: (folders: readonly RelPath[]) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

/**
 * ms, and how soon after something was made in local. An open that came before is seen by the stub's time, until that is
 * set back: half a second after a listing of the folder, which whoever follows local makes.
 */
const LOOK_MS = 1_000;
const SOON_MS = 100;
/** Acts that are read at once; of more, every folder there is counts as new. */
const MOST = 10_000;

export interface NewFolders {
  /** From now on nobody lists the remote: what was made before is watched by the look at everything that follows this. */
  begin(): void;
  /** It is listed again, or nothing is watched any more. */
  end(): void;
  /** Something was made in local. */
  made(): void;
}

export function followNewFolders({ timers, reader, ready, watch, failed }: NewFoldersOptions): NewFolders {
  let version: number | null = null;
  /** The last act that was looked at, of this base. */
  let last = 0;
  let follows = false;
  /** The next look comes soon. */
  let soon = false;
  let timer: { cancel(): void } | undefined;

  const foldersOf = (base: BaseReader, after: number): readonly RelPath[] => {
    const acts = base.acts({ after, limit: MOST });
    if (acts.length === MOST) return base.directories();
    const found = new Set<RelPath>();
    for (const { path, act } of acts) {
      if (base.get(path)?.kind !== 'directory') continue;
      found.add(path);
      if (act.startsWith('make-directory')) continue;
      for (const row of base.below(path)) if (row.kind === 'directory') found.add(row.path);
    }
    return [...found];
  };

  const newestIn = (base: BaseReader): number => base.acts({ limit: 1 }).at(-1)?.id ?? 0;

  const look = async (): Promise<void> => {
    const base = reader();
    const now = base.version();
    if (now === version) return;
    const newest = newestIn(base);
    const folders = ready() && newest > last ? foldersOf(base, last) : [];
    if (folders.length > 0) await watch(folders);
    // ORDER: only now; and what has changed meanwhile is another version.
    last = newest;
    version = now;
  };

  const lookIn = (ms: number): void => {
    if (!follows) return;
    timer?.cancel();
    soon = ms < LOOK_MS;
    timer = timers.after(ms, () => {
      timer = undefined;
      soon = false;
      look()
        .catch((error: unknown) => {
          if (follows) failed(error);
        })
        .finally(() => lookIn(soon ? SOON_MS : LOOK_MS));
    });
  };

  const end = (): void => {
    follows = false;
    timer?.cancel();
    timer = undefined;
  };
  return {
    begin() {
      last = newestIn(reader());
      follows = true;
      lookIn(LOOK_MS);
    },
    made() {
      if (soon || !follows) return;
      soon = true;
      if (timer !== undefined) lookIn(SOON_MS);
    },
    end,
  };
}
