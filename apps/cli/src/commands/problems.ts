/** `lazysync problems`: what could not be done, and why. */
import type { StoredProblem } from '@lazysync/base';
import { isSameOrBelow } from '@lazysync/event-model';
import { baseFile, findPairs, type PairChoice } from '../find-pairs.ts';
import { ago, safe, table } from '../words.ts';
import { openIfThere } from './ls.ts';

export async function problems(options: PairChoice & { readonly json?: boolean }): Promise<void> {
  const found: (StoredProblem & { readonly pair: string })[] = [];
  for (const pair of await findPairs(options)) {
    const base = openIfThere(baseFile(pair));
    if (base === null) continue;
    for (const problem of base.problems())
      if (isSameOrBelow(problem.path, pair.at)) found.push({ pair: pair.id, ...problem });
    base.close();
  }
  if (options.json === true) {
    const list = found.map(({ since, ...problem }) => ({ ...problem, since: new Date(since).toISOString() }));
    process.stdout.write(`${JSON.stringify({ version: 1, problems: list }, null, 2)}\n`);
    return;
  }
  if (found.length === 0) {
    process.stdout.write('No problems.\n');
    return;
  }
  const now = Date.now();
  const rows = found.map(({ pair, path, code, message, since }) => [
    pair,
    ago(since, now),
    code,
    path === '' ? '.' : safe(path),
    safe(message),
  ]);
  process.stdout.write(`${table([['PAIR', 'SINCE', 'KIND', 'PATH', 'WHAT'], ...rows])}\n`);
}
