/**
 * The listings of a first mirror come from a process of their own, which has begun to walk the remote while everything else
 * was still being loaded: through a pipe, each with its length before it. What it does not bring is asked for as ever.
 */
import { deserialize, serialize } from 'node:v8';
import type { RelPath } from '@lazysync/event-model';
import type { Listing, Replica } from '@lazysync/replica';

/** What was walked; told first. */
export interface WalkedTree {
  readonly remoteRoot: string;
  readonly anchors: readonly string[];
}

const LENGTH = 4;

export function frameOf(value: WalkedTree | Listing): Buffer {
  const body = serialize(value);
  const head = Buffer.alloc(LENGTH);
  head.writeUInt32LE(body.length);
  return Buffer.concat([head, body]);
}

/** Cuts what comes into what was sent. */
export function createFrameReader(heard: (value: unknown) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let have = 0;
  let wanted = LENGTH;
  return (chunk) => {
    chunks.push(chunk);
    have += chunk.length;
    if (have < wanted) return;
    let all = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    while (all.length >= LENGTH && all.length >= LENGTH + all.readUInt32LE()) {
      const end = LENGTH + all.readUInt32LE();
      heard(deserialize(all.subarray(LENGTH, end)));
      all = all.subarray(end);
    }
    chunks = [all];
    have = all.length;
    wanted = all.length < LENGTH ? LENGTH : LENGTH + all.readUInt32LE();
  };
}

/** The pipe. */
export interface HeadStartSource {
  on(event: 'data', hear: (chunk: Buffer) => void): unknown;
  on(event: 'close', hear: () => void): unknown;
  on(event: 'error', hear: (error: Error) => void): unknown;
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
}

export interface HeadStart extends Pick<Replica, 'list'> {
  /** What is not there yet will not come. */
  stop(): void;
}

export interface HeadStartOptions {
  readonly source: HeadStartSource;
  readonly expected: WalkedTree;
  /** Lists what the head start does not bring. */
  readonly replica: Pick<Replica, 'list'>;
  /** Nothing came for so long, ms, though somebody waits: nothing will. */
  readonly silentMs?: number;
  /** Names that may be held for nobody yet; above it nothing is read until somebody waits. */
  readonly most?: number;
}

const SILENT = 5_000;
const MOST = 100_000;

function namesIn(listing: Listing): number {
  return listing.kind === 'listing' ? listing.names.length : 0;
}

export function createHeadStart(options: HeadStartOptions): HeadStart {
  const { source, expected, replica, silentMs = SILENT, most = MOST } = options;
  const here = new Map<RelPath, Listing>();
  const waiting = new Map<RelPath, (listing: Listing | null) => void>();
  let held = 0;
  let begun = false;
  let over = false;
  let silence: NodeJS.Timeout | undefined;

  const stop = (): void => {
    if (over) return;
    over = true;
    clearTimeout(silence);
    source.destroy();
    for (const answer of waiting.values()) answer(null);
    waiting.clear();
  };

  const watchSilence = (): void => {
    clearTimeout(silence);
    if (waiting.size > 0 && !over) silence = setTimeout(stop, silentMs);
  };

  const begin = (tree: WalkedTree): void => {
    begun = true;
    const same =
      tree.remoteRoot === expected.remoteRoot &&
      tree.anchors.length === expected.anchors.length &&
      tree.anchors.every((one, at) => one === expected.anchors[at]);
    if (!same) stop();
  };

  const heard = (value: unknown): void => {
    if (over) return;
    if (!begun) {
      begin(value as WalkedTree);
      return;
    }
    const listing = value as Listing;
    const answer = waiting.get(listing.path);
    waiting.delete(listing.path);
    watchSilence();
    if (answer !== undefined) {
      answer(listing);
      return;
    }
    here.set(listing.path, listing);
    held += namesIn(listing);
    if (held > most && waiting.size === 0) source.pause();
  };

  source.on('data', createFrameReader(heard));
  source.on('close', stop);
  source.on('error', stop);

  const bring = async (path: RelPath): Promise<Listing | null> => {
    const listing = here.get(path);
    if (listing !== undefined) {
      here.delete(path);
      held -= namesIn(listing);
      return listing;
    }
    if (over) return null;
    source.resume();
    return await new Promise((resolve) => {
      waiting.set(path, resolve);
      watchSilence();
    });
  };

  return {
    stop() {
      stop();
      here.clear();
    },
    async list(queries) {
      const brought = await Promise.all(queries.map(({ path }) => bring(path)));
      const missing = queries.filter((_query, at) => brought[at] === null);
      const listed = missing.length === 0 ? [] : await replica.list(missing);
      let next = 0;
      return brought.map((one) => one ?? (listed[next++] as Listing));
    },
  };
}
