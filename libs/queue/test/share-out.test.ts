import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shareOut, type Wisher } from '../src/share-out.ts';

const anyone = (id: string, pairs: readonly string[]): Wisher => ({ id, pairs, pinned: false });
const pinned = (id: string, pairs: readonly string[]): Wisher => ({ id, pairs, pinned: true });
const SIX = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
const held = (entries: Readonly<Record<string, string>> = {}): ReadonlyMap<string, string> =>
  new Map(Object.entries(entries));
const loads = (shares: ReadonlyMap<string, string>): Record<string, number> => {
  const counted: Record<string, number> = {};
  for (const id of shares.values()) counted[id] = (counted[id] ?? 0) + 1;
  return counted;
};

describe('shares of pairs', () => {
  test('six pairs and three processes: two each, whoever had them before', () => {
    const three = ['a', 'b', 'c'].map((id) => anyone(id, SIX));
    expect(loads(shareOut(three, held()))).toEqual({ a: 2, b: 2, c: 2 });
    const allWithA = held(Object.fromEntries(SIX.map((pair) => [pair, 'a'])));
    expect(loads(shareOut(three, allWithA))).toEqual({ a: 2, b: 2, c: 2 });
  });

  test('who went leaves its pairs to those that have least; the others keep theirs', () => {
    const before = held({ p1: 'a', p2: 'a', p3: 'b', p4: 'b', p5: 'c', p6: 'c' });
    const after = shareOut([anyone('a', SIX), anyone('b', SIX)], before);
    expect(loads(after)).toEqual({ a: 3, b: 3 });
    for (const pair of ['p1', 'p2', 'p3', 'p4']) expect(after.get(pair)).toBe(before.get(pair));
  });

  test('a pair stays where it is when a move would only turn the difference around', () => {
    const before = held({ p1: 'b', p2: 'b', p3: 'a' });
    expect(shareOut([anyone('a', ['p1', 'p2', 'p3']), anyone('b', ['p1', 'p2', 'p3'])], before)).toEqual(before);
  });

  test('nobody gets a pair that it can not see', () => {
    const shares = shareOut([anyone('a', ['p1']), anyone('b', ['p2', 'p3'])], held({ p2: 'a' }));
    expect([...shares].sort()).toEqual([
      ['p1', 'a'],
      ['p2', 'b'],
      ['p3', 'b'],
    ]);
  });

  test('a pinned pair goes to whom it is pinned to, also from somebody who has it', () => {
    const shares = shareOut([anyone('a', SIX), pinned('z', ['p1', 'p2', 'p3', 'p4', 'p5'])], held({ p1: 'a' }));
    expect(
      [...shares]
        .filter(([, id]) => id === 'z')
        .map(([pair]) => pair)
        .sort(),
    ).toEqual(SIX.slice(0, 5));
    expect(shares.get('p6')).toBe('a');
  });

  test('any processes, any holders: everybody works out the same, every visible pair has one that sees it, and nothing moves twice', () => {
    const ids = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 });
    const pairs = fc.uniqueArray(fc.constantFrom(...SIX, 'p7', 'p8'));
    const world = ids.chain((known) =>
      fc.record({
        wishers: fc.tuple(...known.map((id) => fc.record({ id: fc.constant(id), pairs, pinned: fc.boolean() }))),
        held: fc.dictionary(fc.constantFrom(...SIX), fc.constantFrom('a', 'b', 'c', 'gone')),
      }),
    );
    fc.assert(
      fc.property(world, ({ wishers, held: before }) => {
        const shares = shareOut(wishers, held(before));
        expect(shareOut([...wishers].reverse(), held(before))).toEqual(shares);
        const visible = new Set(wishers.flatMap((one) => one.pairs));
        expect(new Set(shares.keys())).toEqual(visible);
        for (const [pair, id] of shares) expect(wishers.find((one) => one.id === id)?.pairs).toContain(pair);
        // Once everybody has what it is due, nobody gives anything away.
        expect(shareOut(wishers, shares)).toEqual(shares);
      }),
      { numRuns: 500 },
    );
  });

  test('who sees everything has no more than one pair more than another', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 40 }),
        (count, holders) => {
          const wishers = Array.from({ length: count }, (_, at) =>
            anyone(
              `w${at}`,
              holders.map((_h, at2) => `p${at2}`),
            ),
          );
          const shares = shareOut(wishers, new Map(holders.map((h, at) => [`p${at}`, `w${h}`])));
          const all = wishers.map(({ id }) => loads(shares)[id] ?? 0);
          expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
