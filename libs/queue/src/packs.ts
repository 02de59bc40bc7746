/** What is asked of whoever packs and unpacks beside the remote's disk. Only names travel: contents lie in the remote. */
import {
  decodePackAnswer,
  decodePackRequest,
  decodeUnpack,
  encodePackRequest,
  encodeUnpack,
  type PackAnswer,
  type PackRequest,
  type UnpackOutcome,
} from '@lazysync/event-model';
import { type Ask, ask, type Listening, onAsk } from './ask.ts';
import type { RedisLink } from './link.ts';
import { isServed, listPresence } from './presence.ts';

const UNPACK = 'unpack';
const PACK = 'pack';

/** Does somebody beside the remote's disk do it? Rejects with RedisUnreachable after the deadline. */
export async function packsThere(redis: RedisLink, pair: string): Promise<boolean> {
  if (!(await isServed(redis, pair))) return false;
  return (await listPresence(redis, pair, 'server-watcher')).some(({ packs }) => packs === true);
}

/** null: nobody has answered in time, and whether anything was done is not known. `signal`: nobody will. */
export async function askToUnpack(
  redis: RedisLink,
  pair: string,
  slot: string,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<UnpackOutcome | null> {
  return decodeUnpack(await ask(redis, pair, UNPACK, slot, deadlineMs, signal));
}

/** null: nobody has answered in time; a pack may come all the same. `signal`: nobody will. */
export async function askToPack(
  redis: RedisLink,
  pair: string,
  request: PackRequest,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<PackAnswer | null> {
  return decodePackAnswer(await ask(redis, pair, PACK, encodePackRequest(request), deadlineMs, signal));
}

/** Both get whatever was asked for. */
export interface PackHandlers {
  readonly unpack: (slot: string) => Promise<UnpackOutcome>;
  readonly pack: (request: PackRequest) => Promise<PackAnswer>;
}

const NOT_UNDERSTOOD = { kind: 'refused', why: 'not understood' } as const;

export function onAskedForPacks(
  redis: RedisLink,
  pair: string,
  { unpack, pack }: PackHandlers,
  report: (error: Error) => void,
): Listening {
  const each = async (asks: readonly Ask[], answer: (body: unknown) => Promise<unknown>) => {
    const answers = new Map<string, unknown>();
    for (const { id, body } of asks) answers.set(id, await answer(body));
    return answers;
  };
  const listening = [
    onAsk(
      redis,
      pair,
      UNPACK,
      (asks) =>
        each(asks, async (body) => encodeUnpack(typeof body === 'string' ? await unpack(body) : NOT_UNDERSTOOD)),
      report,
    ),
    onAsk(
      redis,
      pair,
      PACK,
      (asks) =>
        each(asks, async (body) => {
          const request = decodePackRequest(body);
          return request === null ? NOT_UNDERSTOOD : await pack(request);
        }),
      report,
    ),
  ];
  return {
    close: async () => {
      await Promise.all(listening.map((one) => one.close()));
    },
  };
}
