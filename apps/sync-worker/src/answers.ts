/** Questions that are answered beside the lane, because they change no tree: decisions, the plan, why, what the trash holds. */
import { parseRelPath } from '@lazysync/event-model';
import { type Ask, onAsk, type RedisLink } from '@lazysync/queue';
import { RemoteOffline } from '@lazysync/replica';
import { type Planned, planBelow, planOne } from './dry-run.ts';
import type { PairPorts } from './ports.ts';
import { listTrash } from './trash.ts';
import type { WorkingPair } from './work-pair.ts';

/** More is not shown to anybody. */
const MOST = 10_000;

function pathIn(body: unknown): ReturnType<typeof parseRelPath> {
  return typeof body === 'object' && body !== null && 'path' in body ? parseRelPath(body.path) : null;
}

type Answer = (body: unknown) => Promise<unknown>;

export function answerQuestions(redis: RedisLink, ports: PairPorts, working: WorkingPair): { close(): Promise<void> } {
  const topics: Readonly<Record<string, Answer>> = {
    decide: async (body) => working.decide(body === 'approve' ? 'approve' : 'reject'),
    plan: async (body) => {
      const path = pathIn(body);
      if (path === null) return { problem: 'no path' };
      const all: Planned[] = [];
      await planBelow(ports, path, (one) => {
        if (all.length < MOST) all.push(one);
      });
      return { planned: all };
    },
    why: async (body) => {
      const path = pathIn(body);
      if (path === null || path === '') return { problem: 'no path' };
      return { planned: await planOne(ports, path), acts: ports.base.acts({ path, limit: 20 }) };
    },
    trash: async () => ({ items: await listTrash(ports, MOST) }),
  };
  const answered = async (answer: Answer, ask: Ask): Promise<readonly [string, unknown]> => {
    try {
      return [ask.id, await answer(ask.body)];
    } catch (error) {
      if (error instanceof RemoteOffline) return [ask.id, { problem: 'The remote does not answer.' }];
      throw error;
    }
  };
  const listening = Object.entries(topics).map(([topic, answer]) =>
    onAsk(
      redis,
      ports.pair,
      topic,
      async (asks) => new Map(await Promise.all(asks.map((ask) => answered(answer, ask)))),
      (error) => ports.log('error', 'a question could not be answered', { err: error, topic }),
    ),
  );
  return {
    close: async () => {
      await Promise.all(listening.map((one) => one.close()));
    },
  };
}
