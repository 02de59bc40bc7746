/** A pair at rest: both sides hold the same, and nothing is left half done. */
import path from 'node:path';
import { expect } from 'vitest';
import type { Lab } from '../../e2e/support/lab.ts';
import { differences, filesUnder } from '../../e2e/support/trees.ts';
import { waitFor } from '../../e2e/support/wait-for.ts';

export async function agree(lab: Lab, deadlineMs = 60_000): Promise<void> {
  await waitFor('rest', deadlineMs, () => {
    const { state, queued, transfers, problems, conflicts, held } = lab.status();
    if (state === 'idle' && queued + transfers + problems + conflicts + held === 0) return true;
    const { out } = lab.run(['problems', '--local', lab.local]);
    throw new Error(JSON.stringify({ state, queued, transfers, problems, conflicts, held, out }));
  });
  lab.wait(60);
  expect(differences(lab.local, lab.remote)).toEqual([]);
  lab.wait(60);
  for (const root of [lab.local, lab.remote])
    expect(`staged: ${filesUnder(path.join(root, '.lazysync/stage')).join(' ')}`).toBe('staged: ');
}
