/** `lazysync adopt`: both folders are the right ones, though a marker is gone or another. Never done by itself. */
import fs from 'node:fs';
import path from 'node:path';
import { openBase } from '@lazysync/base';
import { flockExclusive } from '@lazysync/ops';
import { refused } from '../exit.ts';
import { baseFile, findPairOnly, type PairChoice } from '../find-pairs.ts';

export async function adopt(options: PairChoice): Promise<void> {
  const pair = await findPairOnly(options);
  const file = baseFile(pair);
  // ORDER: the base has one writer; the worker's own lock keeps it out while the markers are forgotten.
  const lock = fs.openSync(path.join(path.dirname(file), 'lock'), fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  try {
    if (!flockExclusive(lock))
      throw refused(`The pair ${pair.id} is at work, so its folders are the right ones already.`);
    const base = openBase(file);
    for (const side of ['local', 'remote']) base.setMeta(`uuid-${side}`, '');
    base.close();
  } finally {
    fs.closeSync(lock);
  }
  process.stdout.write(`Both folders of ${pair.id} are taken over at the next start.\n`);
}
