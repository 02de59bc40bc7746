/** Removes a folder of our own with all that is in it. Never follows a link; what is gone already is fine. */
import { mapParallel } from './entry-of.ts';
import { FsError, type FsPort } from './fs-port.ts';

async function unlessGone(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== 'ENOENT') throw error;
  }
}

/** `parallel`: names of one folder at a time. */
export async function removeTree(fs: FsPort, path: string, parallel = 1): Promise<void> {
  const removeIn = async (name: string): Promise<void> => {
    const at = `${path}/${name}`;
    if ((await fs.lstat(at)).kind === 'directory') await removeTree(fs, at, parallel);
    else await fs.unlink(at);
  };
  await unlessGone(async () => {
    // One that is gone meanwhile keeps none of the others.
    await mapParallel(await fs.readdir(path), parallel, ({ name }) => unlessGone(() => removeIn(name)));
    await fs.rmdir(path);
  });
}
