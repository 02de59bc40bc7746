/** `lazysync pause` and `lazysync resume`: the lane takes no further job; what waits stays in order. Kept over restarts. */
import { openRedis, pauseLane, RedisUnreachable, resumeLane } from '@lazysync/queue';
import { refused } from '../exit.ts';
import { findPairOnly, type PairChoice } from '../find-pairs.ts';

export async function pause(act: 'pause' | 'resume', options: PairChoice): Promise<void> {
  const pair = await findPairOnly(options);
  const nothing = refused(`Nothing runs for the pair ${pair.id}: start it with "lazysync up".`);
  if (pair.redis === null) throw nothing;
  const link = openRedis(pair.redis, { name: 'lazysync-cli' });
  try {
    await (act === 'pause' ? pauseLane(link, pair.id) : resumeLane(link, pair.id));
  } catch (error) {
    if (error instanceof RedisUnreachable) throw nothing;
    throw error;
  } finally {
    await link.close();
  }
  process.stdout.write(act === 'pause' ? 'Paused: what happens is queued.\n' : 'Resumed.\n');
}
