/** One by one or many together: the end is the same. `npm run sim -- --widths 1,16` plays as many as wanted. */
import { expect, test } from 'vitest';
import { EVERYTHING } from '../src/history.ts';
import { compare } from '../src/same-trees.ts';

test('width 1 and width 16 end in the same trees, downloads among them', { timeout: 120_000 }, async () => {
  const limits = { ...EVERYTHING, clients: 1 as const, length: 16 };
  const { apart, runs, side, counts } = await compare(limits, [1, 16], 150, 5);
  expect(apart).toBe(null);
  expect(runs).toBe(150);
  // Else nothing was compared.
  expect(side).toBeGreaterThan(10);
  expect(counts.get('hydrate local')).toBeGreaterThan(0);
});
