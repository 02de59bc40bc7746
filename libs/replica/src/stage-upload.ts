/** Local content is staged in the remote, where nobody sees it: read from one descriptor, known by its hash. */
import { createHash } from 'node:crypto';
import type { FileStat, StagedPart, Step } from '@lazysync/event-model';
import { dropTrashFolder, makeTrashFolder } from './capture.ts';
import { fileStat, throwIfLost } from './entry-of.ts';
import type { FsPort, OpenFile, RawStat } from './fs-port.ts';
import { readInOrder } from './read-in-order.ts';
import type { Order, StagedUpload, StageOutcome } from './replica.ts';
import { createStage } from './stage-file.ts';
import { type BegunFile, createPartKeeper, type PartKeeper, reopenPart } from './staged-part.ts';
import {
  codeOf,
  dropName,
  failure,
  isUnsupported,
  stagedAt,
  type TreeContext,
  tidied,
  tidyName,
} from './tree-context.ts';
import { type Written, writeSparse } from './write-sparse.ts';

type UploadStep = Extract<Step, { kind: 'upload' }>;

const CHUNK = 1 << 20;
/** Bytes of the least buffer. */
const SMALL = 64 << 10;
/** Bytes: each part costs the server an fsync. */
const PART = 16 * CHUNK;

export function sameReading(a: RawStat, b: FileStat): boolean {
  return a.kind === 'file' && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ino === b.ino;
}

export function unchanged(before: RawStat, after: RawStat): boolean {
  return after.size === before.size && after.mtimeNs === before.mtimeNs && after.ctimeNs === before.ctimeNs;
}

/** Between two looks at the source: a file that has changed is not read to its end. */
const LOOK_AFTER = 64 * CHUNK;

interface Copying {
  readonly before: RawStat;
  /** Zeros are written, too. */
  readonly dense: boolean;
  readonly keeper: PartKeeper | null;
  /** Bytes of one write. */
  readonly chunk: number;
  readonly moved: (bytes: number, done: number) => Promise<void>;
}

/** null: the source is another one by now. */
async function copyBytes(
  from: OpenFile,
  { file: to, hash, bytes: begun }: BegunFile,
  { before, dense, keeper, chunk, moved }: Copying,
): Promise<string | null> {
  const buffer = new Uint8Array(chunk);
  let open = false;
  for (let at = begun; ; ) {
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
    // A truncate for the hole, sent by an endpoint that is given up, could land in what the next one writes.
    if (!open) await keeper?.reached(at, hash, false);
    await moved(written.count, at);
    if (at % LOOK_AFTER === 0 && !unchanged(before, await from.stat())) return null;
  }
}

type StageWish = Pick<Order, 'slot' | 'limit' | 'part' | 'under'>;

/** A part may be gone on with when its bytes are still those of the source, too: they can have changed within one mtime. */
async function beginsWith(source: OpenFile, part: StagedPart): Promise<boolean> {
  const hash = createHash('sha256');
  const bytes = await readInOrder(source, part.bytes, (piece) => void hash.update(piece));
  return bytes === part.bytes && hash.digest('hex') === part.hash;
}

async function begin(it: TreeContext, wish: StageWish, source: OpenFile, before: RawStat): Promise<BegunFile> {
  const { part = null } = wish;
  if (part !== null && (await beginsWith(source, part))) {
    const known = await reopenPart(it.fs, stagedAt(wish), part, before);
    if (known !== null) return known;
  }
  return { file: await createStage(it.fs, wish, before.mode), hash: createHash('sha256'), bytes: 0 };
}

/** The bytes of `source` in a new stage file; null: the source was another one before, or changed while it was read. */
export async function stageFrom(
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
    const { part: _never, ...whole } = wish;
    return await stageOnce(it, whole, source, expected, true);
  }
}

async function stageOnce(
  it: TreeContext,
  wish: StageWish,
  source: OpenFile,
  expected: (raw: RawStat) => boolean,
  dense: boolean,
): Promise<StagedUpload | null> {
  const { slot, limit } = wish;
  const before = await source.stat();
  if (!expected(before)) return null;
  const begun = await begin(it, wish, source, before);
  const staged = begun.file;
  const keeper =
    wish.part === undefined
      ? null
      : createPartKeeper({
          file: staged,
          version: before,
          every: it.part ?? PART,
          from: begun.bytes,
          tell: (part) => it.kept(slot, part),
        });
  try {
    const moved = (bytes: number, done: number): Promise<void> => it.moved(slot, bytes, done, limit);
    const hash = await copyBytes(source, begun, {
      before,
      dense,
      keeper,
      // A small file needs no large buffer; one that grows meanwhile is not read byte by byte.
      chunk: Math.min(CHUNK, it.part ?? CHUNK, Math.max(SMALL, before.size + 1)),
      moved,
    });
    await keeper?.over();
    const after = await source.stat();
    if (hash === null || !unchanged(before, after)) return null;
    await staged.setMtime(before.mtimeNs);
    // Setting the time has asked the server what it shows now.
    let shown = await staged.known();
    if (shown.mode !== before.mode) {
      // A umask here or there, or bits that no file is made with.
      await staged.chmod(before.mode);
      shown = await staged.known();
    }
    // Last: its time and mode are to last, too, and on a mount the last write is answered by now.
    await staged.sync();
    return shown.size === before.size ? { stat: fileStat(shown), hash, source: fileStat(after) } : null;
  } finally {
    // ORDER: what is told beside is told before the answer, and no descriptor is closed under it.
    await keeper?.over().catch(() => undefined);
    await staged.close();
  }
}

const QUIET_NS = 60_000_000_000n;

export async function openedForWriting(fs: FsPort, path: string, mtimeNs: bigint, nowMs: number): Promise<boolean> {
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
  let isKept = order.part != null;
  const kept = (name: string, part: StagedPart): void => {
    isKept = true;
    it.kept(name, part);
  };
  try {
    const [staging, trash] = await Promise.allSettled([
      stageFrom({ ...it, kept }, order, source, (raw) => sameReading(raw, step.source)),
      // The folder that what is replaced will go to, at the same time: on a mount that is as long a way.
      replaces ? makeTrashFolder(it, slot, step.path) : null,
    ]);
    if (staging.status === 'rejected') throw staging.reason;
    if (trash.status === 'rejected') throw trash.reason;
    if (staging.value !== null) return { kind: 'staged', upload: staging.value };
    await dropName(it.fs, stagedAt(order));
    if (replaces) await dropTrashFolder(it, slot, step.path);
    return local();
  } catch (error) {
    // What is staged beside the lane waits for the remote as the lane does.
    if (order.part !== undefined) throwIfLost(error);
    const outcome = failure(error, it.side, step.path);
    if (isKept && outcome.problem.code === 'failed') return { kind: 'broken-off', problem: outcome.problem };
    // A full disk must not stay full by our own half of a file.
    // What has the name in a folder that is being filled is another file of it, which this mount takes for the same.
    if (order.under === undefined || codeOf(error) !== 'EEXIST') await tidyName(it.fs, stagedAt(order));
    if (replaces) await tidied(dropTrashFolder(it, slot, step.path));
    return outcome;
  } finally {
    await source.close();
  }
}
