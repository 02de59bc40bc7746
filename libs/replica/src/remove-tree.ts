/** Removes a folder of the trash with all that is in it. Never follows a link; what is gone already is fine. */
import { FsError, type FsPort } from './fs-port.ts';

export async function removeTree(fs: FsPort, path: string): Promise<void> {
  try {
    for (const { name } of await fs.readdir(path)) {
      const at = `${path}/${name}`;
      if ((await fs.lstat(at)).kind === 'directory') await removeTree(fs, at);
      else await fs.unlink(at);
    }
    await fs.rmdir(path);
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== 'ENOENT') throw error;
  }
}
