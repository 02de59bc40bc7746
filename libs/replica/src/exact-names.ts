/**
 * For a mount that takes `a` and `A` for one name: what is found under a name that nobody wrote like this is another thing.
 * It must neither be taken for what is in local under that spelling nor be replaced by it.
 */
import { DIFFERS_IN_CASE, type Entry, isOwn, nameOf, parentOf, type RelPath } from '@lazysync/event-model';
import type { Replica } from './replica.ts';

const OTHER: Entry = { kind: 'other', what: DIFFERS_IN_CASE };

export function withExactNames(replica: Replica): Replica {
  async function corrected(paths: readonly RelPath[], seen: readonly Entry[]): Promise<readonly Entry[]> {
    const there = paths.filter((path, i) => path !== '' && seen[i]?.kind !== 'absent' && seen[i]?.kind !== 'unknown');
    if (there.length === 0) return seen;
    const folders = [...new Set(there.map(parentOf))];
    const listings = await replica.list(folders.map((path) => ({ path })));
    const names = new Map(
      listings.map((listing) => [
        listing.path,
        listing.kind === 'listing' ? new Set(listing.names.map(({ name }) => name)) : null,
      ]),
    );
    return seen.map((entry, i) => {
      const path = paths[i];
      if (path === undefined || !there.includes(path)) return entry;
      const known = names.get(parentOf(path));
      // Our own names are in no listing.
      return known == null || known.has(nameOf(path)) || isOwn(path) ? entry : OTHER;
    });
  }

  return {
    ...replica,
    look: async (paths) => corrected(paths, await replica.look(paths)),
    freshLook: async (paths) => corrected(paths, await replica.freshLook(paths)),
  };
}
