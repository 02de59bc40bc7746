/** Deletes that a look at everything infers: many of them wait for a person's word, and a no brings them back. */
import {
  ABSENT,
  type BaseChange,
  type Cause,
  type Entry,
  identityOf,
  type RelPath,
  ROOT,
  recordIdentity,
  type Side,
  sameIdentity,
} from '@lazysync/event-model';
import { massDelete } from './holds.ts';
import type { PairPorts } from './ports.ts';
import type { PathSettler } from './settle-path.ts';

const BOTH: Cause = { side: 'both', hydrate: false };

/** Something that the base knows, and that is gone on one side or on both. */
export interface Gone {
  readonly path: RelPath;
  readonly seen: { readonly remote: Entry };
  readonly goneHere: boolean;
}

export interface ManyDeletes {
  /** Answers with those that a person rejected: they are brought back by then. Throws `PairHeld` while nobody has decided. */
  ask(deletes: readonly Gone[]): Promise<readonly RelPath[]>;
  /** A whole root was emptied, and that was a mistake: what the other side still has is new there. */
  bringAllBack(lost: Side): Promise<void>;
}

export function createManyDeletes(
  ports: PairPorts,
  settler: PathSettler,
  rescan: (folder: RelPath) => Promise<void>,
): ManyDeletes {
  const { base } = ports;

  async function ask(deletes: readonly Gone[]): Promise<RelPath[]> {
    // To count a million rows takes a second.
    if (deletes.length === 0) return [];
    const kept: RelPath[] = [];
    const all = base.counts().entries;
    for (const lost of ['local', 'remote'] as const) {
      const paths = deletes
        .filter(({ seen, goneHere }) => (seen.remote.kind === 'absent') !== goneHere && goneHere === (lost === 'local'))
        .map((one) => one.path);
      const count = paths.reduce((sum, path) => sum + 1 + (base.hasBelow(path) ? base.below(path).length : 0), 0);
      const hold = massDelete(lost, paths, count, all);
      if (hold === null || ports.holds.require(hold) === 'approve') continue;
      await bringBack(lost, paths);
      ports.holds.close(hold);
      kept.push(...paths);
    }
    return kept;
  }

  /** As if the base had never known them: what one side still has is new there. A stub has no content to bring back. */
  async function bringBack(lost: Side, paths: readonly RelPath[]): Promise<void> {
    const seen = await ports[lost].look(paths);
    const gone = paths.filter((_path, i) => seen[i]?.kind === 'absent');
    const changes: BaseChange[] = gone.map((path) => ({ kind: 'forget', path }));
    if (lost === 'remote') {
      const why = 'its file is gone from the remote, and the delete was rejected';
      const message = `This stub leads nowhere: ${why}.`;
      const rows = gone.flatMap((path) => [...base.below(path), ...[base.get(path)].filter((row) => row !== null)]);
      const stubs = rows.filter((row) => row.kind === 'file' && row.form === 'stub');
      const here = await ports.local.look(stubs.map(({ path }) => path));
      // Another stub that was moved there stands for something else, which may be in the trash.
      const own = stubs.filter((row, i) => sameIdentity(identityOf(here[i] ?? ABSENT), recordIdentity(row)));
      for (const { path } of own) {
        changes.push({ kind: 'put', record: { kind: 'residual', path, side: 'local', why } });
        base.putProblem({ code: 'failed', path, side: 'remote', message }, ports.now());
      }
    }
    // CRASH: all of them are forgotten at once. After half of them the rest would be too few to be asked about, and would
    // be deleted after all.
    base.record(changes, []);
    for (const path of gone) {
      await settler.settle(path, BOTH);
      if (base.get(path)?.kind === 'directory') await rescan(path);
    }
  }

  return {
    ask,
    bringAllBack: (lost) =>
      bringBack(
        lost,
        base.children(ROOT).map(({ path }) => path),
      ),
  };
}
