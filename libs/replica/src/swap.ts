/** Stub <-> copy, in one atomic act: EXCHANGE brings the old thing out, it is looked at, and goes back if it is another. */
import {
  ARMED_ATIME_NS,
  type Entry,
  type Step,
  type StepOutcome,
  sameVersion,
  stubTarget,
} from '@lazysync/event-model';
import { makeTrashFolder, moveName } from './capture.ts';
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
  tidyName,
} from './tree-context.ts';

type Hydrate = Extract<Step, { kind: 'hydrate' }>;
type Dehydrate = Extract<Step, { kind: 'dehydrate' }>;
type Repoint = Extract<Step, { kind: 'repoint' }>;

/** Swaps a staged name in; what lay at `path` lies at the stage name afterwards. */
async function exchange(it: TreeContext, staged: string, path: string, expected: Entry): Promise<Entry> {
  try {
    await it.fs.exchange(staged, path);
    return await it.look(staged);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
  // RACE: without RENAME_EXCHANGE a write between the look and the rename is replaced; local file systems that users
  // have (ext4, xfs, btrfs, tmpfs, f2fs) all know the call.
  const there = await it.look(path);
  if (!isExpected(it.side, expected, there)) return there;
  await it.fs.rename(path, `${staged}.old`);
  await it.fs.rename(staged, path);
  await it.fs.rename(`${staged}.old`, staged);
  return there;
}

/**
 * Undoes an exchange. `ours` tells what we had put in. If that is not what comes out, somebody saved over it in the
 * meantime: their version stays at the path, and what lay there before goes to the trash.
 */
export async function exchangeBack(
  it: TreeContext,
  slot: string,
  staged: string,
  path: Step['path'],
  ours: (entry: Entry) => boolean,
): Promise<void> {
  try {
    await it.fs.exchange(staged, path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await returnToNothing(it, slot, staged, path);
    return;
  }
  if (ours(sure(await it.look(staged), staged))) return;
  await it.fs.exchange(staged, path);
  await keepInTrash(it, slot, path, staged);
}

/** What was put in place was removed since: the thing that came out goes back, or, where even that is not possible, to the trash. */
async function returnToNothing(it: TreeContext, slot: string, staged: string, path: Step['path']): Promise<void> {
  try {
    await moveName(it, staged, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' && codeOf(error) !== 'ENOENT') throw error;
    await keepInTrash(it, slot, path, staged);
  }
}

export function isStubOf(it: TreeContext, path: Step['path']): (entry: Entry) => boolean {
  return (entry) => entry.kind === 'stub' && entry.target === stubTarget(it.anchor, path);
}

/** Puts a new stub at the stage name, and says what it is: by that it is known again, wherever a user moves it. */
async function stageStub(it: TreeContext, staged: string, path: Step['path']): Promise<Entry> {
  await dropName(it.fs, staged);
  await makeStubAt(it, staged, path);
  return it.look(staged);
}

export async function makeStubAt(it: TreeContext, place: string, path: Step['path']): Promise<void> {
  await it.fs.symlink(stubTarget(it.anchor, path), place);
  await it.fs.setLinkAtime(place, ARMED_ATIME_NS);
}

export async function hydrate(it: TreeContext, order: Order): Promise<StepOutcome> {
  const step = order.step as Hydrate;
  const staged = stagePath(step.transfer);
  return guarded(it, step.path, async () => {
    const out = await exchange(it, staged, step.path, step.expected);
    if (!isExpected('local', step.expected, out)) {
      await exchangeBack(
        it,
        order.slot,
        staged,
        step.path,
        (entry) => entry.kind === 'file' && entry.stat.ino === step.staged.ino,
      );
      return { kind: 'stale', saw: out };
    }
    // CRASH: the old stub lies at the stage name; the journal names it.
    await it.fs.unlink(staged);
    const after = await it.look(step.path);
    // A user may have written into it already: that is not what came from the remote.
    if (after.kind !== 'file' || !sameVersion(after.stat, step.staged)) return { kind: 'stale', saw: after };
    return { kind: 'done', after };
  });
}

export async function dehydrate(it: TreeContext, order: Order): Promise<StepOutcome> {
  const step = order.step as Dehydrate;
  const staged = stagePath(order.slot);
  return guarded(it, step.path, async () => {
    const stub = await stageStub(it, staged, step.path);
    let out: Entry;
    try {
      out = await exchange(it, staged, step.path, step.expected);
    } catch (error) {
      await tidyName(it.fs, staged);
      throw error;
    }
    return finishDehydrate(it, order, out, stub);
  });
}

/** The stub was put in place, the copy lies at the stage name. `stub`: what was put in place, as it was seen before. */
export async function finishDehydrate(it: TreeContext, order: Order, out: Entry, stub: Entry): Promise<StepOutcome> {
  const step = order.step as Dehydrate;
  const staged = stagePath(order.slot);
  const writing = out.kind === 'file' && (await it.fs.openForWriting(staged)) === 'yes';
  if (writing || !isExpected('local', step.expected, out)) {
    await exchangeBack(it, order.slot, staged, step.path, isStubOf(it, step.path));
    await dropName(it.fs, staged);
    if (!writing) return { kind: 'stale', saw: out };
    const message = 'Changed in remote while it is being written in local; it is looked at again when it is closed.';
    return { kind: 'failed', problem: { code: 'being-written', path: step.path, side: 'local', message } };
  }
  if (!step.keep) {
    await it.fs.unlink(staged);
    return { kind: 'done', after: stub };
  }
  const trashed = await keepInTrash(it, order.slot, step.path, staged);
  return { kind: 'done', after: stub, trashed };
}

/** What lies at the stage name goes to the trash under its own path. */
export async function keepInTrash(
  it: TreeContext,
  slot: string,
  path: Step['path'],
  staged: string,
): Promise<Step['path']> {
  const trashed = await makeTrashFolder(it, slot, path);
  await moveName(it, staged, trashed);
  return trashed;
}

export async function repoint(it: TreeContext, order: Order): Promise<StepOutcome> {
  const step = order.step as Repoint;
  const staged = stagePath(order.slot);
  return guarded(it, step.path, async () => {
    const stub = await stageStub(it, staged, step.path);
    let out: Entry;
    try {
      out = await exchange(it, staged, step.path, step.expected);
    } catch (error) {
      await tidyName(it.fs, staged);
      throw error;
    }
    if (!isExpected('local', step.expected, out)) {
      await exchangeBack(it, order.slot, staged, step.path, isStubOf(it, step.path));
      await dropName(it.fs, staged);
      return { kind: 'stale', saw: out };
    }
    await it.fs.unlink(staged);
    return { kind: 'done', after: stub };
  });
}
