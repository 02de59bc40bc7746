/**
 * Folders in which nothing has changed on either side since all of their names were in agreement: known by the digests of
 * their two listings, without a look at a single row. See docs/decisions/0014-seals.md.
 */
import type { Seal } from '@lazysync/base';
import { type BaseChange, type BaseRecord, joinPath, parentOf, type RelPath } from '@lazysync/event-model';
import { digestOfRecords, type Listing } from '@lazysync/replica';
import type { PairPorts } from './ports.ts';

/** Another number once the same rows and the same entries may lead to other decisions. */
const DECISIONS = 1;

/** A folder that was looked into: all names were in agreement, or were made just now. */
export interface LookedInto {
  readonly path: RelPath;
  readonly here: Listing | undefined;
  readonly there: Listing | undefined;
  /** Before. */
  readonly rows: ReadonlyMap<RelPath, BaseRecord>;
}

export interface Seals {
  /** Good for one look at a folder; null: it has to be looked into. */
  of(folder: RelPath): Seal | null;
  /** `changes`: what was written down since the look. */
  give(folders: readonly LookedInto[], changes: readonly BaseChange[]): void;
}

/** What time alone may change is not settled; of what stays on one side nothing is agreed. */
function isSettled(row: BaseRecord): boolean {
  if (row.kind === 'residual') return false;
  return row.kind !== 'file' || row.form === 'stub' || (!row.racy && row.remoteRacy !== true);
}

function isWhole(listing: Listing | undefined): listing is Extract<Listing, { kind: 'listing' }> {
  return listing?.kind === 'listing' && !listing.partial && listing.unsyncable.length === 0;
}

/** `troubled`: paths that are a problem. */
export function sealsIn(ports: PairPorts, troubled: Iterable<RelPath>): Seals {
  const { base } = ports;
  base.keepSealsUnder(`${DECISIONS} ${ports.rules()}`);
  const inTrouble = new Set([...troubled].map(parentOf));

  function sealFor({ path, here, there, rows }: LookedInto, puts: ReadonlyMap<RelPath, BaseRecord>): Seal | null {
    if (!isWhole(here) || !isWhole(there) || inTrouble.has(path) || base.movedFrom(path) !== null) return null;
    const now = puts.size === 0 ? rows : new Map([...rows, ...puts]);
    for (const row of now.values()) if (!isSettled(row) || base.movedFrom(row.path) !== null) return null;
    if (puts.size === 0) return { local: here.digest, remote: there.digest, names: now.size };
    // What was made here nobody has listed yet; anything else in the folder must be in its rows.
    if (!here.names.every(({ name }) => now.has(joinPath(path, name)))) return null;
    const local = digestOfRecords(now.values());
    return local === null ? null : { local, remote: there.digest, names: now.size };
  }

  return {
    of: (folder) => (inTrouble.has(folder) || base.movedFrom(folder) !== null ? null : base.seal(folder)),
    give(folders, changes) {
      if (folders.length === 0) return;
      const put = new Map<RelPath, Map<RelPath, BaseRecord>>();
      for (const change of changes) {
        if (change.kind !== 'put') continue;
        const folder = parentOf(change.record.path);
        const some = put.get(folder) ?? new Map<RelPath, BaseRecord>();
        put.set(folder, some.set(change.record.path, change.record));
      }
      const seals = new Map<RelPath, Seal>();
      for (const folder of folders) {
        const seal = sealFor(folder, put.get(folder.path) ?? new Map());
        if (seal !== null) seals.set(folder.path, seal);
      }
      base.putSeals(seals);
    },
  };
}
