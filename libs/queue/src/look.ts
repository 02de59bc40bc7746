/** Asks a pair's watcher to look at both sides again, for `wait` and `sync`. */
import { ask, type Listening, onAsk } from './ask.ts';
import type { LookAnswer, LookRequest } from './lane.ts';
import type { RedisLink } from './link.ts';

const TOPIC = 'look';

/** null: no watcher answered within the deadline, or Redis is away. */
export async function requestLook(
  redis: RedisLink,
  pair: string,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<LookAnswer | null> {
  const raw = await ask(redis, pair, TOPIC, null, deadlineMs, signal);
  if (typeof raw !== 'object' || raw === null) return null;
  const { id, published, problem } = raw as Record<string, unknown>;
  if (typeof id !== 'string' || typeof published !== 'number') return null;
  return { id, published, problem: typeof problem === 'string' ? problem : null };
}

/**
 * `look` runs after the request was made, one run at a time; requests that wait together share one run. What it throws
 * becomes the answer's `problem`.
 */
export function onLookRequest(
  redis: RedisLink,
  pair: string,
  look: (request: LookRequest) => Promise<Omit<LookAnswer, 'id'>>,
  report: (error: Error) => void = () => undefined,
): Listening {
  return onAsk(
    redis,
    pair,
    TOPIC,
    async (asks) => {
      const { published, problem } = await lookSafely(look, asks[0]?.id ?? '', report);
      return new Map(asks.map(({ id }): [string, LookAnswer] => [id, { id, published, problem }]));
    },
    report,
  );
}

async function lookSafely(
  look: (request: LookRequest) => Promise<Omit<LookAnswer, 'id'>>,
  id: string,
  report: (error: Error) => void,
): Promise<Omit<LookAnswer, 'id'>> {
  try {
    return await look({ id });
  } catch (error) {
    const known = error instanceof Error ? error : new Error(String(error));
    report(known);
    return { published: 0, problem: known.message };
  }
}
