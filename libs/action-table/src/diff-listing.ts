/** What a listing of one directory says against the base: the scan's whole judgement. Pure. */
import {
  type BaseRecord,
  type ChangeEvent,
  type ChangeKind,
  type Entry,
  joinPath,
  nameOf,
  type RelPath,
  remotePrint,
  type Side,
  samePrint,
} from '@lazysync/event-model';

/** The part of a replica's listing that is looked at here. */
export interface ListedDirectory {
  readonly path: RelPath;
  readonly names: readonly { readonly name: string; readonly entry: Entry }[];
  /** Something in it could not be looked at: nothing may be taken for absent. */
  readonly partial: boolean;
}

/** Is what a side shows what the base says of it? Where only contents could tell, the answer is no. */
export function agrees(entry: Entry, row: BaseRecord, side: Side): boolean {
  switch (row.kind) {
    case 'residual':
      return row.side === side ? entry.kind !== 'absent' : entry.kind === 'absent';
    case 'directory': {
      if (entry.kind !== 'directory') return false;
      if (side === 'remote') return entry.mode === row.remoteMode;
      return entry.mode === row.localMode && entry.identity.ino === row.local.ino;
    }
    case 'symlink':
      return entry.kind === 'symlink' && entry.target === (side === 'local' ? row.localTarget : row.remoteTarget);
    case 'file':
      // A racy version is looked at until its content was compared.
      if (side === 'remote' && row.form === 'copy' && row.remoteRacy === true) return false;
      if (side === 'remote') return entry.kind === 'file' && samePrint(remotePrint(entry.stat), row.remote);
      if (row.form === 'stub') return entry.kind === 'stub' && entry.points === row.path;
      return (
        entry.kind === 'file' &&
        entry.stat.size === row.local.size &&
        entry.stat.mtimeNs === row.local.mtimeNs &&
        entry.stat.ctimeNs === row.local.ctimeNs &&
        entry.stat.mode === row.local.mode &&
        entry.stat.ino === row.local.ino
      );
  }
}

/** A row that stands for something on this side; a residual of the other side does not. */
function standsOn(row: BaseRecord, side: Side): boolean {
  return row.kind !== 'residual' || row.side === side;
}

/**
 * Events for all that differs, in the listing's order, deletions last. `rows` are those directly below the directory.
 * A vanished directory is one event: its rows below are the planner's. What could not be seen is never an event, and a
 * partial listing deletes nothing.
 */
export function diffListing(listing: ListedDirectory, rows: readonly BaseRecord[], side: Side): readonly ChangeEvent[] {
  const events: ChangeEvent[] = [];
  const tell = (kind: ChangeKind, path: RelPath): number => events.push({ kind, side, path, seen: false });
  const known = new Map(rows.map((row) => [nameOf(row.path), row]));
  const present = new Set<string>();
  for (const { name, entry } of listing.names) {
    if (entry.kind === 'absent') continue;
    present.add(name);
    if (entry.kind === 'unknown') continue;
    const row = known.get(name);
    if (row === undefined || !standsOn(row, side)) tell('create', joinPath(listing.path, name));
    else if (!agrees(entry, row, side)) tell('modify', row.path);
  }
  if (listing.partial) return events;
  for (const [name, row] of known) if (!present.has(name) && standsOn(row, side)) tell('delete', row.path);
  return events;
}
