/**
 * Packs and unpacks beside the remote's disk, as a pair's worker asks: of what it has put there as one file come new files
 * only, and what it wants to read comes as one file.
 */
import { accessSync, constants, lstatSync } from 'node:fs';
import { OWN_FOLDER, type PackAnswer, type PackRequest, type UnpackOutcome } from '@lazysync/event-model';
import { errnoOf, type Logger } from '@lazysync/ops';
import { type Listening, onAskedForPacks, type RedisLink } from '@lazysync/queue';
import { createDiskFs, isSlot, PACK_FILES, packFiles, packPath, unpack } from '@lazysync/replica';

export interface PackServer {
  /** null: it can. Else one sentence. */
  whyNot(): string | null;
  serve(pair: string): Listening;
  /** Nothing more is begun; what was done so far is answered. */
  stop(): void;
  close(): void;
}

export interface PackServerOptions {
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

export function createPackServer({ root, redis, refuse, log }: PackServerOptions): PackServer {
  const stage = `${root}/${OWN_FOLDER}/stage`;
  const fs = createDiskFs({ root, mode: 'local' });
  const stopping = new AbortController();

  async function unpackHere(slot: string): Promise<UnpackOutcome> {
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

  async function packHere(request: PackRequest): Promise<PackAnswer> {
    const { slot, files } = request;
    if (!isSlot(slot) || files.length > PACK_FILES || !files.every((file) => isSlot(file.slot)))
      return { kind: 'refused', why: 'not the names of a pack' };
    const why = refuse();
    if (why !== null) return { kind: 'refused', why };
    const answer = await packFiles(fs, request);
    log.debug({ pack: slot, files: files.length, came: answer.kind }, 'a pack was wanted');
    return answer;
  }

  return {
    whyNot: () =>
      orWhy(() => {
        accessSync(stage, constants.W_OK | constants.X_OK);
        return whyNotAs(lstatSync(stage).uid, 'the stage folder');
      }),
    serve: (pair) =>
      onAskedForPacks(redis, pair, { unpack: unpackHere, pack: packHere }, (err) =>
        log.error({ pair, err }, 'a pack came to nothing'),
      ),
    stop: () => stopping.abort(),
    close: () => fs.close(),
  };
}
