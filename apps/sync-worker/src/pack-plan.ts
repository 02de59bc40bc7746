/** What of a job may go up in packs: new small files, and the new folders that they lie in. */
import { type Decision, depthOf, type PathView, parentOf, type RelPath, type Step } from '@lazysync/event-model';
import { PACK_BYTES, PACK_FILES, PACK_FOLDERS, PACKED_SIZE } from '@lazysync/replica';
import { reachesOut } from './decision-reach.ts';
import { openAt } from './journal.ts';
import { planned } from './planned.ts';
import type { PairPorts } from './ports.ts';
import type { SeenAhead } from './quick-lap.ts';

type UploadStep = Extract<Step, { kind: 'upload' }>;
type FolderStep = Extract<Step, { kind: 'make-directory' }>;

interface Planned<S extends Step> {
  readonly step: S;
  readonly view: PathView;
  readonly why: string;
}

export interface Upload extends Planned<UploadStep> {
  readonly slot: string;
}

export type NewFolder = Planned<FolderStep>;

export interface Pack {
  readonly folders: readonly NewFolder[];
  readonly uploads: readonly Upload[];
}

export function isSmallFile({ local, cause }: SeenAhead): boolean {
  return local?.kind === 'file' && local.stat.size <= PACKED_SIZE && !cause.hydrate;
}

/** The plan of a path that nobody knows yet and that the remote lacks; null: more comes into it, or it has to wait. */
async function planOf(
  ports: PairPorts,
  { path, cause, local, remote }: SeenAhead,
): Promise<readonly [Extract<Decision, { kind: 'step' }>, PathView] | null> {
  const { base } = ports;
  if (base.get(path) !== null || local === undefined || remote?.kind !== 'absent') return null;
  if (ports.ignored(path, local.kind === 'directory') || openAt(base, path).length > 0) return null;
  const known = { path, base: null, movedFrom: base.movedFrom(path), nowNs: BigInt(ports.now()) * 1_000_000n };
  const [decision, view] = await planned(ports, { ...known, local, remote }, cause);
  return decision.kind !== 'step' || decision.again || reachesOut(decision, view) ? null : [decision, view];
}

async function folderOf(ports: PairPorts, task: SeenAhead): Promise<NewFolder | null> {
  const [decision, view] = (await planOf(ports, task)) ?? [];
  if (decision === undefined || view === undefined) return null;
  const { step, why } = decision;
  return step.kind === 'make-directory' && step.side === 'remote' ? { step, view, why } : null;
}

async function uploadOf(ports: PairPorts, task: SeenAhead): Promise<Upload | null> {
  const [decision, view] = (await planOf(ports, task)) ?? [];
  if (decision === undefined || view === undefined) return null;
  const { step, why } = decision;
  return step.kind === 'upload' && step.expected.kind === 'absent' ? { slot: ports.slot(), step, view, why } : null;
}

/** As many files in one pack as it may hold; the first has all folders. */
function inPacks(uploads: readonly Upload[], folders: readonly NewFolder[]): readonly Pack[] {
  const packs: { folders: readonly NewFolder[]; uploads: Upload[] }[] = [];
  let bytes = 0;
  for (const upload of uploads) {
    const { size } = upload.step.source;
    let last = packs.at(-1);
    if (last === undefined || last.uploads.length === PACK_FILES || bytes + size > PACK_BYTES) {
      packs.push((last = { folders: packs.length === 0 ? folders : [], uploads: [] }));
      bytes = 0;
    }
    last.uploads.push(upload);
    bytes += size;
  }
  return packs;
}

/** Nothing where there are fewer files than a pack is worth. */
export async function planPacks(
  ports: PairPorts,
  tasks: readonly SeenAhead[],
  fewest: number,
): Promise<readonly Pack[]> {
  const { base } = ports;
  const troubled = new Set(base.problems().map(({ path }) => path));
  const some = tasks.filter(({ path }) => path !== '' && !troubled.has(path));
  const folders = new Map<RelPath, NewFolder>();
  const hasFolder = (path: RelPath): boolean => {
    const parent = parentOf(path);
    return parent === '' || folders.has(parent) || base.get(parent)?.kind === 'directory';
  };
  const byDepth = some
    .filter(({ local }) => local?.kind === 'directory')
    .sort((a, b) => depthOf(a.path) - depthOf(b.path));
  for (const task of byDepth) {
    if (folders.size === PACK_FOLDERS) break;
    const folder = hasFolder(task.path) ? await folderOf(ports, task) : null;
    if (folder !== null) folders.set(task.path, folder);
  }
  const uploads: Upload[] = [];
  for (const task of some) {
    const upload = isSmallFile(task) && hasFolder(task.path) ? await uploadOf(ports, task) : null;
    if (upload !== null) uploads.push(upload);
  }
  return uploads.length < fewest ? [] : inPacks(uploads, [...folders.values()]);
}
