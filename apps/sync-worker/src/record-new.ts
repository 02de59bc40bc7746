/** What went up together is written down together. */
import { changesAfter } from '@lazysync/action-table';
import type { Act } from '@lazysync/base';
import { type BaseChange, type Entry, parentOf, type RelPath, type StepOutcome } from '@lazysync/event-model';
import type { NewFolder, Upload } from './plan-new.ts';
import type { PairPorts } from './ports.ts';

export type Done = Extract<StepOutcome, { kind: 'done' }>;

/** What has its name in the remote now: folders from the outermost on, files by the slot of their upload. */
export interface Brought {
  readonly folders: readonly (NewFolder & { readonly after: Entry })[];
  readonly files: ReadonlyMap<string, Done>;
}

/**
 * Into the base. Answers with a few words for each path that is at rest by that. `over`: what the journal need not know
 * any more, besides the uploads that are done.
 */
export function recordNew(
  ports: PairPorts,
  uploads: readonly Upload[],
  { folders, files }: Brought,
  over: readonly string[] = [],
): ReadonlyMap<RelPath, string> {
  const { base } = ports;
  const nowNs = BigInt(ports.now()) * 1_000_000n;
  const changes: BaseChange[] = [];
  const acts: Act[] = [];
  const cleared = [...over];
  const known = new Set<RelPath>();
  const hasFolder = (path: RelPath): boolean => {
    const parent = parentOf(path);
    return parent === '' || known.has(parent) || base.get(parent)?.kind === 'directory';
  };
  for (const { step, view, why, after } of folders) {
    if (!hasFolder(step.path)) continue;
    known.add(step.path);
    changes.push(...changesAfter({ step, after }, view, null, nowNs));
    acts.push({ path: step.path, act: 'make-directory in remote', why });
  }
  for (const { slot, step, view, why } of uploads) {
    const outcome = files.get(slot);
    // In a folder that was there already: that comes first, and this file is found there and compared.
    if (outcome === undefined || !hasFolder(step.path)) continue;
    changes.push(...changesAfter({ step, ...outcome }, view, null, nowNs));
    acts.push({ path: step.path, act: 'upload in remote', why });
    cleared.push(slot);
  }
  base.record(changes, cleared, acts, ports.now());
  return new Map(acts.map(({ path, act, why }) => [path, `${act} (${why})`]));
}
