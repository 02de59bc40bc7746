/**
 * Many new small files at once, where somebody beside the remote's disk can unpack them: one file goes over the mount
 * instead of four round trips for each. The same journal and the same lane: each of them is an upload whose content is
 * staged and given its name there, and which replaces nothing. Whatever comes to nothing is left to an upload of its own.
 */
import { type Entry, type FileStat, parentOf, type RelPath, type UnpackedFile } from '@lazysync/event-model';
import type { PackOutcome } from '@lazysync/replica';
import { checkRoot, guard } from './guards.ts';
import { listingCacheMs, timeStep } from './mount-memory.ts';
import { type Pack, planPacks } from './pack-plan.ts';
import { isSmallFile, type NewFolder, type Upload } from './plan-new.ts';
import type { PairPorts } from './ports.ts';
import type { SeenAhead } from './quick-lap.ts';
import { type Brought, type Done, recordNew } from './record-new.ts';
import type { PathSettler } from './settle-path.ts';
import { upLimit } from './uploads.ts';

type Packed = Upload & Extract<PackOutcome, { kind: 'packed' }>;
const NOTHING: Brought = { folders: [], files: new Map() };

export interface PacksCame {
  /** A few words for each path that is at rest now. */
  readonly said: ReadonlyMap<RelPath, string>;
  /** What a pack was to bring and has not, as far as is known. It may be there all the same. */
  readonly unsure: ReadonlySet<RelPath>;
}

/** As the mount shows it; inodes of the disk behind it mean nothing here. */
function shownAs({ size, mode, mtimeNs }: UnpackedFile): FileStat {
  return { size, mode, mtimeNs, ctimeNs: mtimeNs, dev: 0n, ino: 0n, birthNs: 0n };
}

/** Its inode and birth time are not known, and mean nothing on a mount. */
function folderShownAs({ step: { mode } }: NewFolder): Entry {
  return { kind: 'directory', mode, identity: { dev: 0n, ino: 0n, birthNs: 0n } };
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

/** null: nobody was asked to unpack it. */
async function sendPack(ports: PairPorts, { folders, uploads }: Pack, stepNs: bigint): Promise<Brought | null> {
  const [first] = uploads;
  if (first === undefined || ports.packs === undefined) return null;
  const pack = ports.slot();
  const at = ports.now();
  // ORDER: known before it is there. CRASH: what was given its name is found there and compared; the rest is undone.
  ports.base.begin(uploads.map(({ slot, step }) => ({ slot, step, side: 'remote', at, packed: pack })));
  const wish = { stepNs, folders: folders.map(({ step }) => step), ...upLimit(ports) };
  const [packing, guarding] = await Promise.allSettled([
    ports.remote.pack(pack, uploads, wish),
    guard(ports, first.step),
  ]);
  if (guarding.status === 'rejected') throw guarding.reason;
  if (packing.status === 'rejected') throw packing.reason;
  const sent = uploads.flatMap((upload, i): Packed[] => {
    const outcome = packing.value[i];
    return outcome?.kind === 'packed' ? [{ ...upload, ...outcome }] : [];
  });
  if (sent.length === 0) return null;
  const answer = await ports.packs.unpack(pack);
  if (answer?.kind !== 'unpacked') return NOTHING;
  const made = new Set(answer.folders);
  const unpacked = new Map(answer.files.map((file) => [file.slot, file]));
  const files = new Map<string, Done>();
  for (const { slot, hash, source } of sent) {
    const file = unpacked.get(slot);
    // Said by somebody else: what does not fit is found out by an upload of its own.
    if (file?.size !== source.size) continue;
    files.set(slot, { kind: 'done', after: { kind: 'file', stat: shownAs(file) }, hash, source });
  }
  const brought = folders.filter(({ step }) => made.has(step.path));
  return { folders: brought.map((folder) => ({ ...folder, after: folderShownAs(folder) })), files };
}

/** Are there as many as a pack is worth it, and somebody who unpacks? */
export async function areForPack(ports: PairPorts, tasks: readonly SeenAhead[]): Promise<boolean> {
  const { packs } = ports;
  if (packs === undefined || timeStep(ports) === null) return false;
  const small = tasks.filter((task) => isSmallFile(task) && ports.base.get(task.path) === null);
  return small.length >= packs.fewest && (await packs.served());
}

export async function packedUploads(
  ports: PairPorts,
  settler: Pick<PathSettler, 'noteChange'>,
  tasks: readonly SeenAhead[],
): Promise<PacksCame> {
  const said = new Map<RelPath, string>();
  const unsure = new Set<RelPath>();
  const { base, packs } = ports;
  const stepNs = timeStep(ports);
  if (packs === undefined || stepNs === null) return { said, unsure };
  for (const pack of await planPacks(ports, tasks, packs.fewest)) {
    // ORDER: what is done is written down first; what is left of the pack then goes by the journal.
    const brought = await sendPack(ports, pack, stepNs);
    const done = recordNew(ports, pack.uploads, brought ?? NOTHING);
    for (const [path, words] of done) said.set(path, words);
    if (done.size > 0) settler.noteChange();
    const open = base.intents().find(({ packed }) => packed !== undefined)?.packed;
    if (open !== undefined) await undoPack(ports, open);
    for (const { step } of brought === null ? [] : [...pack.folders, ...pack.uploads])
      if (!done.has(step.path)) unsure.add(step.path);
    if (done.size === 0) break;
  }
  // The mount knows nothing of a new folder; what it remembers of the others is older than the pack.
  const meant = new Set([...said.keys(), ...unsure]);
  const changed = new Set([...meant].map(parentOf).filter((folder) => !meant.has(folder)));
  if (changed.size > 0 && listingCacheMs(ports) !== 0) await ports.remote.forgetListings([...changed]);
  return { said, unsure };
}
