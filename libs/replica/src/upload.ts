/** Local content goes up: staged where nobody sees it, then made visible in one atomic act that replaces nobody's work. */
import { createHash } from 'node:crypto';
import { type FileEntry, type FileStat, OWN_FOLDER, type Step, type StepOutcome } from '@lazysync/event-model';
import { dropTrashFolder, makeTrashFolder, moveName } from './capture.ts';
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
  STAGE_FOLDERS,
  stagePath,
  type TreeContext,
  tidied,
  tidyName,
  uploadStagePath,
} from './tree-context.ts';
import { type Written, writeSparse } from './write-sparse.ts';

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

function unchanged(before: RawStat, after: RawStat): boolean {
  return after.size === before.size && after.mtimeNs === before.mtimeNs && after.ctimeNs === before.ctimeNs;
}

/** Between two looks at the source: a file that has changed is not read to its end. */
const LOOK_AFTER = 64 * CHUNK;

/** null: the source is another one by now. `dense`: zeros are written, too. */
async function copyBytes(
  from: OpenFile,
  to: OpenFile,
  before: RawStat,
  dense: boolean,
  moved: (bytes: number, done: number) => Promise<void>,
): Promise<string | null> {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(CHUNK);
  let open = false;
  for (let at = 0; ; ) {
    const count = await from.read(buffer, at);
    if (count === 0) {
      if (open) await to.truncate(at);
      return hash.digest('hex');
    }
    const bytes = buffer.subarray(0, count);
    hash.update(bytes);
    if (dense) await to.write(bytes, at);
    const written: Written = dense ? { count, open: false } : await writeSparse(to, bytes, at);
    open = written.open;
    at += count;
    await moved(written.count, at);
    if (at % LOOK_AFTER === 0 && !unchanged(before, await from.stat())) return null;
  }
}

/** The stage file, and its folder where that is not there yet. */
async function createStage(it: TreeContext, slot: string, mode: number): Promise<OpenFile> {
  const path = uploadStagePath(slot);
  for (let tries = 0; ; tries++) {
    try {
      return await it.fs.create(path, mode & 0o777);
    } catch (error) {
      const code = codeOf(error);
      if (tries > 2 || (code !== 'EEXIST' && code !== 'ENOENT')) throw error;
      // Left by an earlier try of the same order; nobody else uses this name.
      if (code === 'EEXIST') await dropName(it.fs, path);
      else await makeFolder(it.fs, path.slice(0, path.lastIndexOf('/')));
    }
  }
}

/** The folders that uploads are staged in, so that the first ones need not wait for them. */
export async function makeStageFolders(fs: FsPort): Promise<void> {
  const there = new Set((await fs.readdir(`${OWN_FOLDER}/stage`)).map(({ name }) => name));
  for (let n = 0; n < STAGE_FOLDERS; n++) if (!there.has(String(n))) await makeFolder(fs, stagePath(String(n)));
}

async function makeFolder(fs: FsPort, path: string): Promise<void> {
  try {
    await fs.mkdir(path, 0o700);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

type StageWish = Pick<Order, 'slot' | 'limit'>;

/** The bytes of `source` in a new stage file; null: the source was another one before, or changed while it was read. */
async function stageFrom(
  it: TreeContext,
  wish: StageWish,
  source: OpenFile,
  expected: (raw: RawStat) => boolean,
): Promise<StagedUpload | null> {
  try {
    return await stageOnce(it, wish, source, expected, false);
  } catch (error) {
    // Some mounts take what is written only from the beginning to the end (rclone without a cache).
    if (!isUnsupported(error, 'ESPIPE', 'EPERM')) throw error;
    return await stageOnce(it, wish, source, expected, true);
  }
}

async function stageOnce(
  it: TreeContext,
  { slot, limit }: StageWish,
  source: OpenFile,
  expected: (raw: RawStat) => boolean,
  dense: boolean,
): Promise<StagedUpload | null> {
  const before = await source.stat();
  if (!expected(before)) return null;
  const staged = await createStage(it, slot, before.mode);
  try {
    const hash = await copyBytes(source, staged, before, dense, (bytes, done) => it.moved(slot, bytes, done, limit));
    const after = await source.stat();
    if (hash === null || !unchanged(before, after)) return null;
    await staged.sync();
    await staged.setMtime(before.mtimeNs);
    // Setting the time has asked the server what it shows now.
    let shown = await staged.known();
    if (shown.mode !== before.mode) {
      // A umask here or there, or bits that no file is made with.
      await staged.chmod(before.mode);
      shown = await staged.known();
    }
    return shown.size === before.size ? { stat: fileStat(shown), hash, source: fileStat(after) } : null;
  } finally {
    await staged.close();
  }
}

const QUIET_NS = 60_000_000_000n;

async function openedForWriting(fs: FsPort, path: string, mtimeNs: bigint, nowMs: number): Promise<boolean> {
  // Quiet for a minute though still open (databases, logs): a provisional version goes up and is looked at again. A time
  // ahead of the clock, which was set back or never was the writer's, says no more than one that is long ago.
  const ageNs = BigInt(nowMs) * 1_000_000n - mtimeNs;
  if (ageNs > QUIET_NS || ageNs < -QUIET_NS) return false;
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
  const { slot } = order;
  const replaces = step.expected.kind === 'file';
  try {
    const [staging, trash] = await Promise.allSettled([
      stageFrom(it, order, source, (raw) => sameReading(raw, step.source)),
      // The folder that what is replaced will go to, at the same time: on a mount that is as long a way.
      replaces ? makeTrashFolder(it, slot, step.path) : null,
    ]);
    if (staging.status === 'rejected') throw staging.reason;
    if (trash.status === 'rejected') throw trash.reason;
    if (staging.value !== null) return { kind: 'staged', upload: staging.value };
    await dropName(it.fs, uploadStagePath(slot));
    if (replaces) await dropTrashFolder(it, slot, step.path);
    return local();
  } catch (error) {
    const outcome = failure(error, it.side, step.path);
    // A full disk must not stay full by our own half of a file.
    await tidyName(it.fs, uploadStagePath(slot));
    if (replaces) await tidied(dropTrashFolder(it, slot, step.path));
    return outcome;
  } finally {
    await source.close();
  }
}

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
