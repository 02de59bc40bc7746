/** What is staged becomes visible in one atomic act that replaces nobody's work. */
import type { FileEntry, Step, StepOutcome } from '@lazysync/event-model';
import { dropTrashFolder, moveName } from './capture.ts';
import { fileStat } from './entry-of.ts';
import { abandon, replaceFile } from './replace.ts';
import type { Order, StagedUpload } from './replica.ts';
import { stageFrom } from './stage-upload.ts';
import {
  guarded,
  isExpected,
  isUnsupported,
  type TreeContext,
  tidied,
  tidyName,
  uploadStagePath,
} from './tree-context.ts';

type UploadStep = Extract<Step, { kind: 'upload' }>;
type CopyStep = Extract<Step, { kind: 'copy' }>;

/**
 * Gives a staged file a name that must be free. EEXIST: somebody was there first, theirs stays. `left`: the stage name is
 * still there, as a second one of the same file.
 */
async function publishNew(it: TreeContext, slot: string, path: string): Promise<{ readonly left?: true }> {
  try {
    await it.fs.link(uploadStagePath(slot), path);
    return { left: true };
  } catch (error) {
    if (!isUnsupported(error, 'EPERM', 'EMLINK')) throw error;
    await moveName(it, uploadStagePath(slot), path);
    return {};
  }
}

export async function commitUpload(it: TreeContext, order: Order): Promise<StepOutcome> {
  const step = order.step as UploadStep;
  const { staged } = order;
  if (staged === undefined) throw new Error('an upload is committed before it is staged');
  const outcome = await guarded(it, step.path, async () => {
    if (step.expected.kind === 'file') return replaceFile(it, order, step, staged);
    // CRASH: visible, the stage name is left: the journal names it, recovery takes it for finished.
    const left = await publishNew(it, order.slot, step.path);
    const after = { kind: 'file', stat: staged.stat } as const;
    return { kind: 'done', after, hash: staged.hash, source: staged.source, ...left };
  });
  // ORDER: after a failure the stage file stays: recovery tells by it how far the replace had come.
  if (outcome.kind === 'stale') {
    await tidyName(it.fs, uploadStagePath(order.slot));
    if (step.expected.kind === 'file') await tidied(dropTrashFolder(it, order.slot, step.path));
  }
  if (outcome.kind === 'done') await it.fs.syncDirectory(step.path.slice(0, Math.max(0, step.path.lastIndexOf('/'))));
  return outcome;
}

/** A stub was copied: the remote file gets a twin. */
export async function copyFile(it: TreeContext, order: Order): Promise<StepOutcome> {
  const step = order.step as CopyStep;
  return guarded(it, step.path, async () => {
    const source = await it.fs.openRead(step.from);
    let staged: StagedUpload | null;
    try {
      const wanted: FileEntry = step.expected;
      staged = await stageFrom(it, order, source, (raw) =>
        isExpected('remote', wanted, { kind: 'file', stat: fileStat(raw) }),
      );
    } finally {
      await source.close();
    }
    if (staged === null) return abandon(it, order.slot, await it.look(step.from));
    try {
      const left = await publishNew(it, order.slot, step.path);
      return { kind: 'done', after: { kind: 'file', stat: staged.stat }, hash: staged.hash, ...left };
    } catch (error) {
      await tidyName(it.fs, uploadStagePath(order.slot));
      throw error;
    }
  });
}
