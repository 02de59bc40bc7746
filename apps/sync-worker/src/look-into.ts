/** What is in folders, on both sides: asked for many at once, and of the remote ahead of the walk that deals with them. */
import type { Seal } from '@lazysync/base';
import { type BaseRecord, type Identity, nameOf, type RelPath } from '@lazysync/event-model';
import type { DirectoryQuery, Listing, Replica } from '@lazysync/replica';
import type { PairPorts } from './ports.ts';
import type { LookedInto, Seals } from './seals.ts';

/** Listings of the remote that are under way, and the seals that were asked about with them. */
export interface Asked {
  readonly seals: readonly (Seal | null)[];
  readonly listings: Promise<readonly Listing[]>;
}

export interface SealedFolder {
  readonly path: RelPath;
  readonly names: number;
}

export interface Looked {
  /** As they were sealed, on both sides. */
  readonly sealed: readonly SealedFolder[];
  readonly open: readonly LookedInto[];
  /** All that came. */
  readonly listings: readonly Listing[];
}

export interface FolderLooks {
  askRemote(folders: readonly RelPath[]): Asked;
  /** `asked`: of these folders, in this order. */
  lookInto(folders: readonly RelPath[], asked: Asked): Promise<Looked>;
}

function sameSeal(a: Seal | null, b: Seal): boolean {
  return a !== null && a.local === b.local && a.remote === b.remote;
}

function queryOf(path: RelPath, known: string | undefined): DirectoryQuery {
  return known === undefined ? { path } : { path, known };
}

/** Of folders that are not what they were on both sides: `same` says nothing of names, so that side is asked once more. */
async function insteadOfSame(replica: Replica, listings: readonly Listing[]): Promise<readonly Listing[]> {
  const same = listings.filter(({ kind }) => kind === 'same').map(({ path }) => path);
  if (same.length === 0) return listings;
  const now = new Map((await replica.list(same.map((path) => ({ path })))).map((one) => [one.path, one]));
  return listings.map((one) => now.get(one.path) ?? one);
}

/** `troubled`: paths that are a problem. */
export function createFolderLooks(ports: PairPorts, seals: Seals, troubled: ReadonlySet<RelPath>): FolderLooks {
  const { base } = ports;

  /** Those that lead to their own paths. Where something went wrong, what they say is read. */
  function stubsAmong(rows: readonly BaseRecord[]): ReadonlyMap<string, Identity> {
    const stubs = new Map<string, Identity>();
    for (const row of rows)
      if (row.kind === 'file' && row.form === 'stub' && base.movedFrom(row.path) === null && !troubled.has(row.path))
        stubs.set(nameOf(row.path), row.link);
    return stubs;
  }

  return {
    askRemote(folders) {
      const known = folders.map((path) => seals.of(path));
      const listings = ports.remote.list(folders.map((path, i) => queryOf(path, known[i]?.remote)));
      // Whoever takes it hears of it.
      listings.catch(() => undefined);
      return { seals: known, listings };
    },

    async lookInto(folders, asked) {
      const rows = folders.map((path, i) => ((asked.seals[i] ?? null) === null ? base.children(path) : null));
      const [here, there] = await Promise.all([
        ports.local.list(
          folders.map((path, i) => ({
            ...queryOf(path, asked.seals[i]?.local),
            stubs: () => stubsAmong(rows[i] ?? base.children(path)),
          })),
        ),
        asked.listings,
      ]);
      const sealed: SealedFolder[] = [];
      const others: number[] = [];
      folders.forEach((path, i) => {
        const seal = asked.seals[i] ?? null;
        const holds = seal !== null && here[i]?.kind === 'same' && there[i]?.kind === 'same';
        // RACE: it may have been asked for before the step that came last.
        if (holds && sameSeal(seals.of(path), seal)) sealed.push({ path, names: seal.names });
        else others.push(i);
      });
      const pick = (all: readonly Listing[]): Listing[] => others.map((i) => all[i] as Listing);
      const [local, remote] = await Promise.all([
        insteadOfSame(ports.local, pick(here)),
        insteadOfSame(ports.remote, pick(there)),
      ]);
      const open = others.map((i, at): LookedInto => {
        const path = folders[i] as RelPath;
        const known = rows[i] ?? base.children(path);
        return { path, here: local[at], there: remote[at], rows: new Map(known.map((row) => [row.path, row])) };
      });
      return { sealed, open, listings: [...here, ...there] };
    },
  };
}
