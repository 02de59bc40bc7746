/**
 * A mount does not know what happens behind it: sshfs goes on answering with the listing that it had for up to 20 seconds.
 * A change of the folder's own times through it makes it forget that, and costs two round trips.
 */
import type { RelPath } from '@lazysync/event-model';
import { mapParallel, throwIfLost } from './entry-of.ts';
import type { FsPort } from './fs-port.ts';
import { codeOf } from './tree-context.ts';

export async function forgetListings(fs: FsPort, folders: readonly RelPath[], parallel: number): Promise<void> {
  await mapParallel(folders, parallel, async (folder) => {
    try {
      await fs.touchDirectory(folder);
    } catch (error) {
      throwIfLost(error);
      // Somebody else's folder, or gone: its names are shown late, and what a listing lacks is looked at by its name.
      if (codeOf(error) === null) throw error;
    }
  });
}
