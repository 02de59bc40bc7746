/** Who takes part in serving pairs, and who has which, seen from outside. */
import type { Role } from './lane.ts';
import type { RedisLink } from './link.ts';
import { livingOf } from './member.ts';
import { fleetKey } from './names.ts';

export interface LeaseHolder {
  readonly pid: number;
  readonly host: string;
  readonly pairs: readonly string[];
}

const DEADLINE_MS = 2000;

/** Everybody who lives, those without a pair too. Rejects with RedisUnreachable after the deadline. */
export async function listLeases(
  redis: RedisLink,
  role: Role,
  deadlineMs = DEADLINE_MS,
): Promise<readonly LeaseHolder[]> {
  return await redis.within(deadlineMs, async (client) => {
    const [wishes, leases] = await Promise.all([
      client.hgetall(fleetKey('fleet', role, 'wishes')),
      client.hgetall(fleetKey('fleet', role, 'leases')),
    ]);
    const alive = await livingOf(client, Object.keys(wishes));
    return [...alive].map((id) => {
      const pairs = Object.entries(leases).filter(([, holder]) => holder === id);
      return { ...whoSays(wishes[id] ?? ''), pairs: pairs.map(([pair]) => pair) };
    });
  });
}

function whoSays(wish: string): { readonly pid: number; readonly host: string } {
  try {
    const { pid, host } = JSON.parse(wish) as Record<string, unknown>;
    return { pid: typeof pid === 'number' ? pid : 0, host: typeof host === 'string' ? host : '' };
  } catch {
    return { pid: 0, host: '' }; // not of this version
  }
}
