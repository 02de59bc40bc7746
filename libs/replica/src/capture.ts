/** The trash: where an old thing gets its second name, is looked at, and stays or goes back. */
import { type Entry, OWN_FOLDER, parentOf, type RelPath } from '@lazysync/event-model';
import { FsError } from './fs-port.ts';
import { codeOf, isUnsupported, type TreeContext, trashPath } from './tree-context.ts';

/** Makes the step's trash folder, exclusively, and the folders of `path` in it. */
export async function makeTrashFolder(it: TreeContext, slot: string, path: RelPath): Promise<RelPath> {
  const target = trashPath(slot, path);
  const missing: string[] = [];
  const end = `${OWN_FOLDER}/trash`;
  for (let at: string = parentOf(target); at !== end; at = at.slice(0, at.lastIndexOf('/'))) missing.unshift(at);
  for (const folder of missing) {
    try {
      await it.fs.mkdir(folder, 0o700);
    } catch (error) {
      // Only a retry of the same journaled step finds its own folder here; the name inside is still taken exclusively.
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }
  return target;
}

/** Takes the folders of a trash slot away again while they are empty. */
export async function dropTrashFolder(it: TreeContext, slot: string, path: RelPath): Promise<void> {
  const end = `${OWN_FOLDER}/trash`;
  for (let at: string = parentOf(trashPath(slot, path)); at !== end; at = at.slice(0, at.lastIndexOf('/'))) {
    try {
      await it.fs.rmdir(at);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') continue;
      if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST') return;
      throw error;
    }
  }
}

/** A rename that never replaces: by the kernel's flag, else by looking first. */
export async function moveName(it: TreeContext, from: string, to: string): Promise<void> {
  try {
    await it.fs.renameNoReplace(from, to);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    // RACE: without RENAME_NOREPLACE a name that appears between the look and the rename is replaced. Only used for
    // names in our own folder, which nobody else writes, for put-backs where link is refused, too, and for folders: of what
    // appears in their way an empty folder alone is replaced, anything else makes the rename fail.
    const there = await it.look(to);
    if (there.kind !== 'absent') throw new FsError('EEXIST', 'rename', to);
    await it.fs.rename(from, to);
  }
}

/** What a step has captured is nothing of its any more: it only stays in the trash. */
export async function setTrashAside(it: TreeContext, slot: string): Promise<void> {
  const folder = `${OWN_FOLDER}/trash/${slot}`;
  await moveName(it, folder, `${folder}${ASIDE}`);
}

/** Ends the name of a trash folder that was set aside. */
export const ASIDE = 'x';

export type Captured =
  | { readonly kind: 'captured'; readonly trashed: RelPath; readonly found: Entry }
  | { readonly kind: 'absent' };

/** The thing leaves its path and lies in the trash. ENOENT: there was nothing. */
export async function capture(it: TreeContext, slot: string, path: RelPath): Promise<Captured> {
  const trashed = await makeTrashFolder(it, slot, path);
  try {
    await moveName(it, path, trashed);
  } catch (error) {
    await dropTrashFolder(it, slot, path);
    if (codeOf(error) === 'ENOENT') return { kind: 'absent' };
    throw error;
  }
  return { kind: 'captured', trashed, found: await it.look(trashed) };
}

/** The thing keeps its path and gets a second name in the trash. Throws where there are no hard links. */
export async function captureByLink(it: TreeContext, slot: string, path: RelPath): Promise<Captured> {
  const trashed = trashPath(slot, path);
  try {
    try {
      await it.fs.link(path, trashed);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      // The thing is gone, or its folder in the trash was not made yet (it is made while the content is staged).
      await makeTrashFolder(it, slot, path);
      await it.fs.link(path, trashed);
    }
  } catch (error) {
    await dropTrashFolder(it, slot, path);
    if (codeOf(error) === 'ENOENT') return { kind: 'absent' };
    throw error;
  }
  return { kind: 'captured', trashed, found: await it.look(trashed) };
}

export type PutBack = 'back' | 'kept-in-trash';

/**
 * A captured thing that was not what the plan expected goes back to its path. If somebody made something new there in
 * between, both are kept: the captured one stays in the trash.
 */
export async function putBack(it: TreeContext, slot: string, path: RelPath, found: Entry): Promise<PutBack> {
  const trashed = trashPath(slot, path);
  try {
    if (it.side === 'remote' && found.kind === 'file') await linkBack(it, trashed, path);
    else await moveName(it, trashed, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'ENOENT')
      return 'kept-in-trash';
    throw error;
  }
  await dropTrashFolder(it, slot, path);
  return 'back';
}

async function linkBack(it: TreeContext, trashed: string, path: string): Promise<void> {
  try {
    await it.fs.link(trashed, path);
  } catch (error) {
    if (!isUnsupported(error, 'EPERM', 'EMLINK')) throw error;
    await moveName(it, trashed, path);
    return;
  }
  await it.fs.unlink(trashed);
}
