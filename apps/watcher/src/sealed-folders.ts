/** Folders of local that are as they were when all of their names were in agreement: see docs/decisions/0014-seals.md. */
import type { BaseReader } from '@lazysync/base';
import { joinPath, type RelPath } from '@lazysync/event-model';
import { createDiskFs, FsError } from '@lazysync/replica';

export interface SealedFolders {
  /** The folders in it, if nothing else in it has changed; null: it has, or nobody knows. */
  unchanged(folder: RelPath): Promise<readonly RelPath[] | null>;
  close(): void;
}

/** `root`: LOCAL, absolute. */
export function createSealedFolders(root: string, reader: () => BaseReader): SealedFolders {
  const disk = createDiskFs({ root, mode: 'local' });

  async function printOf(folder: RelPath): Promise<string | null> {
    try {
      return (await disk.scan(folder)).print;
    } catch (error) {
      if (error instanceof FsError) return null;
      throw error;
    }
  }

  return {
    async unchanged(folder) {
      const before = reader().seal(folder);
      if (before === null || (await printOf(folder)) !== before.local) return null;
      // RACE: it may have been broken while the folder was looked at.
      const base = reader();
      if (base.seal(folder)?.local !== before.local) return null;
      return base.folders(folder).map((name) => joinPath(folder, name));
    },
    close: () => disk.close(),
  };
}
