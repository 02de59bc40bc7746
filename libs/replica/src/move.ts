/** One name for another, no bytes moved. Files never replace anything; only directories are renamed on a mount. */
import { identityOf, type Step, type StepOutcome, sameIdentity } from '@lazysync/event-model';
import { dropTrashFolder, makeTrashFolder, moveName } from './capture.ts';
import type { Order } from './replica.ts';
import {
  codeOf,
  dropName,
  guarded,
  isExpected,
  isUnsupported,
  stagePath,
  sure,
  type TreeContext,
} from './tree-context.ts';

type Move = Extract<Step, { kind: 'move' }>;

const IN_TRASH = /^\.lazysync\/trash\/([^/]+)\/(.+)$/;

export async function move(it: TreeContext, order: Order): Promise<StepOutcome> {
  const step = order.step as Move;
  const outcome = await guarded(it, step.path, async () => {
    if (it.side === 'local' || step.expected.kind !== 'file') return renameWhole(it, step);
    return moveFile(it, order, step);
  });
  const trash = outcome.kind === 'done' ? IN_TRASH.exec(step.from) : null;
  if (trash?.[1] !== undefined && trash[2] !== undefined) await dropTrashFolder(it, trash[1], trash[2] as Step['path']);
  return outcome;
}

async function renameWhole(it: TreeContext, step: Move): Promise<StepOutcome> {
  const moved = it.side === 'local' ? identityOf(await it.look(step.from)) : null;
  // RACE: on sshfs a directory rename replaces an empty directory that another host made at the target just now; it
  // was empty, so no content goes with it.
  await moveName(it, step.from, step.path);
  const after = await it.look(step.path);
  if (!isExpected(it.side, step.expected, after)) {
    // RACE: somebody has saved over the new name or taken it away since: what is there now is not ours to move.
    if (moved !== null && !sameIdentity(identityOf(after), moved)) return { kind: 'stale', saw: after };
    await moveName(it, step.path, step.from);
    return { kind: 'stale', saw: after };
  }
  // rename(p, q) on two names of one inode does nothing and reports success.
  const left = await it.look(step.from);
  if (it.side === 'remote' && left.kind !== 'absent') return { kind: 'stale', saw: left };
  return { kind: 'done', after };
}

async function moveFile(it: TreeContext, order: Order, step: Move): Promise<StepOutcome> {
  try {
    await it.fs.link(step.from, step.path);
  } catch (error) {
    if (!isUnsupported(error, 'EPERM', 'EMLINK')) throw error;
    return renameWhole(it, step);
  }
  const after = await it.look(step.path);
  if (!isExpected(it.side, step.expected, after)) {
    // Anything but a file was never put there by us.
    if (after.kind === 'file') await dropTarget(it, order);
    return { kind: 'stale', saw: after };
  }
  await dropSource(it, order);
  return { kind: 'done', after };
}

/** Where what lies under the new name goes to be looked at. */
function outPath(slot: string): string {
  return `${stagePath(slot)}.out`;
}

/**
 * The new name shows another file than was to be moved: either the source has changed, and this is its second name, or
 * somebody has put a file of theirs there by now. It is taken out to be told apart.
 */
async function dropTarget(it: TreeContext, order: Order): Promise<void> {
  try {
    await it.fs.rename(order.step.path, outPath(order.slot));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  await finishDropTarget(it, order);
}

/** What lies outside, if anything does, is a second name of the source, or goes back to the new name. */
export async function finishDropTarget(it: TreeContext, order: Order): Promise<void> {
  const step = order.step as Move;
  const out = outPath(order.slot);
  const found = sure(await it.look(out), out);
  if (found.kind === 'absent') return;
  const source = sure(await it.look(step.from), step.from);
  if (isExpected(it.side, found, source)) await dropName(it.fs, out);
  else await giveBack(it, order.slot, out, step.path);
}

/** The file has its new name: the old one is captured, looked at, and only then dropped. */
export async function dropSource(it: TreeContext, order: Order): Promise<void> {
  const step = order.step as Move;
  const staged = stagePath(order.slot);
  try {
    await it.fs.rename(step.from, staged);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  await dropCaptured(it, order);
}

export async function dropCaptured(it: TreeContext, order: Order): Promise<void> {
  const step = order.step as Move;
  const staged = stagePath(order.slot);
  const found = sure(await it.look(staged), staged);
  if (isExpected(it.side, step.expected, found)) {
    await it.fs.unlink(staged);
    return;
  }
  // Another host saved a new version under the old name in between: it goes back there.
  await returnCaptured(it, order);
}

/** What was taken out from under the old name goes back to it, or, if that can not be, to the trash. */
export async function returnCaptured(it: TreeContext, order: Order): Promise<void> {
  const step = order.step as Move;
  await giveBack(it, order.slot, stagePath(order.slot), step.from);
}

/** The name is taken by now, or its folder is gone. */
const NO_WAY_BACK: ReadonlySet<string> = new Set(['EEXIST', 'ENOTEMPTY', 'ENOENT', 'ENOTDIR']);

async function giveBack(it: TreeContext, slot: string, staged: string, path: Step['path']): Promise<void> {
  try {
    await linkOrMove(it, staged, path);
  } catch (error) {
    if (!NO_WAY_BACK.has(codeOf(error) ?? '')) throw error;
    const trashed = await makeTrashFolder(it, slot, path);
    try {
      await it.fs.rename(staged, trashed);
    } catch (failure) {
      await dropTrashFolder(it, slot, path);
      throw failure;
    }
  }
}

/** A name must be free: EEXIST. What can not have two names (a folder that somebody put there) is renamed. */
async function linkOrMove(it: TreeContext, from: string, to: string): Promise<void> {
  try {
    await it.fs.link(from, to);
  } catch (error) {
    if (!isUnsupported(error, 'EPERM', 'EMLINK')) throw error;
    return moveName(it, from, to);
  }
  await dropName(it.fs, from);
}
