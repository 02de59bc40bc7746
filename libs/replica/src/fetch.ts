/** Brings a remote file's bytes into the local stage folder, where nobody sees them. */
import { createHash } from 'node:crypto';
import { type Anchors, type Entry, OWN_FOLDER } from '@lazysync/event-model';
import type { Clock } from '@lazysync/ops';
import { entryContext, entryFromStat, entryOf, fileStat, throwIfLost } from './entry-of.ts';
import { FsError, type FsPort, type OpenFile } from './fs-port.ts';
import { heldStill, isElsewhere, readProblem, writeProblem } from './hash.ts';
import { createPacer, type Pacer } from './pacer.ts';
import { readInOrder } from './read-in-order.ts';
import type { FetchOrder, FetchOutcome } from './replica.ts';

export interface FetchContext {
  readonly remote: FsPort;
  readonly local: FsPort;
  readonly anchors: Anchors;
  readonly clock: Clock;
  /** Bytes that have come so far; called for each piece. */
  readonly progress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
  /** Of all fetches together; left out: of this one alone. */
  readonly pacer?: Pacer;
}

/** Runs of zeros of this size stay holes. */
const BLOCK = 64 * 1024;
const ZEROS = Buffer.alloc(BLOCK);

/** Marks what failed on the local side, so that a problem names the right one. */
class StageError extends Error {
  readonly code: string;
  constructor(code: string, cause: unknown) {
    super(code, { cause });
    this.code = code;
  }
}

async function staging<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof FsError ? new StageError(error.code, error) : error;
  }
}

async function dropIfThere(fs: FsPort, path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== 'ENOENT') throw error;
  }
}

function isZeros(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0;
}

/** Writes a piece without its blocks of zeros. */
async function writeSparse(file: OpenFile, bytes: Uint8Array, at: number): Promise<void> {
  let from = 0;
  for (let block = 0; block < bytes.length; block += BLOCK) {
    const end = Math.min(block + BLOCK, bytes.length);
    if (end - block < BLOCK || !isZeros(bytes.subarray(block, end))) continue;
    if (block > from) await file.write(bytes.subarray(from, block), at + from);
    from = end;
  }
  if (from < bytes.length) await file.write(from === 0 ? bytes : bytes.subarray(from), at + from);
}

export async function fetchFile(order: FetchOrder, context: FetchContext): Promise<FetchOutcome> {
  const { remote, local, anchors } = context;
  const stage = `${OWN_FOLDER}/stage/${order.slot}`;
  let source: OpenFile | undefined;
  let staged: OpenFile | undefined;
  let good = false;
  try {
    source = await remote.openRead(order.path);
    const before = await source.stat();
    if (before.kind !== 'file') return { kind: 'stale', saw: entryFromStat(before, { anchors, rootDev: null }) };
    await staging(dropIfThere(local, stage));
    staged = await staging(local.create(stage, 0o600));
    const { hash, bytes } = await copy(source, staged, before.size, order, context);
    const after = await source.stat();
    if (bytes !== before.size || !heldStill(before, after)) {
      return { kind: 'stale', saw: entryFromStat(after, { anchors, rootDev: null }) };
    }
    await staging(staged.truncate(before.size));
    await staging(staged.chmod(before.mode));
    await staging(staged.sync());
    await staging(staged.setMtime(before.mtimeNs));
    const shown = await staging(staged.stat());
    await staging(staged.close());
    good = true;
    return { kind: 'staged', remote: fileStat(after), staged: fileStat(shown), hash };
  } catch (error) {
    return await failed(error, order, context);
  } finally {
    await source?.close();
    await staged?.close();
    // A full disk must not stay full by half a file.
    if (!good && staged !== undefined) await dropIfThere(local, stage);
  }
}

async function copy(
  source: OpenFile,
  staged: OpenFile,
  size: number,
  order: FetchOrder,
  context: FetchContext,
): Promise<{ readonly hash: string; readonly bytes: number }> {
  const { clock, signal, progress, pacer = createPacer(clock) } = context;
  const hash = createHash('sha256');
  const bytes = await readInOrder(source, size, async (piece, at) => {
    signal?.throwIfAborted();
    hash.update(piece);
    await staging(writeSparse(staged, piece, at));
    const done = at + piece.length;
    progress?.(done);
    if (order.limit !== null) await pacer.moved(piece.length, order.limit, signal);
  });
  return { hash: hash.digest('hex'), bytes };
}

async function failed(error: unknown, order: FetchOrder, context: FetchContext): Promise<FetchOutcome> {
  const { path } = order;
  if (error instanceof StageError) return { kind: 'failed', problem: writeProblem('local', path, error.code) };
  throwIfLost(error);
  if (!(error instanceof FsError)) throw error;
  if (!isElsewhere(error.code)) return { kind: 'failed', problem: readProblem('remote', path, error.code) };
  const saw: Entry = await entryOf(context.remote, path, await entryContext(context.remote, context.anchors));
  return { kind: 'stale', saw };
}
