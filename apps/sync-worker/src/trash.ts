/** The trash of both sides: `.lazysync/trash/<UTC>-<client>-<n>/<path>`, so that its age can be read off its name. */
import { joinPath, OWN_FOLDER, type RelPath, relPath, type Side } from '@lazysync/event-model';
import type { PairPorts } from './ports.ts';

const TRASH = relPath(`${OWN_FOLDER}/trash`);
const SLOT = /^(\d{4})(\d\d)(\d\d)t(\d\d)(\d\d)(\d\d)-[a-z0-9]+-\d+x?$/;
/** No clock that was right has named anything before: a machine that starts without one names it by 1970. */
const EARLIEST = Date.UTC(2024, 0);
/** Younger than this, ms, nothing goes because there is too much. */
const SAFE_MS = 86_400_000;

export interface TrashItem {
  readonly side: Side;
  readonly slot: string;
  /** The path it was removed from. */
  readonly path: RelPath;
  readonly kind: string;
  /** Bytes; of a folder null. */
  readonly size: number | null;
  /** ms since 1970; null when the name does not tell. */
  readonly removedAt: number | null;
}

export function trashPlace(slot: string, path: RelPath): string {
  return `${TRASH}/${slot}/${path}`;
}

function removedAt(slot: string): number | null {
  const found = SLOT.exec(slot);
  if (found === null) return null;
  const [year, month, day, hour, minute, second] = found.slice(1).map(Number);
  const at = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  return at < EARLIEST ? null : at;
}

async function slotsOf(ports: PairPorts, side: Side): Promise<string[]> {
  const [listing] = await ports[side].list([{ path: TRASH }]);
  return listing?.kind === 'listing' ? listing.names.map(({ name }) => name) : [];
}

/** The files and whole folders in the trash, newest first, at most `limit`. */
export async function listTrash(ports: PairPorts, limit: number): Promise<readonly TrashItem[]> {
  const items: TrashItem[] = [];
  for (const side of ['local', 'remote'] as const) {
    for (const slot of (await slotsOf(ports, side)).sort().reverse()) {
      const root = joinPath(TRASH, slot);
      const level: RelPath[] = [root];
      while (level.length > 0 && items.length < limit) {
        for (const listing of await ports[side].list(level.splice(0, 64).map((path) => ({ path })))) {
          if (listing.kind !== 'listing') continue;
          for (const { name, entry } of listing.names) {
            const at = joinPath(listing.path, name);
            const path = relPath(at.slice(root.length + 1));
            // The folders on the way to what was removed are not in the base; a removed folder is, as a tombstone.
            if (entry.kind === 'directory') level.push(at);
            const size = entry.kind === 'file' ? entry.stat.size : null;
            if (entry.kind !== 'directory' || ports.base.get(at) !== null) {
              items.push({ side, slot, path, kind: entry.kind, size, removedAt: removedAt(slot) });
            }
          }
        }
      }
    }
  }
  return items.sort((a, b) => (b.removedAt ?? 0) - (a.removedAt ?? 0)).slice(0, limit);
}

/** Bytes of all files in a slot. */
async function sizeOf(ports: PairPorts, side: Side, slot: string): Promise<number> {
  let bytes = 0;
  const level: RelPath[] = [joinPath(TRASH, slot)];
  while (level.length > 0) {
    for (const listing of await ports[side].list(level.splice(0, 64).map((path) => ({ path })))) {
      if (listing.kind !== 'listing') continue;
      for (const { name, entry } of listing.names) {
        if (entry.kind === 'directory') level.push(joinPath(listing.path, name));
        if (entry.kind === 'file') bytes += entry.stat.size;
      }
    }
  }
  return bytes;
}

interface Aged {
  readonly slot: string;
  /** ms; null: its name does not tell. */
  readonly age: number | null;
}

/** The oldest that have to go so that at most `most` bytes stay. */
async function tooMuch(ports: PairPorts, side: Side, slots: readonly Aged[], most: number): Promise<string[]> {
  if (!Number.isFinite(most)) return [];
  const gone: string[] = [];
  let left = most;
  // The newest first: they stay as long as there is room.
  for (const { slot, age } of [...slots].sort((a, b) => (a.age ?? 0) - (b.age ?? 0))) {
    left -= await sizeOf(ports, side, slot);
    if (left < 0 && age !== null && age >= SAFE_MS) gone.push(slot);
  }
  return gone;
}

/** For good: what was removed at least `minAgeMs` ago, and the oldest of the rest if it is more than `most` bytes on a side. */
export async function emptyTrash(
  ports: PairPorts,
  minAgeMs: number,
  most: number = Number.POSITIVE_INFINITY,
): Promise<string> {
  let count = 0;
  for (const side of ['local', 'remote'] as const) {
    const slots = (await slotsOf(ports, side)).map((slot): Aged => {
      const at = removedAt(slot);
      return { slot, age: at === null ? null : ports.now() - at };
    });
    const isOld = ({ age }: Aged): boolean => minAgeMs === 0 || (age !== null && age >= minAgeMs);
    const rest = slots.filter((one) => !isOld(one));
    const gone = [...slots.filter(isOld).map(({ slot }) => slot), ...(await tooMuch(ports, side, rest, most))];
    await purge(ports, side, gone);
    count += gone.length;
  }
  return `${count} removed for good`;
}

async function purge(ports: PairPorts, side: Side, slots: readonly string[]): Promise<void> {
  // Tombstones first: a move out of a trash that is gone must not be tried.
  if (side === 'remote') {
    ports.base.record(
      slots.map((slot) => ({ kind: 'forget', path: joinPath(TRASH, slot) })),
      [],
    );
  }
  await ports[side].purge(slots);
}

/** The pair is set not to keep what was overwritten: a step's own slot goes. Nothing may lead there any more. */
export async function dropOverwritten(ports: PairPorts, side: Side, slot: string): Promise<void> {
  await purge(ports, side, [slot]);
}
