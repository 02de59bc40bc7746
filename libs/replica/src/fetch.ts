/** Brings a remote file's bytes into the local stage folder, where nobody sees them. */
import { createHash } from 'node:crypto';
import { type Anchors, type Entry, OWN_FOLDER, type StagedPart } from '@lazysync/event-model';
import type { Clock } from '@lazysync/ops';
import { entryContext, entryFromStat, entryOf, fileStat, throwIfLost } from './entry-of.ts';
import { FsError, type FsPort, type OpenFile, type RawStat } from './fs-port.ts';
import { heldStill, isElsewhere, readProblem, writeProblem } from './hash.ts';
import { createPacer, type Pacer } from './pacer.ts';
import { RANGE, readInOrder } from './read-in-order.ts';
import type { FetchOrder, FetchOutcome } from './replica.ts';
import { type BegunFile, createPartKeeper, type PartKeeper, reopenPart } from './staged-part.ts';
import { writeSparse } from './write-sparse.ts';

export interface FetchContext {
  readonly remote: FsPort;
  readonly local: FsPort;
  readonly anchors: Anchors;
  readonly clock: Clock;
  /** Bytes that have come so far; called for each piece, and with `part` when that much of it can be gone on with. */
  readonly progress?: (bytes: number, part?: StagedPart) => void;
  /** Aborted with `LeftOff` when nobody wants it any more. */
  readonly signal?: AbortSignal;
  /** It is open, and this version is read. */
  readonly begun?: (version: RawStat) => void;
  /** Of all fetches together; left out: of this one alone. */
  readonly pacer?: Pacer;
  readonly steps?: FetchSteps;
}

export interface FetchSteps {
  /** Bytes of one read. */
  readonly range: number;
  /** Bytes after which a part is told. */
  readonly part: number;
  /** ms: a version that is younger may be written once more and look the same, so no part of it is kept. */
  readonly settled: number;
}

/** What is lost by a break is seconds of any link; more often would only keep the disk busy. */
const STEPS: FetchSteps = { range: RANGE, part: 4 << 20, settled: 3_000 };

/** Why a fetch ends that nobody wants any more. */
export class LeftOff extends Error {}

/** The remote has another version by now. */
class Changed extends Error {
  readonly now: RawStat;
  constructor(now: RawStat) {
    super('changed while it was read');
    this.now = now;
  }
}

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

/** What is under way, to be closed whatever comes of it. */
interface Under {
  source?: OpenFile;
  staged?: OpenFile;
  keeper?: PartKeeper;
  looker?: Looker;
}

/** A part lies there that is known, or will be in a moment. */
function isKept({ keeper }: Under, { part }: FetchOrder): boolean {
  return keeper?.told ?? part != null;
}

/** Between two looks at the source: a file that has changed is not read to its end. */
const LOOK_AFTER = 16 << 20;

interface Looker {
  /** Throws `Changed` when that was seen. */
  reached(bytes: number): void;
  over(): Promise<void>;
}

/** Looks beside the reading, so that nothing waits for the round trip. */
function createLooker(source: OpenFile, version: RawStat, from: number): Looker {
  let last = from;
  let changed: RawStat | null = null;
  let under: Promise<void> | null = null;
  return {
    reached(bytes) {
      if (changed !== null) throw new Changed(changed);
      if (under !== null || bytes - last < LOOK_AFTER) return;
      last = bytes;
      under = source
        .stat()
        .then((now) => {
          if (!heldStill(version, now)) changed = now;
        })
        // Whatever is the matter with the remote shows when it is read on, too.
        .catch(() => undefined)
        .finally(() => {
          under = null;
        });
    },
    over: async () => under ?? undefined,
  };
}

export async function fetchFile(order: FetchOrder, context: FetchContext): Promise<FetchOutcome> {
  const { local } = context;
  const stage = `${OWN_FOLDER}/stage/${order.slot}`;
  const under: Under = {};
  let outcome: FetchOutcome | null = null;
  try {
    outcome = await fetchInto(stage, under, order, context);
  } catch (error) {
    outcome = await failed(error, order, context);
  } finally {
    // ORDER: what is told beside is told before the answer, and no descriptor is closed under it.
    await under.keeper?.over().catch(() => undefined);
    await under.looker?.over();
    await under.source?.close();
    await under.staged?.close();
    const left = outcome === null || outcome.kind === 'broken-off' ? !isKept(under, order) : outcome.kind !== 'staged';
    // A full disk must not stay full by half a file.
    if (left && (under.staged !== undefined || order.part != null)) await dropIfThere(local, stage);
  }
  return outcome;
}

function staleBy(now: RawStat, { anchors }: FetchContext): FetchOutcome {
  return { kind: 'stale', saw: entryFromStat(now, { anchors, rootDev: null }) };
}

async function fetchInto(stage: string, under: Under, order: FetchOrder, context: FetchContext): Promise<FetchOutcome> {
  const { remote } = context;
  const source = await remote.openRead(order.path);
  under.source = source;
  const before = await source.stat();
  if (before.kind !== 'file') return staleBy(before, context);
  context.begun?.(before);
  const begun = await begin(stage, before, order, context);
  const staged = begun.file;
  under.staged = staged;
  const { hash, bytes } = await copy(source, begun, before, under, order, context);
  const after = await source.stat();
  // Where its connection was reset sshfs ends a file: it is the same version, and what is there of it still counts.
  if (bytes < before.size && heldStill(before, after)) throw new FsError('EIO', 'read', order.path);
  if (bytes !== before.size || !heldStill(before, after)) return staleBy(after, context);
  await staging(staged.truncate(before.size));
  await staging(staged.chmod(before.mode));
  await staging(staged.sync());
  await staging(staged.setMtime(before.mtimeNs));
  const shown = await staging(staged.stat());
  await staging(staged.close());
  return { kind: 'staged', remote: fileStat(after), staged: fileStat(shown), hash };
}

/** Goes on with what is there of this version, or begins anew. */
async function begin(stage: string, version: RawStat, order: FetchOrder, { local }: FetchContext): Promise<BegunFile> {
  const known = await reopenPart(local, stage, order.part ?? null, version);
  if (known !== null) return known;
  await staging(dropIfThere(local, stage));
  return { file: await staging(local.create(stage, 0o600)), hash: createHash('sha256'), bytes: 0 };
}

async function copy(
  source: OpenFile,
  begun: BegunFile,
  version: RawStat,
  under: Under,
  order: FetchOrder,
  context: FetchContext,
): Promise<{ readonly hash: string; readonly bytes: number }> {
  const { clock, signal, progress, pacer = createPacer(clock), steps = STEPS } = context;
  const { file, hash, bytes: from } = begun;
  const keeper = createPartKeeper({
    file,
    version,
    every: clock.now() - Number(version.mtimeNs / 1_000_000n) < steps.settled ? Infinity : steps.part,
    from,
    tell: (part) => progress?.(part.bytes, part),
  });
  under.keeper = keeper;
  const looker = createLooker(source, version, from);
  under.looker = looker;
  const each = async (piece: Uint8Array, at: number): Promise<void> => {
    signal?.throwIfAborted();
    looker.reached(at);
    hash.update(piece);
    const { open } = await staging(writeSparse(file, piece, at));
    const done = at + piece.length;
    await staging(keeper.reached(done, hash, open));
    progress?.(done);
    if (order.limit !== null) await pacer.moved(piece.length, order.limit, signal);
  };
  const bytes = await readInOrder(source, version.size, each, { from, range: steps.range });
  await staging(keeper.over());
  return { hash: hash.digest('hex'), bytes };
}

async function failed(error: unknown, order: FetchOrder, context: FetchContext): Promise<FetchOutcome> {
  const { path } = order;
  if (error instanceof LeftOff) return { kind: 'left-off' };
  if (error instanceof Changed) return staleBy(error.now, context);
  if (error instanceof StageError) return { kind: 'failed', problem: writeProblem('local', path, error.code) };
  throwIfLost(error);
  if (!(error instanceof FsError)) throw error;
  if (!isElsewhere(error.code)) {
    const problem = readProblem('remote', path, error.code);
    return { kind: problem.code === 'unreadable' ? 'broken-off' : 'failed', problem };
  }
  const saw: Entry = await entryOf(context.remote, path, await entryContext(context.remote, context.anchors));
  return { kind: 'stale', saw };
}
