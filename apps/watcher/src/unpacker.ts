/** Unpacks beside the remote's disk what a pair's worker has put there as one file. Only new files come of it. */
import { accessSync, constants, lstatSync } from 'node:fs';
import { OWN_FOLDER, type UnpackOutcome } from '@lazysync/event-model';
import { errnoOf, type Logger } from '@lazysync/ops';
import { type Listening, onAskedToUnpack, type RedisLink } from '@lazysync/queue';
import { createDiskFs, isSlot, packPath, unpack } from '@lazysync/replica';

export interface Unpacker {
  /** null: it can. Else one sentence. */
  whyNot(): string | null;
  serve(pair: string): Listening;
  /** Nothing more is begun; what was done so far is answered. */
  stop(): void;
  close(): void;
}

export interface UnpackerOptions {
  readonly root: string;
  readonly redis: RedisLink;
  /** Asked before each pack: null, or why nothing may be done in this root now. */
  readonly refuse: () => string | null;
  readonly log: Logger;
}

/** Files that it makes are this process's: they have to be whose they would be through the mount. */
function whyNotAs(owner: number, what: string): string | null {
  const me = process.geteuid?.() ?? owner;
  return me === owner ? null : `${what} belongs to the user ${owner}, and this process runs as ${me}`;
}

function orWhy(look: () => string | null): string | null {
  try {
    return look();
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    return `the stage folder can not be used (${code})`;
  }
}

export function createUnpacker({ root, redis, refuse, log }: UnpackerOptions): Unpacker {
  const stage = `${root}/${OWN_FOLDER}/stage`;
  const fs = createDiskFs({ root, mode: 'local' });
  const stopping = new AbortController();

  async function answer(slot: unknown): Promise<UnpackOutcome> {
    if (!isSlot(slot)) return { kind: 'refused', why: 'not the name of a pack' };
    const owned = (): string | null => {
      const pack = lstatSync(`${root}/${packPath(slot)}`, { throwIfNoEntry: false });
      return pack === undefined ? null : whyNotAs(pack.uid, 'the pack');
    };
    const why = refuse() ?? orWhy(owned);
    if (why !== null) return { kind: 'refused', why };
    const outcome = await unpack(fs, slot, () => Date.now(), stopping.signal);
    log.debug({ pack: slot, came: outcome.kind }, 'a pack was asked for');
    return outcome;
  }

  return {
    whyNot: () =>
      orWhy(() => {
        accessSync(stage, constants.W_OK | constants.X_OK);
        return whyNotAs(lstatSync(stage).uid, 'the stage folder');
      }),
    serve: (pair) =>
      onAskedToUnpack(redis, pair, answer, (err) => log.error({ pair, err }, 'a pack could not be unpacked')),
    stop: () => stopping.abort(),
    close: () => fs.close(),
  };
}
