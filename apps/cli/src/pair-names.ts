/** `--pairs a,b`: some of the pairs of a file. */
import { defaultPairId, isPairId, PAIR_ID_RULE, showPath } from '@lazysync/config';
import { usage } from './exit.ts';
import type { PairWishText } from './plan-run.ts';

export function parsePairs(text: string, known: readonly PairWishText[]): readonly string[] {
  const ids = text.split(',').map((one) => one.trim());
  const have = new Set(known.map((pair) => nameOf(pair)));
  for (const id of ids) {
    if (!isPairId(id))
      throw usage(`The pair ${showPath(id)} in ${showPath(text)} is no id: it must be ${PAIR_ID_RULE}.`);
    if (!have.has(id))
      throw usage(
        `There is no pair ${id} here: ${have.size === 0 ? 'none is named' : `there is ${[...have].slice(0, 20).join(', ')}`}.`,
      );
  }
  return [...new Set(ids)];
}

export function nameOf({ id, local, remote }: PairWishText): string {
  return id ?? defaultPairId(local, remote);
}
