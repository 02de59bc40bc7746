/** The names under which content is staged in the remote, and the folders that they lie in. */
import { OWN_FOLDER } from '@lazysync/event-model';
import type { FsPort, OpenFile } from './fs-port.ts';
import type { Order } from './replica.ts';
import { codeOf, dropName, STAGE_FOLDERS, stagedAt, stagePath } from './tree-context.ts';

/** The stage file, and its folder where that is not there yet. In a folder that is being filled a name is taken by one only. */
export async function createStage(fs: FsPort, order: Pick<Order, 'slot' | 'under'>, mode: number): Promise<OpenFile> {
  const path = stagedAt(order);
  if (order.under !== undefined) return await fs.create(path, mode & 0o777);
  for (let tries = 0; ; tries++) {
    try {
      return await fs.create(path, mode & 0o777);
    } catch (error) {
      const code = codeOf(error);
      if (tries > 2 || (code !== 'EEXIST' && code !== 'ENOENT')) throw error;
      // Left by an earlier try of the same order; nobody else uses this name.
      if (code === 'EEXIST') await dropName(fs, path);
      else await makeFolder(fs, path.slice(0, path.lastIndexOf('/')));
    }
  }
}

/** The folders that uploads are staged in, so that the first ones need not wait for them. */
export async function makeStageFolders(fs: FsPort): Promise<void> {
  const there = new Set((await fs.readdir(`${OWN_FOLDER}/stage`)).map(({ name }) => name));
  for (let n = 0; n < STAGE_FOLDERS; n++) if (!there.has(String(n))) await makeFolder(fs, stagePath(String(n)));
}

async function makeFolder(fs: FsPort, path: string): Promise<void> {
  try {
    await fs.mkdir(path, 0o700);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}
