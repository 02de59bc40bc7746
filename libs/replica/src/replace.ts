/**
 * A staged version takes the place of a file of the remote. Three ways: EXCHANGE next to the disk, which no other save
 * can slip through; a second name in the trash and a rename over, where two round trips stay open; or, if the pair is
 * set so, taking the old one away first, which is never open, but leaves the name absent for moments.
 */
import type { Entry, FileStat, Step, StepOutcome } from '@lazysync/event-model';
import { type Captured, capture, captureByLink, dropTrashFolder, moveName, putBack, setTrashAside } from './capture.ts';
import type { FsPort } from './fs-port.ts';
import type { Order, StagedUpload } from './replica.ts';
import { exchangeBack, keepInTrash } from './swap.ts';
import { codeOf, dropName, isExpected, isUnsupported, type TreeContext, uploadStagePath } from './tree-context.ts';

type UploadStep = Extract<Step, { kind: 'upload' }>;

export function isVersion(stat: FileStat): (entry: Entry) => boolean {
  return (entry) => isExpected('remote', { kind: 'file', stat }, entry);
}

export async function abandon(it: TreeContext, slot: string, saw: Entry): Promise<StepOutcome> {
  // ORDER: the trash link goes before the stage file: recovery takes "stage gone, trash there" for a finished replace.
  await dropName(it.fs, uploadStagePath(slot));
  return { kind: 'stale', saw };
}

function replaced(staged: StagedUpload, trashed: Step['path'], open = false): StepOutcome {
  return {
    kind: 'done',
    after: { kind: 'file', stat: staged.stat },
    hash: staged.hash,
    source: staged.source,
    trashed,
    ...(open ? { open } : {}),
  };
}

export async function replaceFile(
  it: TreeContext,
  order: Order,
  step: UploadStep,
  staged: StagedUpload,
): Promise<StepOutcome> {
  if (step.capture === true) return byCapture(it, order, step, staged);
  return (await byExchange(it, order, step, staged)) ?? (await byLink(it, order, step, staged));
}

/** Where EXCHANGE was refused: a look before each further try would cost a round trip. */
const without = new WeakSet<FsPort>();

/** null: there is no such call here. */
async function byExchange(
  it: TreeContext,
  order: Order,
  step: UploadStep,
  staged: StagedUpload,
): Promise<StepOutcome | null> {
  if (without.has(it.fs)) return null;
  const { path } = step;
  const stage = uploadStagePath(order.slot);
  const there = await it.look(path);
  if (!isExpected(it.side, step.expected, there)) return abandon(it, order.slot, there);
  try {
    await it.fs.exchange(stage, path);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    without.add(it.fs);
    return null;
  }
  // CRASH: the old version lies at the stage name: recovery tells it from ours, and gives it its place in the trash.
  const out = await it.look(stage);
  if (!isExpected(it.side, step.expected, out)) {
    await exchangeBack(it, order.slot, stage, path, isVersion(staged.stat));
    return abandon(it, order.slot, out);
  }
  return replaced(staged, await keepInTrash(it, order.slot, path, stage), false);
}

async function byLink(it: TreeContext, order: Order, step: UploadStep, staged: StagedUpload): Promise<StepOutcome> {
  const { slot } = order;
  const { path } = step;
  let captured: Captured;
  try {
    captured = await captureByLink(it, slot, path);
  } catch (error) {
    if (!isUnsupported(error, 'EPERM', 'EMLINK')) throw error;
    return byCapture(it, order, step, staged);
  }
  if (captured.kind === 'absent') return abandon(it, slot, { kind: 'absent' });
  if (!isExpected(it.side, step.expected, captured.found)) {
    await it.fs.unlink(captured.trashed);
    await dropTrashFolder(it, slot, path);
    return abandon(it, slot, captured.found);
  }
  // RACE: a version that another host saves by rename between the link and this rename is replaced (two round trips).
  await it.fs.rename(uploadStagePath(slot), path);
  return replaced(staged, captured.trashed, true);
}

async function byCapture(it: TreeContext, order: Order, step: UploadStep, staged: StagedUpload): Promise<StepOutcome> {
  const { slot } = order;
  const { path } = step;
  const captured = await capture(it, slot, path);
  if (captured.kind === 'absent') return abandon(it, slot, { kind: 'absent' });
  if (!isExpected(it.side, step.expected, captured.found)) {
    await putBack(it, slot, path, captured.found);
    return abandon(it, slot, captured.found);
  }
  // CRASH: the name is absent: recovery puts the old version back, or finds ours there.
  try {
    await takeFreeName(it, uploadStagePath(slot), path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    // Another host saved while the name was free: theirs stays, and is planned anew. The version that both replace is
    // kept in the trash, under a name by which nobody takes this replace for finished.
    await setTrashAside(it, slot);
    return abandon(it, slot, await it.look(path));
  }
  return replaced(staged, captured.trashed, false);
}

async function takeFreeName(it: TreeContext, stage: string, path: string): Promise<void> {
  try {
    await it.fs.link(stage, path);
  } catch (error) {
    if (!isUnsupported(error, 'EPERM', 'EMLINK')) throw error;
    return moveName(it, stage, path);
  }
  await it.fs.unlink(stage);
}
