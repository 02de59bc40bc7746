/**
 * Many new small files at once, where somebody beside the remote's disk can unpack them: one file goes over the mount
 * instead of four round trips for each. The same journal and the same lane: each of them is an upload whose content is
 * staged and given its name there, and which replaces nothing. Whatever comes to nothing is left to an upload of its own.
 */
import { changesAfter } from '@lazysync/action-table';
import type { Act } from '@lazysync/base';
import {
  type BaseChange,
  type FileStat,
  type PathView,
  parentOf,
  type RelPath,
  type Step,
  type StepOutcome,
  type UnpackedFile,
} from '@lazysync/event-model';
import { PACK_BYTES, PACK_FILES, PACKED_SIZE, type PackOutcome } from '@lazysync/replica';
import { reachesOut } from './decision-reach.ts';
import { checkRoot, guard } from './guards.ts';
import { openAt } from './journal.ts';
import { listingCacheMs, timeStep } from './mount-memory.ts';
import { planned } from './planned.ts';
import type { PairPorts } from './ports.ts';
import type { SeenAhead } from './quick-lap.ts';
import type { PathSettler } from './settle-path.ts';
import { upLimit } from './uploads.ts';

type UploadStep = Extract<Step, { kind: 'upload' }>;

interface Upload {
  readonly slot: string;
  readonly step: UploadStep;
  readonly view: PathView;
  readonly why: string;
}

type Packed = Upload & Extract<PackOutcome, { kind: 'packed' }>;

function isSmallFile({ local, cause }: SeenAhead): boolean {
  return local?.kind === 'file' && local.stat.size <= PACKED_SIZE && !cause.hydrate;
}

async function uploadOf(ports: PairPorts, { path, cause, local, remote }: SeenAhead): Promise<Upload | null> {
  const { base } = ports;
  const parent = parentOf(path);
  if (base.get(path) !== null || (parent !== '' && base.get(parent)?.kind !== 'directory')) return null;
  if (local === undefined || remote?.kind !== 'absent' || ports.ignored(path, false)) return null;
  if (openAt(base, path).length > 0) return null;
  const known = { path, base: null, movedFrom: base.movedFrom(path), nowNs: BigInt(ports.now()) * 1_000_000n };
  const [decision, view] = await planned(ports, { ...known, local, remote }, cause);
  if (decision.kind !== 'step' || decision.again || reachesOut(decision, view)) return null;
  const { step, why } = decision;
  return step.kind === 'upload' && step.expected.kind === 'absent' ? { slot: ports.slot(), step, view, why } : null;
}

/**
 * All but one in each folder. That one goes through the mount afterwards: a change of its own is what makes a mount forget
 * the listing, and the names that were not there, from before the pack.
 */
function butOneEach(ports: PairPorts, uploads: readonly Upload[]): readonly Upload[] {
  // Of a mount that remembers nothing there is nothing to be forgotten.
  if (listingCacheMs(ports) === 0) return uploads;
  const last = new Map(uploads.map((upload) => [parentOf(upload.step.path), upload]));
  return uploads.filter((upload) => last.get(parentOf(upload.step.path)) !== upload);
}

/** As many in one pack as it may hold. */
function inPacks(uploads: readonly Upload[]): readonly (readonly Upload[])[] {
  const packs: Upload[][] = [];
  let bytes = 0;
  for (const upload of uploads) {
    const { size } = upload.step.source;
    let last = packs.at(-1);
    if (last === undefined || last.length === PACK_FILES || bytes + size > PACK_BYTES) {
      packs.push((last = []));
      bytes = 0;
    }
    last.push(upload);
    bytes += size;
  }
  return packs;
}

/** As the mount shows it; inodes of the disk behind it mean nothing here. */
function shownAs({ size, mode, mtimeNs }: UnpackedFile): FileStat {
  return { size, mode, mtimeNs, ctimeNs: mtimeNs, dev: 0n, ino: 0n, birthNs: 0n };
}

/** A pack that nobody unpacks any more, and all that may be staged of it. The journal knows none of it afterwards. */
export async function undoPack(ports: PairPorts, pack: string): Promise<void> {
  const slots = ports.base.intents().flatMap(({ slot, packed }) => (packed === pack ? [slot] : []));
  await checkRoot(ports, 'remote');
  await ports.remote.withdraw(pack);
  await ports.remote.discard(slots);
  // ORDER: asked again: in a folder whose mount is gone no such name is found, either.
  await checkRoot(ports, 'remote');
  ports.base.record([], slots);
}

async function sendPack(
  ports: PairPorts,
  uploads: readonly Upload[],
  stepNs: bigint,
): Promise<ReadonlyMap<string, StepOutcome>> {
  const [first] = uploads;
  if (first === undefined || ports.packs === undefined) return new Map();
  const pack = ports.slot();
  const at = ports.now();
  // ORDER: known before it is there. CRASH: what was given its name is found there and compared; the rest is undone.
  ports.base.begin(uploads.map(({ slot, step }) => ({ slot, step, side: 'remote', at, packed: pack })));
  const [packing, guarding] = await Promise.allSettled([
    ports.remote.pack(pack, uploads, { stepNs, ...upLimit(ports) }),
    guard(ports, first.step),
  ]);
  if (guarding.status === 'rejected') throw guarding.reason;
  if (packing.status === 'rejected') throw packing.reason;
  const sent = uploads.flatMap((upload, i): Packed[] => {
    const outcome = packing.value[i];
    return outcome?.kind === 'packed' ? [{ ...upload, ...outcome }] : [];
  });
  const answer = sent.length === 0 ? null : await ports.packs.unpack(pack);
  const unpacked = new Map(answer?.kind === 'unpacked' ? answer.files.map((file) => [file.slot, file]) : []);
  const done = new Map<string, StepOutcome>();
  for (const { slot, hash, source } of sent) {
    const file = unpacked.get(slot);
    // Said by somebody else: what does not fit is found out by an upload of its own.
    if (file?.size !== source.size) continue;
    done.set(slot, { kind: 'done', after: { kind: 'file', stat: shownAs(file) }, hash, source });
  }
  return done;
}

/** Are there as many as a pack is worth it, and somebody who unpacks? */
export async function areForPack(ports: PairPorts, tasks: readonly SeenAhead[]): Promise<boolean> {
  const { packs } = ports;
  if (packs === undefined || timeStep(ports) === null) return false;
  const small = tasks.filter((task) => isSmallFile(task) && ports.base.get(task.path) === null);
  return small.length >= packs.fewest && (await packs.served());
}

/** Answers with a few words for each path that is at rest now. */
export async function packedUploads(
  ports: PairPorts,
  settler: Pick<PathSettler, 'noteChange'>,
  tasks: readonly SeenAhead[],
): Promise<ReadonlyMap<RelPath, string>> {
  const said = new Map<RelPath, string>();
  const { packs } = ports;
  const stepNs = timeStep(ports);
  if (packs === undefined || stepNs === null) return said;
  const troubled = new Set(ports.base.problems().map(({ path }) => path));
  const uploads: Upload[] = [];
  for (const task of tasks.filter(isSmallFile)) {
    const upload = troubled.has(task.path) ? null : await uploadOf(ports, task);
    if (upload !== null) uploads.push(upload);
  }
  const most = butOneEach(ports, uploads);
  if (most.length < packs.fewest) return said;
  for (const some of inPacks(most)) {
    const done = await sendPack(ports, some, stepNs);
    const changes: BaseChange[] = [];
    const acts: Act[] = [];
    for (const { slot, step, view, why } of some) {
      const outcome = done.get(slot);
      if (outcome?.kind !== 'done') continue;
      changes.push(...changesAfter({ step, ...outcome }, view, null, BigInt(ports.now()) * 1_000_000n));
      acts.push({ path: step.path, act: 'upload in remote', why });
      said.set(step.path, `upload in remote (${why})`);
    }
    // ORDER: what is done is written down first; what is left of the pack then goes by the journal.
    ports.base.record(changes, [...done.keys()], acts, ports.now());
    if (acts.length > 0) settler.noteChange();
    const open = ports.base.intents().find(({ packed }) => packed !== undefined)?.packed;
    if (open !== undefined) await undoPack(ports, open);
    if (done.size === 0) break;
  }
  return said;
}
