/**
 * Which process serves which pair: what each of them works out by itself from what all of them see, so that all come to
 * the same answer. Pure.
 */

export interface Wisher {
  readonly id: string;
  /** Pairs whose folders it can see. */
  readonly pairs: readonly string[];
  /** These and no others, because somebody said so: they come before those that would take any. */
  readonly pinned: boolean;
}

/**
 * Pair -> wisher. `held`: who has a pair now. A pair stays where it is unless that would leave one with two more than
 * another that could have it.
 */
export function shareOut(wishers: readonly Wisher[], held: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const sorted = [...wishers].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const candidates = candidatesOf(sorted);
  const given = new Map<string, string>();
  const loads = new Map<string, number>(sorted.map(({ id }) => [id, 0]));
  const load = (id: string): number => loads.get(id) ?? 0;
  const give = (pair: string, to: string): void => {
    const from = given.get(pair);
    if (from !== undefined) loads.set(from, load(from) - 1);
    given.set(pair, to);
    loads.set(to, load(to) + 1);
  };
  const lightest = (ids: readonly string[]): string | undefined =>
    ids.reduce<string | undefined>((best, id) => (best === undefined || load(id) < load(best) ? id : best), undefined);

  const pairs = [...candidates.keys()].sort();
  for (const pair of pairs) {
    const holder = held.get(pair);
    if (holder !== undefined && candidates.get(pair)?.includes(holder) === true) give(pair, holder);
  }
  for (const pair of pairs) {
    if (given.has(pair)) continue;
    const to = lightest(candidates.get(pair) ?? []);
    if (to !== undefined) give(pair, to);
  }
  // Each move makes the loads more even, so that there is a last one.
  for (let moved = true; moved; ) {
    moved = false;
    for (const pair of pairs) {
      const from = given.get(pair);
      const to = lightest(candidates.get(pair) ?? []);
      if (from === undefined || to === undefined || load(from) < load(to) + 2) continue;
      give(pair, to);
      moved = true;
    }
  }
  return given;
}

function candidatesOf(wishers: readonly Wisher[]): ReadonlyMap<string, readonly string[]> {
  const pinned = new Map<string, string[]>();
  const open = new Map<string, string[]>();
  for (const { id, pairs, pinned: isPinned } of wishers) {
    const into = isPinned ? pinned : open;
    for (const pair of new Set(pairs)) {
      const ids = into.get(pair);
      if (ids === undefined) into.set(pair, [id]);
      else ids.push(id);
    }
  }
  return new Map([...open, ...pinned]);
}
