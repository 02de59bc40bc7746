/**
 * A question to the process that serves a pair, and its answer, beside the lane. The question is a key that lives as
 * long as its deadline, so nobody has to listen yet when it is asked; a message only wakes those who do.
 */
import { randomUUID } from 'node:crypto';
import { systemClock, withDeadline } from '@lazysync/ops';
import { type RedisLink, RedisUnreachable } from './link.ts';
import { pairKey } from './names.ts';

export interface Ask {
  readonly id: string;
  readonly body: unknown;
}

/** What came of a question: the answer as JSON gave it, or null when nobody answered in time or Redis is away. */
export async function ask(
  redis: RedisLink,
  pair: string,
  topic: string,
  body: unknown,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<unknown> {
  const id = randomUUID();
  const asks = pairKey(pair, 'ask', topic);
  const question = pairKey(pair, 'ask', topic, id);
  const answer = pairKey(pair, 'answer', topic, id);
  const end = performance.now() + deadlineMs;
  const left = (): number => Math.max(1, Math.ceil(end - performance.now()));
  const client = redis.commands;
  const send = (): Promise<unknown> =>
    client
      .multi()
      .set(question, JSON.stringify({ id, body }), 'PX', left())
      .sadd(asks, id)
      .expire(asks, 86_400)
      .publish(asks, id)
      .exec();
  try {
    for (let waitMs = 10, sent = false; ; waitMs = Math.min(waitMs * 2, 100)) {
      try {
        if (!sent) await redis.within(left(), send);
        sent = true;
        const text = await redis.within(left(), () => client.get(answer));
        if (text !== null) return JSON.parse(text) as unknown;
      } catch (error) {
        // A connection that broke off comes back: the same question is asked again.
        if (!(error instanceof RedisUnreachable)) throw error;
      }
      if (performance.now() >= end || signal?.aborted === true || redis.closed) return null;
      await systemClock.sleep(Math.min(waitMs, left()), signal);
    }
  } finally {
    // Not waited for: both keys end by themselves.
    if (redis.up)
      client
        .multi()
        .del(question)
        .srem(asks, id)
        .del(answer)
        .exec()
        .then(
          () => undefined,
          () => undefined,
        );
  }
}

const ROUND_MS = 5000;

export interface Listening {
  /** Waits for the answer that is being worked on, at most 2 s. */
  close(): Promise<void>;
}

/**
 * Answers questions of a topic: `answer` gets all that wait and its result goes to each of them; a question that comes
 * while it works is answered by the next round. Only one process per pair and topic should listen.
 */
export function onAsk(
  redis: RedisLink,
  pair: string,
  topic: string,
  answer: (asks: readonly Ask[]) => Promise<ReadonlyMap<string, unknown>>,
  report: (error: Error) => void,
): Listening {
  const asks = pairKey(pair, 'ask', topic);
  const answered = new Set<string>();
  let closed = false;
  let wanted = false;
  let working: Promise<void> | null = null;

  const round = async (): Promise<void> => {
    const open = await redis.within(ROUND_MS, async (client) => {
      const ids = (await client.smembers(asks)).filter((id) => !answered.has(id));
      if (ids.length === 0) return [];
      const texts = await client.mget(ids.map((id) => pairKey(pair, 'ask', topic, id)));
      const gone = ids.filter((_, index) => texts[index] === null);
      if (gone.length > 0) await client.srem(asks, ...gone);
      return texts.map(parseAsk).filter((one) => one !== null);
    });
    if (open.length === 0) return;
    const answers = await answer(open);
    const put = redis.commands.multi();
    for (const { id } of open) {
      remember(answered, id);
      const key = pairKey(pair, 'answer', topic, id);
      put
        .set(key, JSON.stringify(answers.get(id) ?? null), 'EX', 60)
        .srem(asks, id)
        .del(pairKey(pair, 'ask', topic, id));
    }
    await redis.within(ROUND_MS, () => put.exec());
  };

  const wake = (): void => {
    wanted = true;
    if (closed || working !== null) return;
    working = (async () => {
      while (wanted && !closed) {
        wanted = false;
        try {
          await round();
        } catch (error) {
          if (redis.up) report(error instanceof Error ? error : new Error(String(error)));
        }
      }
    })().finally(() => {
      working = null;
      if (wanted && !closed) wake();
    });
  };
  const unsubscribe = redis.subscribe(asks, wake, wake);

  return {
    close: async () => {
      closed = true;
      unsubscribe();
      if (working === null) return;
      try {
        await withDeadline(working, 2000, 'answering');
      } catch {
        return; // whoever looks was told to stop by its owner
      }
    },
  };
}

function remember(answered: Set<string>, id: string): void {
  answered.add(id);
  if (answered.size > 1000)
    for (const oldest of answered) {
      answered.delete(oldest);
      break;
    }
}

function parseAsk(text: string | null): Ask | null {
  if (text === null) return null;
  try {
    const { id, body } = JSON.parse(text) as Record<string, unknown>;
    return typeof id === 'string' ? { id, body } : null;
  } catch {
    return null; // not of this version
  }
}
