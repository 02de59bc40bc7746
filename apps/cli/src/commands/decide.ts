/** `lazysync approve` and `lazysync reject`: a person's word on what is held. Beside the lane, whose head waits for it. */
import { ask, openRedis } from '@lazysync/queue';
import { refused } from '../exit.ts';
import { findPairOnly, type PairChoice } from '../find-pairs.ts';

const ANSWER_MS = 10_000;

export async function decide(decision: 'approve' | 'reject', options: PairChoice): Promise<void> {
  const pair = await findPairOnly(options);
  const nothing = refused(`Nothing runs for the pair ${pair.id}: start it with "lazysync up".`);
  if (pair.redis === null) throw nothing;
  const link = openRedis(pair.redis, { name: 'lazysync-cli' });
  try {
    const answer = await ask(link, pair.id, 'decide', decision, ANSWER_MS);
    if (typeof answer !== 'string') throw nothing;
    process.stdout.write(`${answer}\n`);
  } finally {
    await link.close();
  }
}
