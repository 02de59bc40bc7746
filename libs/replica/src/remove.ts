/** Nothing is deleted: it gets its name in the trash, is looked at there, and goes back if it is not what was expected. */
import { ABSENT, type Step, type StepOutcome } from '@lazysync/event-model';
import { capture, makeTrashFolder, moveName, putBack } from './capture.ts';
import type { Order } from './replica.ts';
import { codeOf, guarded, isExpected, stagePath, type TreeContext } from './tree-context.ts';

type Remove = Extract<Step, { kind: 'remove' }>;

/** A stub holds no content: its text is all there is to look at, and it needs no trash. */
async function removeStub(it: TreeContext, order: Order, step: Remove): Promise<StepOutcome> {
  const staged = stagePath(order.slot);
  await moveName(it, step.path, staged);
  const found = await it.look(staged);
  if (isExpected(it.side, step.expected, found)) {
    await it.fs.unlink(staged);
    return { kind: 'done', after: ABSENT };
  }
  try {
    await moveName(it, staged, step.path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return keepCaptured(it, order, step, staged);
  }
  return { kind: 'stale', saw: found };
}

/** Somebody made a new thing at the path while the old one was out: both stay, the old one in the trash. */
async function keepCaptured(it: TreeContext, order: Order, step: Remove, staged: string): Promise<StepOutcome> {
  await moveName(it, staged, await makeTrashFolder(it, order.slot, step.path));
  return { kind: 'stale', saw: await it.look(step.path) };
}

export async function remove(it: TreeContext, order: Order): Promise<StepOutcome> {
  const step = order.step as Remove;
  return guarded(it, step.path, async () => {
    if (step.expected.kind === 'directory' && step.whole !== true) {
      // The kernel refuses a directory that is not empty: that is the precondition.
      await it.fs.rmdir(step.path);
      return { kind: 'done', after: ABSENT };
    }
    if (step.expected.kind === 'stub' && it.side === 'local') return removeStub(it, order, step);
    const captured = await capture(it, order.slot, step.path);
    if (captured.kind === 'absent') return { kind: 'stale', saw: ABSENT };
    const { found, trashed } = captured;
    const writing = it.side === 'local' && found.kind === 'file' && (await it.fs.openForWriting(trashed)) === 'yes';
    if (writing || !isExpected(it.side, step.expected, found)) {
      await putBack(it, order.slot, step.path, found);
      if (!writing) return { kind: 'stale', saw: found };
      const message = 'Deleted in remote while it is being written in local; it is looked at again when it is closed.';
      return { kind: 'failed', problem: { code: 'being-written', path: step.path, side: 'local', message } };
    }
    return { kind: 'done', after: ABSENT, trashed };
  });
}
