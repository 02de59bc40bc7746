/**
 * A folder was deleted in local: the remote's goes to the trash by one rename, then what was captured is walked. If
 * anything in it is not as in the base (edited, new, not to be seen), all of it goes back and is settled one by one.
 */
import {
  type BaseRecord,
  type Entry,
  joinPath,
  type RelPath,
  rebase,
  remotePrint,
  type StepOutcome,
  sameLink,
  samePrint,
} from '@lazysync/event-model';
import type { Order } from '@lazysync/replica';
import type { PairPorts } from './ports.ts';

const FOLDERS_AT_ONCE = 64;

/** Only its content could tell whether it is the version that both sides agreed on. */
function isRacyThere(row: BaseRecord): boolean {
  return row.kind === 'file' && row.form === 'copy' && row.remoteRacy === true;
}

/** The same as when both sides last agreed? A file may also be there less: somebody else deleted it, too. */
function asInBase(row: BaseRecord | undefined, entry: Entry): boolean {
  if (row === undefined) return false;
  switch (entry.kind) {
    case 'file':
      return row.kind === 'file' && !isRacyThere(row) && samePrint(row.remote, remotePrint(entry.stat));
    case 'directory':
      return row.kind === 'directory';
    case 'symlink':
      return row.kind === 'symlink' && row.remoteTarget === entry.target;
    case 'absent':
      return true;
    case 'unknown':
      return row.kind === 'symlink' && sameLink(row.remoteLink, entry.link);
    case 'stub':
    case 'other':
      return false;
  }
}

/** Walks the captured tree at `trashed`, which was `path`. */
async function capturedIsAsInBase(ports: PairPorts, path: RelPath, trashed: RelPath): Promise<boolean> {
  const rows = new Map(ports.base.below(path).map((row) => [row.path, row]));
  const level: RelPath[] = [trashed];
  while (level.length > 0) {
    const listings = await ports.remote.list(level.splice(0, FOLDERS_AT_ONCE).map((dir) => ({ path: dir })));
    for (const listing of listings) {
      if (listing.kind !== 'listing' || listing.partial || listing.unsyncable.length > 0) return false;
      for (const { name, entry } of listing.names) {
        const at = joinPath(listing.path, name);
        if (!asInBase(rows.get(rebase(at, trashed, path)), entry)) return false;
        if (entry.kind === 'directory') level.push(at);
      }
    }
  }
  return true;
}

export interface TreeRemover {
  readonly carryOut: (
    slot: string,
    step: Parameters<PairPorts['remote']['carryOut']>[0][number]['step'],
  ) => Promise<StepOutcome>;
}

/** True when the tree lies in the trash and the base knows it; false: nothing was changed. */
export async function removeRemoteTree(
  ports: PairPorts,
  remover: TreeRemover,
  path: RelPath,
  expected: Entry,
): Promise<boolean> {
  const slot = ports.slot();
  const outcome = await remover.carryOut(slot, { kind: 'remove', side: 'remote', path, expected, whole: true });
  const order = { slot, step: { kind: 'remove', side: 'remote', path, expected, whole: true } } as const;
  if (outcome.kind === 'failed') return await putBack(ports, order);
  if (outcome.kind !== 'done' || outcome.trashed === undefined) {
    ports.base.record([], [slot]);
    return false;
  }
  if (await capturedIsAsInBase(ports, path, outcome.trashed)) {
    const act = { path, act: 'remove in remote', why: 'deleted in local, with all that was in it' };
    ports.base.record([{ kind: 'bury', path, trashed: outcome.trashed }], [slot], [act], ports.now());
    return true;
  }
  return await putBack(ports, order);
}

/** CRASH: until the journal is cleared, recovery puts it back, too. It is not cleared while that can not be done. */
async function putBack(ports: PairPorts, order: Order): Promise<false> {
  const [found] = await ports.remote.recover([order]);
  if (found?.kind === 'failed') ports.base.putProblem(found.problem, ports.now());
  else ports.base.record([], [order.slot]);
  return false;
}
