/** `lazysync conflicts`: what was changed on both sides. Both versions were kept; delete the one that you do not want. */
import fs from 'node:fs';
import path from 'node:path';
import type { StoredConflict } from '@lazysync/base';
import { isSameOrBelow } from '@lazysync/event-model';
import { baseFile, findPairs, type PairChoice } from '../find-pairs.ts';
import { ago, safe, table } from '../words.ts';
import { openIfThere } from './ls.ts';

export async function conflicts(options: PairChoice & { readonly json?: boolean }): Promise<void> {
  const found: (StoredConflict & { readonly pair: string; readonly open: boolean })[] = [];
  for (const pair of await findPairs(options)) {
    const base = openIfThere(baseFile(pair));
    if (base === null) continue;
    for (const conflict of base.conflicts()) {
      if (!isSameOrBelow(conflict.path, pair.at)) continue;
      const file = path.join(pair.local, conflict.conflict);
      found.push({ pair: pair.id, ...conflict, open: fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined });
    }
    base.close();
  }
  if (options.json === true) {
    const list = found.map(({ at, ...conflict }) => ({ ...conflict, at: new Date(at).toISOString() }));
    process.stdout.write(`${JSON.stringify({ version: 1, conflicts: list }, null, 2)}\n`);
    return;
  }
  const open = found.filter((one) => one.open);
  if (open.length === 0) {
    process.stdout.write('No conflicts.\n');
    return;
  }
  const now = Date.now();
  const rows = open.map(({ pair, at, path: name, conflict }) => [pair, ago(at, now), safe(name), safe(conflict)]);
  process.stdout.write(`${table([['PAIR', 'SINCE', 'FILE (as in remote)', 'YOUR VERSION'], ...rows])}\n`);
}
