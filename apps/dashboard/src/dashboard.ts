/** Puts the dashboard together: Redis, the bases, the pages. */
import { ping, type RedisAddress } from '@lazysync/queue';
import type { StatusPair } from '@lazysync/status';
import type { Open } from './access.ts';
import { STEP_MS } from './history.ts';
import { DEADLINE_MS, openPairs, type Pairs } from './pairs.ts';
import { servePassed } from './serve-passed.ts';
import { createServer } from './server.ts';

export interface DashboardOptions {
  readonly pairs: readonly StatusPair[];
  readonly redis: RedisAddress;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The parent listens there, and passes its connections on. */
  readonly passed?: boolean;
  readonly access: Open;
  readonly log: { error(fields: object, message: string): void; warn(fields: object, message: string): void };
}

export interface Dashboard {
  readonly port: number;
  /** From now on these. */
  serve(pairs: readonly StatusPair[]): void;
  isHealthy(): boolean;
  close(): Promise<void>;
}

const EVERY_MS = 1000;

/** Rejects when the port can not be had. */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { log } = options;
  const pairs = openPairs(options);
  const stopSampling = keepSampling(pairs, (error) => log.error({ err: error }, 'the pairs could not be looked at'));
  const close = async (): Promise<void> => {
    stopSampling();
    await pairs.close();
  };
  try {
    const server = await createServer({
      access: options.access,
      pairs,
      ping: async () => (await ping(options.redis, DEADLINE_MS)).kind === 'ok',
      everyMs: EVERY_MS,
      error: (error) => log.error({ err: error }, 'a request could not be answered'),
    });
    let endPassed: (() => void) | null = null;
    if (options.passed === true) {
      await server.ready();
      endPassed = servePassed(server.server);
    } else await server.listen({ host: options.host, port: options.port });
    const address = server.server.address();
    return {
      port: typeof address === 'object' && address !== null ? address.port : options.port,
      serve: (others) => pairs.serve(others),
      isHealthy: () => (server.server.listening || endPassed !== null) && pairs.redisUp,
      close: async () => {
        await server.close();
        endPassed?.();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** So many times as long as a look took is waited before the next, but not longer than this for each pair. */
const REST = 100;
const PAUSE_PER_PAIR_MS = 60;

/** Once a step; with very many pairs less often, so that looking stays a small part of the time. */
function keepSampling(pairs: Pairs, failed: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;
  const look = (): void => {
    const begun = performance.now();
    pairs
      .sample()
      .catch((error: unknown) => {
        if (!stopped) failed(error);
      })
      .finally(() => {
        const took = performance.now() - begun;
        // One look that had to wait, at the start say, must not put the next one off for minutes.
        const longest = STEP_MS / 2 + PAUSE_PER_PAIR_MS * pairs.ids.length;
        if (!stopped) timer = setTimeout(look, Math.min(Math.max(STEP_MS / 2, REST * took), longest));
      });
  };
  look();
  return () => {
    stopped = true;
    if (timer !== null) clearTimeout(timer);
  };
}
