/** A replace that a crash broke off, whichever way it was done: each of its states tells by itself how far it had come. */
import type { Entry, Step } from '@lazysync/event-model';
import { dropTrashFolder, putBack, setTrashAside } from './capture.ts';
import { FsError } from './fs-port.ts';
import { hashFile } from './hash.ts';
import { isVersion } from './replace.ts';
import type { Order, RecoverOutcome, StagedUpload } from './replica.ts';
import { exchangeBack, keepInTrash } from './swap.ts';
import { dropName, isExpected, type TreeContext, trashPath, uploadStagePath } from './tree-context.ts';

type UploadStep = Extract<Step, { kind: 'upload' }>;

const UNDONE: RecoverOutcome = { kind: 'undone' };

function finished(staged: StagedUpload, trashed: Step['path']): RecoverOutcome {
  const { stat, hash, source } = staged;
  return { kind: 'finished', outcome: { kind: 'done', after: { kind: 'file', stat }, hash, source, trashed } };
}

/** Is what lies there what we had staged? A rival's save may show the same: the contents tell. */
async function isOurs(it: TreeContext, path: string, found: Entry, staged: StagedUpload): Promise<boolean> {
  if (!isVersion(staged.stat)(found)) return false;
  const context = { side: 'remote', anchors: [it.anchor] } as const;
  const hashed = await hashFile(it.fs, path as Step['path'], staged.stat, context);
  if (hashed.kind === 'failed') throw new FsError('EIO', 'read', path);
  return hashed.kind === 'hash' && hashed.hash === staged.hash;
}

export async function recoverReplace(
  it: TreeContext,
  order: Order,
  step: UploadStep,
  staged: StagedUpload,
): Promise<RecoverOutcome> {
  const outcome = await recoverStates(it, order, step, staged);
  // The folder in the trash is made before anything is captured.
  if (outcome.kind === 'undone') await dropTrashFolder(it, order.slot, step.path);
  return outcome;
}

async function recoverStates(
  it: TreeContext,
  order: Order,
  step: UploadStep,
  staged: StagedUpload,
): Promise<RecoverOutcome> {
  const { slot } = order;
  const stage = await it.look(uploadStagePath(slot));
  const captured = await it.look(trashPath(slot, step.path));
  if (stage.kind === 'absent') {
    // ORDER: the stage file goes last: "stage gone, the old version in the trash" is a finished replace.
    return isExpected('remote', step.expected, captured) ? finished(staged, trashPath(slot, step.path)) : UNDONE;
  }
  return captured.kind === 'absent'
    ? recoverUncaptured(it, order, step, staged, stage)
    : recoverCaptured(it, order, step, staged, captured);
}

/** Before anything, or after an EXCHANGE. */
async function recoverUncaptured(
  it: TreeContext,
  order: Order,
  step: UploadStep,
  staged: StagedUpload,
  stage: Entry,
): Promise<RecoverOutcome> {
  const place = uploadStagePath(order.slot);
  if (!(await isOurs(it, place, stage, staged))) {
    if (isExpected('remote', step.expected, stage)) {
      return finished(staged, await keepInTrash(it, order.slot, step.path, place));
    }
    // What came out is not what the plan expected: it is somebody's work.
    await exchangeBack(it, order.slot, place, step.path, isVersion(staged.stat));
  }
  await dropName(it.fs, place);
  return UNDONE;
}

/** The old version has a second name in the trash, or only that one. What is staged is ours. */
async function recoverCaptured(
  it: TreeContext,
  order: Order,
  step: UploadStep,
  staged: StagedUpload,
  captured: Entry,
): Promise<RecoverOutcome> {
  const { slot } = order;
  const { path } = step;
  const there = await it.look(path);
  if (there.kind === 'absent') {
    if ((await putBack(it, slot, path, captured)) === 'kept-in-trash') await setTrashAside(it, slot);
  } else if (step.capture !== true && isExpected('remote', captured, there)) {
    await it.fs.unlink(trashPath(slot, path));
    await dropTrashFolder(it, slot, path);
  } else if (await isOurs(it, path, there, staged)) {
    // In its place; only the stage name is left.
    await dropName(it.fs, uploadStagePath(slot));
    return finished(staged, trashPath(slot, path));
  } else await setTrashAside(it, slot);
  await dropName(it.fs, uploadStagePath(slot));
  return UNDONE;
}
