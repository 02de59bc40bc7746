/** What a job has of new small files and new folders: those that nothing else comes into can go up together. */
import type { Decision, PathView, Step } from '@lazysync/event-model';
import { PACKED_SIZE } from '@lazysync/replica';
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

export async function folderOf(ports: PairPorts, task: SeenAhead): Promise<NewFolder | null> {
  const [decision, view] = (await planOf(ports, task)) ?? [];
  if (decision === undefined || view === undefined) return null;
  const { step, why } = decision;
  return step.kind === 'make-directory' && step.side === 'remote' ? { step, view, why } : null;
}

export async function uploadOf(ports: PairPorts, task: SeenAhead): Promise<Upload | null> {
  const [decision, view] = (await planOf(ports, task)) ?? [];
  if (decision === undefined || view === undefined) return null;
  const { step, why } = decision;
  return step.kind === 'upload' && step.expected.kind === 'absent' ? { slot: ports.slot(), step, view, why } : null;
}
