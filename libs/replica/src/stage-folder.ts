/**
 * A new folder that is filled in the stage folder, where nobody sees it, and gets its name by one rename: what lies in it
 * needs no second name then.
 */
import type { RelPath, Step, StepOutcome } from '@lazysync/event-model';
import { moveName } from './capture.ts';
import { throwIfLost } from './entry-of.ts';
import type { FsPort } from './fs-port.ts';
import { removeTree } from './remove-tree.ts';
import { codeOf, failure, guarded, stagePath, type TreeContext } from './tree-context.ts';

type MakeDirectory = Extract<Step, { kind: 'make-directory' }>;

/** Names removed at a time. */
const PARALLEL = 16;

/** EEXIST: it is being filled already, or a mount takes two names for the same. */
export async function stageFolder(it: TreeContext, under: string, mode: number): Promise<StepOutcome> {
  const path = stagePath(under);
  try {
    await it.fs.mkdir(path, mode);
    let after = await it.look(path);
    if (after.kind === 'directory' && after.mode !== mode) {
      // The umask took bits away.
      await it.fs.chmod(path, mode);
      after = await it.look(path);
    }
    return { kind: 'done', after };
  } catch (error) {
    throwIfLost(error);
    return failure(error, it.side, path as RelPath);
  }
}

export async function commitFolder(it: TreeContext, slot: string, step: MakeDirectory): Promise<StepOutcome> {
  return guarded(it, step.path, async () => {
    try {
      await moveName(it, stagePath(slot), step.path);
    } catch (error) {
      if (codeOf(error) !== 'ENOTEMPTY') throw error;
      return { kind: 'stale', saw: await it.look(step.path) };
    }
    const after = await it.look(step.path);
    return after.kind === 'directory' ? { kind: 'done', after } : { kind: 'stale', saw: after };
  });
}

/** All that was staged for it goes. A folder that has got its name already is none of that. */
export async function dropFolder(fs: FsPort, slot: string): Promise<void> {
  const dropped = `${stagePath(slot)}.dropped`;
  // Of an earlier try.
  await removeTree(fs, dropped, PARALLEL);
  try {
    // ORDER: the name first: a rename that a dead process has asked for finds nothing, instead of a half-emptied folder.
    await fs.rename(stagePath(slot), dropped);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  await removeTree(fs, dropped, PARALLEL);
}
