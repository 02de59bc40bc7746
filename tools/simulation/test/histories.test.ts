/** Some thousand histories by chance, from a fixed seed: `npm run sim -w @lazysync/simulation` runs as many as wanted. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EVERYTHING, type History, histories, type Limits } from '../src/history.ts';
import { runHistory } from '../src/run.ts';

const ONE_DISK: Limits = { ...EVERYTHING, clients: 1, length: 10, plain: true, coarse: false, cacheMs: [0], fates: [] };

async function holds(history: History): Promise<void> {
  const { violations } = await runHistory(history);
  expect(violations).toEqual([]);
}

test.each([
  ['two disks', { ...ONE_DISK }, 800],
  ['two disks, and kills at any call', { ...ONE_DISK, fates: ['crash', 'crash-lane'] }, 800],
  ['a mount that shows whole seconds and old attributes', { ...EVERYTHING, clients: 1, length: 8, fates: [] }, 800],
  ['one or two clients, and everything that may befall them', { ...EVERYTHING, length: 8 }, 500],
] as const)('%s: nothing is lost, both sides agree', { timeout: 120_000 }, async (_name, limits, numRuns) => {
  await fc.assert(fc.asyncProperty(histories(limits), holds), { numRuns, seed: 1 });
});

test('the same history leaves the same trace', async () => {
  const [history] = fc.sample(histories({ ...EVERYTHING, fates: ['crash'] }), { numRuns: 1, seed: 7 });
  if (history === undefined) throw new Error('no history');
  const one = await runHistory(history);
  const two = await runHistory(history);
  expect(two.hash).toBe(one.hash);
  expect(two.calls).toBe(one.calls);
});

test('transfers that are broken off by kills, outages and failing reads go on, with the right content', {
  timeout: 180_000,
}, async () => {
  const limits: Limits = {
    ...ONE_DISK,
    deeds: ['overwrite', 'same-size', 'read'],
    wheres: ['host', 'local'],
    fates: ['crash', 'outage', 'wait', 'get', 'fault-remote'],
    paths: 2,
  };
  let down = 0;
  let up = 0;
  const counted = async (history: History): Promise<void> => {
    const { violations, counts } = await runHistory(history);
    expect(violations).toEqual([]);
    down += counts.get('download gone on with') ?? 0;
    up += counts.get('upload gone on with') ?? 0;
  };
  await fc.assert(fc.asyncProperty(histories(limits), counted), { numRuns: 600, seed: 3 });
  expect(down).toBeGreaterThan(0);
  expect(up).toBeGreaterThan(0);
});
