/** Removes a folder of our own with all that is in it. Never follows a link; what is gone already is fine. */
import { mapParallel } from './entry-of.ts';
import { FsError, type FsPort } from './fs-port.ts';

/** `parallel`: names of one folder at a time. */
export async function removeTree(fs: FsPort, path: string, parallel = 1): Promise<void> {
  try {
    await mapParallel(await fs.readdir(path), parallel, async ({ name }) => {
      const at = `${path}/${name}`;
      if ((await fs.lstat(at)).kind === 'directory') await removeTree(fs, at, parallel);
      else await fs.unlink(at);
    });
    await fs.rmdir(path);
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== 'ENOENT') throw error;
  }
}
