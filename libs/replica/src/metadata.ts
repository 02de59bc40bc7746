/** Mode and mtime follow the side that changed them; no bytes move. */
import { type Entry, type Step, type StepOutcome, sameEntry } from '@lazysync/event-model';
import { fileStat } from './entry-of.ts';
import type { OpenFile, RawStat } from './fs-port.ts';
import { codeOf, guarded, isExpected, type TreeContext } from './tree-context.ts';

type SetMetadata = Extract<Step, { kind: 'set-metadata' }>;

/** A side that keeps no modes or times of ours: what it shows is written down, and that is agreement. */
const KEPT_FROM_US: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

async function allowed(act: Promise<void>): Promise<void> {
  try {
    await act;
  } catch (error) {
    if (!KEPT_FROM_US.has(codeOf(error) ?? '')) throw error;
  }
}

function entryOf(raw: RawStat): Entry {
  return raw.kind === 'file' ? { kind: 'file', stat: fileStat(raw) } : { kind: 'unknown', reason: 'no file' };
}

/** On the one inode that was looked at: a version that is saved by rename meanwhile keeps its own mode and mtime. */
async function setOnFile(it: TreeContext, step: SetMetadata, file: OpenFile): Promise<StepOutcome> {
  const before = await file.stat();
  if (!isExpected(it.side, step.expected, entryOf(before))) return { kind: 'stale', saw: entryOf(before) };
  if (before.mode !== step.mode) await allowed(file.chmod(step.mode));
  // RACE: a write of the same size into this very file between the look and this call can not be told by its mtime any
  // more. An mtime that is right already is left alone, so that it goes on telling.
  const setsTime = step.mtimeNs !== null && step.mtimeNs !== before.mtimeNs;
  if (setsTime && step.mtimeNs !== null) await allowed(file.setMtime(step.mtimeNs));
  const after = await file.stat();
  const written = after.size !== before.size || (!setsTime && after.mtimeNs !== before.mtimeNs);
  const there = await it.look(step.path);
  if (written || !isExpected(it.side, entryOf(after), there)) return { kind: 'stale', saw: there };
  return { kind: 'done', after: there };
}

/** Directories, and files that may not be read. */
async function setByName(it: TreeContext, step: SetMetadata): Promise<StepOutcome> {
  const before = await it.look(step.path);
  if (!isExpected(it.side, step.expected, before)) return { kind: 'stale', saw: before };
  // RACE: what takes this name between the look and the calls gets this mode and mtime; its content is untouched.
  await allowed(it.fs.chmod(step.path, step.mode));
  if (before.kind === 'file' && step.mtimeNs !== null && step.mtimeNs !== before.stat.mtimeNs) {
    await allowed(it.fs.setMtime(step.path, step.mtimeNs));
  }
  const after = await it.look(step.path);
  const same =
    before.kind === 'file' ? after.kind === 'file' && after.stat.size === before.stat.size : sameEntry(before, after);
  return same ? { kind: 'done', after } : { kind: 'stale', saw: after };
}

export async function setMetadata(it: TreeContext, step: SetMetadata): Promise<StepOutcome> {
  return guarded(it, step.path, async () => {
    if (step.expected.kind !== 'file') return setByName(it, step);
    let file: OpenFile;
    try {
      file = await it.fs.openRead(step.path);
    } catch (error) {
      if (codeOf(error) === 'EACCES') return setByName(it, step);
      throw error;
    }
    try {
      return await setOnFile(it, step, file);
    } finally {
      await file.close();
    }
  });
}
