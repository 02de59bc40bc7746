/** Puts the dashboard together: Redis, the bases, the pages. */
import { setTimeout as pause } from 'node:timers/promises';
import { withDeadline } from '@lazysync/ops';
import { type LaneQueues, laneQueues, laneView, openRedis, ping, type RedisAddress } from '@lazysync/queue';
import { openStatus, type PairReport, type StatusPair } from '@lazysync/status';
import type { Access } from './access.ts';
import { lanePath } from './board.ts';
import type { Action, PairView } from './overview.ts';
import { outcomesOf } from './readable-job.ts';
import { createServer } from './server.ts';

export interface DashboardOptions {
  readonly pairs: readonly StatusPair[];
  readonly redis: RedisAddress;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly access: Exclude<Access, { kind: 'refused' }>;
  readonly log: { error(fields: object, message: string): void; warn(fields: object, message: string): void };
}

export interface Dashboard {
  readonly port: number;
  close(): Promise<void>;
}

/** Longest wait for an answer of Redis, ms: pages are shown without it. */
const DEADLINE_MS = 700;
const EVERY_MS = 1000;
const LATEST = 8;

/** Rejects when the port can not be had. */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { pairs, log } = options;
  const redis = openRedis(options.redis, {
    name: 'lazysync-dashboard',
    state: (state, why) => {
      if (state === 'down') log.warn({}, why ?? 'Redis does not answer.');
    },
  });
  const lanes = laneQueues(
    redis,
    pairs.map((pair) => pair.id),
  );
  const status = openStatus({
    pairs,
    lanes: laneView(redis),
    deadlineMs: DEADLINE_MS,
  });
  const close = async (): Promise<void> => {
    status.close();
    // Without Redis the queues wait for it: closing the link ends that.
    await Promise.race([lanes.close(), pause(200)]);
    await redis.close();
  };
  try {
    const server = await createServer({
      access: options.access,
      lanes: lanes.queues,
      reports: () => status.read(),
      views: async () => await Promise.all((await status.read()).map((report) => viewOf(report, lanes))),
      ping: async () => (await ping(options.redis, DEADLINE_MS)).kind === 'ok',
      everyMs: EVERY_MS,
      error: (error) => log.error({ err: error }, 'a request could not be answered'),
    });
    await server.listen({ host: options.host, port: options.port });
    const address = server.server.address();
    return {
      port: typeof address === 'object' && address !== null ? address.port : options.port,
      close: async () => {
        await server.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function viewOf(report: PairReport, { queues }: LaneQueues): Promise<PairView> {
  const { id, redis } = report.status;
  const queue = queues.find((one) => one.pair === id)?.queue;
  const asked = queue === undefined || redis === 'down' ? null : queue.getJobs(['completed'], 0, LATEST - 1);
  const jobs = asked === null ? null : await withDeadline(asked, DEADLINE_MS, 'the lane').catch(() => null);
  const latest = (jobs ?? []).map((job): Action => {
    const outcomes = outcomesOf(job.returnvalue);
    const first = outcomes[0]?.outcome ?? null;
    const more = outcomes.length - 1;
    return {
      id: job.id ?? '',
      at: job.finishedOn ?? job.timestamp,
      what: job.name,
      outcome: more > 0 ? `${first} (+${more})` : first,
    };
  });
  return { report, latest, lane: lanePath(id) };
}
