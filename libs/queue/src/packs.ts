/** Asks for a pack to be unpacked beside the remote's disk, and answers there. Only names travel: the content lies in the remote. */
import { decodeUnpack, encodeUnpack, type UnpackOutcome } from '@lazysync/event-model';
import { ask, type Listening, onAsk } from './ask.ts';
import type { RedisLink } from './link.ts';
import { isServed, listPresence } from './presence.ts';

const TOPIC = 'unpack';

/** Does somebody beside the remote's disk unpack? Rejects with RedisUnreachable after the deadline. */
export async function unpacks(redis: RedisLink, pair: string): Promise<boolean> {
  if (!(await isServed(redis, pair))) return false;
  return (await listPresence(redis, pair, 'server-watcher')).some(({ packs }) => packs === true);
}

/** null: nobody has answered in time, and whether anything was done is not known. */
export async function askToUnpack(
  redis: RedisLink,
  pair: string,
  slot: string,
  deadlineMs: number,
): Promise<UnpackOutcome | null> {
  return decodeUnpack(await ask(redis, pair, TOPIC, slot, deadlineMs));
}

/** `unpack` gets whatever was asked for: not trusted. */
export function onAskedToUnpack(
  redis: RedisLink,
  pair: string,
  unpack: (slot: unknown) => Promise<UnpackOutcome>,
  report: (error: Error) => void,
): Listening {
  return onAsk(
    redis,
    pair,
    TOPIC,
    async (asks) => {
      const answers = new Map<string, unknown>();
      for (const { id, body } of asks) answers.set(id, encodeUnpack(await unpack(body)));
      return answers;
    },
    report,
  );
}
