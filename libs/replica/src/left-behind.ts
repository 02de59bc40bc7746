/**
 * What lies in the stage folder and belongs to nothing that is under way: a call of a process that died may land after
 * everything was cleared up. It goes to the trash, like everything that somebody may miss.
 */
import { OWN_FOLDER, type RelPath, relPath } from '@lazysync/event-model';
import { makeTrashFolder, moveName } from './capture.ts';
import type { FsPort } from './fs-port.ts';
import { codeOf, dropName, type TreeContext } from './tree-context.ts';

const STAGE = `${OWN_FOLDER}/stage`;
/** An empty file, made and removed to see whether a side can be written. It is of no slot, and no client's own. */
export const TRIAL = relPath(`${STAGE}/.trial`);
const SLOT = /^\d{8}t\d{6}-[0-9a-f]+-\d+/;
const LEFT = relPath('left behind');

/** Paths of what is staged; strange names are nobody's business. */
export async function stagedNames(fs: FsPort): Promise<readonly RelPath[]> {
  const found: RelPath[] = [];
  for (const { name } of await fs.readdir(STAGE)) {
    const path = relPath(`${STAGE}/${name}`);
    if (SLOT.test(name) || path === TRIAL) found.push(path);
    else if (/^\d+$/.test(name)) {
      for (const inside of await fs.readdir(`${STAGE}/${name}`))
        if (SLOT.test(inside.name)) found.push(relPath(`${STAGE}/${name}/${inside.name}`));
    }
  }
  return found;
}

/** The slot that a stage name was made for; empty: for none. */
export function slotOf(path: RelPath): string {
  return SLOT.exec(path.slice(path.lastIndexOf('/') + 1))?.[0] ?? '';
}

export async function leaveBehind(it: TreeContext, paths: readonly RelPath[]): Promise<void> {
  for (const path of paths) {
    try {
      const { nlink, kind, size } = await it.fs.lstat(path);
      // A second name, or a file with nothing in it.
      if (kind === 'file' && (nlink > 1 || size === 0)) await dropName(it.fs, path);
      else if (path !== TRIAL) await moveName(it, path, await makeTrashFolder(it, slotOf(path), LEFT));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}
