/** Local content goes up: staged where nobody sees it, then made visible in one atomic act that replaces nobody's work. */
import { createHash } from 'node:crypto';
import type { FileEntry, FileStat, Step, StepOutcome } from '@lazysync/event-model';
import { moveName } from './capture.ts';
import type { FsPort, OpenFile, RawStat } from './fs-port.ts';
import { abandon, replaceFile } from './replace.ts';
import type { Order, StagedUpload, StageOutcome } from './replica.ts';
import {
  codeOf,
  dropName,
  failure,
  guarded,
  isExpected,
  isUnsupported,
  stagePath,
  type TreeContext,
  tidyName,
} from './tree-context.ts';

type UploadStep = Extract<Step, { kind: 'upload' }>;
type CopyStep = Extract<Step, { kind: 'copy' }>;

const CHUNK = 1 << 20;

export function fileStat(raw: RawStat): FileStat {
  const { size, mtimeNs, ctimeNs, mode, dev, ino, birthNs } = raw;
  return { size, mtimeNs, ctimeNs, mode, dev, ino, birthNs };
}

function sameReading(a: RawStat, b: FileStat): boolean {
  return a.kind === 'file' && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ino === b.ino;
}

async function copyBytes(from: OpenFile, to: OpenFile): Promise<string> {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(CHUNK);
  for (let at = 0; ; ) {
    const count = await from.read(buffer, at);
    if (count === 0) return hash.digest('hex');
    const bytes = buffer.subarray(0, count);
    hash.update(bytes);
    await to.write(bytes, at);
    at += count;
  }
}

/** The bytes of `source` in a new stage file; null: the source was another one before, or changed while it was read. */
async function stageFrom(
  it: TreeContext,
  slot: string,
  source: OpenFile,
  expected: (raw: RawStat) => boolean,
): Promise<StagedUpload | null> {
  const before = await source.stat();
  if (!expected(before)) return null;
  await dropName(it.fs, stagePath(slot));
  const staged = await it.fs.create(stagePath(slot), 0o600);
  try {
    const hash = await copyBytes(source, staged);
    const after = await source.stat();
    if (after.size !== before.size || after.mtimeNs !== before.mtimeNs || after.ctimeNs !== before.ctimeNs) return null;
    await staged.chmod(before.mode);
    await staged.setMtime(before.mtimeNs);
    await staged.sync();
    const shown = await staged.stat();
    return shown.size === before.size ? { stat: fileStat(shown), hash, source: fileStat(after) } : null;
  } finally {
    await staged.close();
  }
}

async function openedForWriting(fs: FsPort, path: string, mtimeNs: bigint, nowMs: number): Promise<boolean> {
  // Quiet for a minute though still open (databases, logs): a provisional version goes up and is looked at again.
  if (BigInt(nowMs) * 1_000_000n - mtimeNs > 60_000_000_000n) return false;
  return (await fs.openForWriting(path)) === 'yes';
}

export async function stageUpload(it: TreeContext, order: Order): Promise<StageOutcome> {
  const step = order.step as UploadStep;
  const local = async (): Promise<StageOutcome> => ({
    kind: 'stale',
    saw: { kind: 'unknown', reason: 'changed while it was read' },
  });
  let source: OpenFile;
  try {
    if (await openedForWriting(it.peer, step.path, step.source.mtimeNs, it.now())) {
      const message = 'Being written: it goes up when it is closed, or was quiet for a minute.';
      return { kind: 'failed', problem: { code: 'being-written', path: step.path, side: 'local', message } };
    }
    source = await it.peer.openRead(step.path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EACCES' || code === 'EPERM') {
      const message = 'Can not be read in local: permission is denied. It is tried again when it changes.';
      return { kind: 'failed', problem: { code: 'unreadable', path: step.path, side: 'local', message } };
    }
    if (code === null) throw error;
    return local();
  }
  try {
    const upload = await stageFrom(it, order.slot, source, (raw) => sameReading(raw, step.source));
    if (upload !== null) return { kind: 'staged', upload };
    await dropName(it.fs, stagePath(order.slot));
    return local();
  } catch (error) {
    const outcome = failure(error, it.side, step.path);
    // A full disk must not stay full by our own half of a file.
    await tidyName(it.fs, stagePath(order.slot));
    return outcome;
  } finally {
    await source.close();
  }
}

/** Gives a staged file a name that must be free. EEXIST: somebody was there first, theirs stays. */
async function publishNew(it: TreeContext, slot: string, path: string): Promise<void> {
  try {
    await it.fs.link(stagePath(slot), path);
  } catch (error) {
    if (!isUnsupported(error, 'EPERM', 'EMLINK')) throw error;
    await moveName(it, stagePath(slot), path);
    return;
  }
  // CRASH: visible, the stage name is left: the journal names it, recovery takes it for finished.
  await it.fs.unlink(stagePath(slot));
}

export async function commitUpload(it: TreeContext, order: Order): Promise<StepOutcome> {
  const step = order.step as UploadStep;
  const { staged } = order;
  if (staged === undefined) throw new Error('an upload is committed before it is staged');
  const outcome = await guarded(it, step.path, async () => {
    if (step.expected.kind === 'file') return replaceFile(it, order, step, staged);
    await publishNew(it, order.slot, step.path);
    return { kind: 'done', after: { kind: 'file', stat: staged.stat }, hash: staged.hash, source: staged.source };
  });
  // ORDER: after a failure the stage file stays: recovery tells by it how far the replace had come.
  if (outcome.kind === 'stale') await tidyName(it.fs, stagePath(order.slot));
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
      staged = await stageFrom(it, order.slot, source, (raw) =>
        isExpected('remote', wanted, { kind: 'file', stat: fileStat(raw) }),
      );
    } finally {
      await source.close();
    }
    if (staged === null) return abandon(it, order.slot, await it.look(step.from));
    try {
      await publishNew(it, order.slot, step.path);
    } catch (error) {
      await tidyName(it.fs, stagePath(order.slot));
      throw error;
    }
    return { kind: 'done', after: { kind: 'file', stat: staged.stat }, hash: staged.hash };
  });
}
