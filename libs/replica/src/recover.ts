/**
 * An intent that a crash left in the journal: how far had it come? Either it is finished (and written down as if nothing
 * had happened) or it is undone, and the job at the head plans the path again. Nothing a user made is removed by this.
 */
import { ABSENT, type Step, type StepOutcome, sameVersion } from '@lazysync/event-model';
import { dropTrashFolder, putBack } from './capture.ts';
import { throwIfLost } from './entry-of.ts';
import { dropCaptured, dropSource, finishDropTarget, returnCaptured } from './move.ts';
import { recoverReplace } from './recover-replace.ts';
import { isVersion } from './replace.ts';
import type { Order, RecoverOutcome } from './replica.ts';
import { dropFolder } from './stage-folder.ts';
import { exchangeBack, finishDehydrate, isStubOf } from './swap.ts';
import {
  dropName,
  failure,
  isExpected,
  stagePath,
  sure,
  type TreeContext,
  trashPath,
  uploadStagePath,
} from './tree-context.ts';

const UNDONE: RecoverOutcome = { kind: 'undone' };

function finished(outcome: StepOutcome): RecoverOutcome {
  return outcome.kind === 'done' ? { kind: 'finished', outcome } : UNDONE;
}

async function recoverUpload(
  it: TreeContext,
  order: Order,
  step: Extract<Step, { kind: 'upload' }>,
): Promise<RecoverOutcome> {
  const { slot, staged } = order;
  if (staged === undefined) {
    await dropName(it.fs, uploadStagePath(slot));
    // The folder in the trash is made while the content is staged.
    if (step.expected.kind === 'file') await dropTrashFolder(it, slot, step.path);
    return UNDONE;
  }
  if (step.expected.kind === 'file') {
    const outcome = await recoverReplace(it, order, step, staged);
    if (outcome.kind === 'undone') await dropTrashFolder(it, slot, step.path);
    return outcome;
  }
  const there = await it.look(step.path);
  await dropName(it.fs, uploadStagePath(slot));
  const { stat, hash, source } = staged;
  return isVersion(stat)(there) ? finished({ kind: 'done', after: { kind: 'file', stat }, hash, source }) : UNDONE;
}

async function recoverSwap(
  it: TreeContext,
  order: Order,
  step: Extract<Step, { kind: 'dehydrate' | 'repoint' }>,
): Promise<RecoverOutcome> {
  const staged = stagePath(order.slot);
  const out = await it.look(staged);
  const there = await it.look(step.path);
  const inPlace = there.kind === 'stub' && there.points === step.path;
  if (out.kind === 'absent') return inPlace ? finished({ kind: 'done', after: there }) : UNDONE;
  if (out.kind === 'stub' && out.points === step.path) {
    await dropName(it.fs, staged);
    return UNDONE;
  }
  if (step.kind === 'dehydrate') {
    const outcome = await finishDehydrate(it, order, out, there);
    // Something of a user's lies there by now: the copy is out of the way, and the path is planned from what is there.
    return inPlace ? finished(outcome) : UNDONE;
  }
  if (inPlace && isExpected('local', step.expected, out)) {
    await dropName(it.fs, staged);
    return finished({ kind: 'done', after: there });
  }
  // What came out is not what the plan expected: it is somebody's work.
  await exchangeBack(it, order.slot, staged, step.path, isStubOf(it, step.path));
  await dropName(it.fs, staged);
  return UNDONE;
}

async function recoverRemove(
  it: TreeContext,
  order: Order,
  step: Extract<Step, { kind: 'remove' }>,
): Promise<RecoverOutcome> {
  const staged = stagePath(order.slot);
  const out = await it.look(staged);
  // A stub that was taken out: its text is all it was.
  if (out.kind === 'stub') await dropName(it.fs, staged);
  const trashed = trashPath(order.slot, step.path);
  const captured = await it.look(trashed);
  const there = await it.look(step.path);
  if (captured.kind === 'absent') return there.kind === 'absent' ? finished({ kind: 'done', after: ABSENT }) : UNDONE;
  // A whole tree was captured but not walked yet: it goes back, and is planned again.
  if (there.kind === 'absent' && step.whole !== true && isExpected(it.side, step.expected, captured)) {
    return finished({ kind: 'done', after: ABSENT, trashed });
  }
  if (there.kind === 'absent') await putBack(it, order.slot, step.path, captured);
  return UNDONE;
}

async function recoverMove(
  it: TreeContext,
  order: Order,
  step: Extract<Step, { kind: 'move' }>,
): Promise<RecoverOutcome> {
  if (it.side === 'remote') await finishDropTarget(it, order);
  const after = await it.look(step.path);
  const captured = await it.look(stagePath(order.slot));
  if (!isExpected(it.side, step.expected, after)) {
    // Somebody wrote into it or over it since: what was captured is another name of it, or goes back to its old one.
    if (captured.kind !== 'absent') {
      if (isExpected(it.side, captured, after)) await dropName(it.fs, stagePath(order.slot));
      else await returnCaptured(it, order);
    }
    return UNDONE;
  }
  if (captured.kind !== 'absent') await dropCaptured(it, order);
  const source = await it.look(step.from);
  if (source.kind === 'absent') return finished({ kind: 'done', after });
  if (it.side === 'remote' && step.expected.kind === 'file' && isExpected(it.side, step.expected, source)) {
    await dropSource(it, order);
    return finished({ kind: 'done', after });
  }
  return captured.kind === 'absent' ? UNDONE : finished({ kind: 'done', after });
}

async function recoverCopy(
  it: TreeContext,
  order: Order,
  step: Extract<Step, { kind: 'copy' }>,
): Promise<RecoverOutcome> {
  await dropName(it.fs, uploadStagePath(order.slot));
  const after = await it.look(step.path);
  return after.kind === 'file' && after.stat.size === step.expected.stat.size
    ? finished({ kind: 'done', after })
    : UNDONE;
}

async function recoverHydrate(
  it: TreeContext,
  order: Order,
  step: Extract<Step, { kind: 'hydrate' }>,
): Promise<RecoverOutcome> {
  const staged = stagePath(step.transfer);
  const there = await it.look(step.path);
  if (there.kind !== 'file' || there.stat.ino !== step.staged.ino) return UNDONE;
  const untouched = sameVersion(there.stat, step.staged);
  const out = await it.look(staged);
  if (out.kind === 'absent') return untouched ? finished({ kind: 'done', after: there }) : UNDONE;
  if (isExpected('local', step.expected, out)) {
    await dropName(it.fs, staged);
    return untouched ? finished({ kind: 'done', after: there }) : UNDONE;
  }
  await exchangeBack(
    it,
    order.slot,
    staged,
    step.path,
    (entry) => entry.kind === 'file' && entry.stat.ino === step.staged.ino,
  );
  return UNDONE;
}

export async function recover(it: TreeContext, order: Order): Promise<RecoverOutcome> {
  // What could not be looked at proves nothing: neither finished nor undone.
  const look: TreeContext['look'] = async (path) => sure(await it.look(path), path);
  try {
    return await recoverStep({ ...it, look }, order);
  } catch (error) {
    throwIfLost(error);
    return failure(error, it.side, order.step.path);
  }
}

async function recoverStep(it: TreeContext, order: Order): Promise<RecoverOutcome> {
  const { step } = order;
  switch (step.kind) {
    case 'upload':
      return recoverUpload(it, order, step);
    case 'copy':
      return recoverCopy(it, order, step);
    case 'hydrate':
      return recoverHydrate(it, order, step);
    case 'dehydrate':
    case 'repoint':
      return recoverSwap(it, order, step);
    case 'remove':
      return recoverRemove(it, order, step);
    case 'move':
      return recoverMove(it, order, step);
    // Looking and planning again comes to the same: EEXIST is the precondition, or it changes no content.
    case 'make-stub':
    case 'make-symlink':
    case 'set-metadata':
      return UNDONE;
    case 'make-directory':
      if (step.filled === true) await dropFolder(it.fs, order.slot);
      return UNDONE;
  }
}
