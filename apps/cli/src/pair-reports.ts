/** What can be said of pairs right now, with nothing running too: always within a second, never through the remote. */
import net from 'node:net';
import { pairStateDir, type RedisPlace } from '@lazysync/config';
import type { LaneView, PairReport } from '@lazysync/status';
import { notAtRest } from './exit.ts';
import type { KnownPair } from './find-pairs.ts';
import { redisText } from './places.ts';

const DEADLINE_MS = 450;

export async function readReports(pairs: readonly KnownPair[]): Promise<readonly PairReport[]> {
  const { openStatus } = await import('@lazysync/status');
  const groups = new Map<string, KnownPair[]>();
  for (const pair of pairs) {
    const key = `${pair.state}\0${pair.redis === null ? '' : redisText(pair.redis)}`;
    groups.set(key, [...(groups.get(key) ?? []), pair]);
  }
  const found = new Map<KnownPair, PairReport>();
  await Promise.all(
    [...groups.values()].map(async (group) => {
      const [first] = group;
      if (first === undefined) return;
      const link = first.redis === null ? null : await openLanes(first.redis);
      const status = openStatus({
        pairs: group.map(({ id, local, remote, state }) => ({ id, local, remote, state: pairStateDir(state, id) })),
        lanes: link?.lanes ?? null,
        deadlineMs: DEADLINE_MS,
      });
      try {
        const reports = await status.read();
        for (const [index, report] of reports.entries()) found.set(group[index] as KnownPair, report);
      } finally {
        status.close();
        await link?.close();
      }
    }),
  );
  return pairs.map((pair) => found.get(pair)).filter((report) => report !== undefined);
}

/** What is asked of a halted pair would be waited for in vain. */
export function refuseHalted({ status: { id, state }, why }: PairReport): void {
  if (state === 'halted')
    throw notAtRest(`The pair ${id} is halted${why === null ? '.' : `: ${why.replace(/\.$/, '')}.`}`);
}

interface Lanes {
  readonly lanes: LaneView;
  close(): Promise<void>;
}

/** null: Redis does not answer. */
async function openLanes(redis: RedisPlace): Promise<Lanes | null> {
  if (redis.kind === 'socket' && !(await listens(redis.path))) return null;
  const { laneView, openRedis, ping } = await import('@lazysync/queue/view');
  if (redis.kind === 'url' && (await ping(redis, DEADLINE_MS)).kind === 'unreachable') return null;
  const link = openRedis(redis, { name: 'lazysync-cli' });
  return { lanes: laneView(link), close: () => link.close() };
}

/** Cheaper than loading a Redis client in order to learn that nothing runs. */
function listens(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = net.connect(socket);
    const end = (answer: boolean): void => {
      connection.destroy();
      resolve(answer);
    };
    connection.setTimeout(DEADLINE_MS, () => end(false));
    connection.once('connect', () => end(true));
    connection.once('error', () => end(false));
  });
}
