/** Each planted bug is found within 10,000 histories, and shrinks to a few steps. The ones that take long: `sim:planted`. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { histories } from '../src/history.ts';
import { runHistory } from '../src/run.ts';
import { shorter } from '../src/shorter.ts';
import { PLANTED } from './planted.ts';

const MOST = 10_000;
const STEPS = 8;
const all = process.env.SIM_PLANTED === 'all';
const asked = PLANTED.filter((one) => all || one.slow !== true);

test.each(asked.map((one) => [one.name, one] as const))('found: %s', { timeout: 300_000 }, async (_name, it) => {
  const found = await fc.check(
    fc.asyncProperty(histories(it.limits), async (history) => {
      const { violations } = await runHistory(history, { plant: it.plant });
      const [one] = violations;
      if (one !== undefined) throw new Error(`${one.promise}: ${one.what}`);
    }),
    { numRuns: MOST, seed: 1 },
  );
  const [wrong] = found.counterexample ?? [];
  if (wrong === undefined) throw new Error(`not found in ${found.numRuns} histories`);
  const history = await shorter(
    wrong,
    async (one) => (await runHistory(one, { plant: it.plant })).violations.length > 0,
  );
  const steps = history.before.length + history.actions.length;
  if (all) console.log(`${it.name}: after ${found.numRuns} histories, ${steps} steps: ${String(found.errorInstance)}`);
  expect(found.failed).toBe(true);
  expect(steps).toBeLessThanOrEqual(STEPS);
});
