/** A process at its pairs: those that leases give it are started, those that they take away are stopped and given back. */
import { isDeepStrictEqual } from 'node:util';
import { createKeeper, type Logger, type Scope } from '@lazysync/ops';
import type { Role } from './lane.ts';
import { openLeases } from './leases.ts';
import type { RedisLink } from './link.ts';

export interface ShiftOptions<T> {
  readonly redis: RedisLink;
  readonly role: Role;
  readonly who: { readonly pid: number; readonly host: string };
  /** Ids of pairs that are pinned to this process, or null: any. */
  readonly only: readonly string[] | null;
  readonly logger: Logger;
  /** Resolves when the pair is served. When it rejects it is tried again later. */
  readonly start: (id: string, pair: T, scope: Scope) => Promise<void>;
}

export interface Shift<T> {
  /** From now on these: what is new is taken, what has changed is started anew, what is gone is stopped. */
  serve(pairs: readonly T[]): void;
  /** It takes part, and serves something if it was given something. */
  isHealthy(): boolean;
  /** Stops them side by side, then gives the leases back. */
  close(): Promise<void>;
}

export function openShift<T extends { readonly id: string }>(options: ShiftOptions<T>): Shift<T> {
  const { redis, role, who, only, logger } = options;
  /** Also those that are gone from the configuration: they are stopped as soon as the lease has ended. */
  const known = new Map<string, T>();
  let mine: ReadonlySet<string> = new Set();
  const served = new Set<string>();

  const keeper = createKeeper<T>({
    logger,
    start: async (id, pair, scope) => {
      scope.own('what is said of it', () => {
        served.delete(id);
      });
      await options.start(id, pair, scope);
      served.add(id);
    },
    same: isDeepStrictEqual,
    stopped: (id) => leases.freed(id),
  });
  const keep = (): void => {
    const wishes = new Map<string, T>();
    for (const id of mine) {
      const pair = known.get(id);
      if (pair !== undefined) wishes.set(id, pair);
    }
    keeper.want(wishes);
  };
  const leases = openLeases({
    redis,
    role,
    who,
    changed: (pairs) => {
      logger.debug({ pairs: pairs.size }, 'serves');
      mine = pairs;
      keep();
    },
    error: (error) => logger.warn({ err: error }, 'could not agree with others on who serves which pair'),
  });

  return {
    serve(pairs) {
      for (const pair of pairs) known.set(pair.id, pair);
      const ids = pairs.map(({ id }) => id);
      leases.want(
        only === null ? { pairs: ids, pinned: false } : { pairs: ids.filter((id) => only.includes(id)), pinned: true },
      );
      keep();
    },
    isHealthy: () => redis.up && leases.takesPart() && (mine.size === 0 || served.size > 0),
    async close() {
      await keeper.close();
      await leases.close();
    },
  };
}
