/** Runs the inotify source on the remote's directories and tells the parent what it hears, many events in one message. */
import type { RelPath } from '@lazysync/event-model';
import type { WatchEvent } from '@lazysync/replica';
import {
  createInotifySource,
  type HintListener,
  type HintSource,
  type InotifyHub,
  type Rewatched,
} from '@lazysync/watch/inotify';

export interface EventSender {
  start(): Promise<void>;
  rewatch(paths: readonly RelPath[]): Promise<Rewatched>;
  poll(): Promise<void>;
  stop(): Promise<void>;
}

export interface EventSenderOptions {
  readonly root: string;
  readonly mount: boolean;
  readonly hub: InotifyHub;
  readonly send: (events: readonly WatchEvent[]) => void;
}

/** Events in one message. */
const MOST = 2_000;

export function createEventSender({ root, mount, hub, send }: EventSenderOptions): EventSender {
  let source: HintSource | undefined;
  let starting: Promise<void> | undefined;
  let events: WatchEvent[] = [];
  let flushing: NodeJS.Immediate | undefined;

  const flush = (): void => {
    if (flushing !== undefined) clearImmediate(flushing);
    flushing = undefined;
    const all = events;
    events = [];
    for (let at = 0; at < all.length; at += MOST) send(all.slice(at, at + MOST));
  };
  const add = (event: WatchEvent): void => {
    events.push(event);
    flushing ??= setImmediate(flush);
  };
  const listener: HintListener = {
    onHint: (hint) => add({ kind: 'hint', hint }),
    onLost: (lost) => add({ kind: 'lost', lost }),
    onOpen: (path) => add({ kind: 'open', path }),
    onWriting: (path, writing) => add({ kind: 'writing', path, writing }),
    onListing: (path, open) => add({ kind: 'listing', path, open }),
    onMoved: (from, to) => add({ kind: 'moved', from, to }),
  };

  /** Started by whichever call comes first: after this process took another's place, that is `rewatch` or `poll`. */
  const running = async (): Promise<HintSource> => {
    if (source === undefined) {
      source = createInotifySource({ root, side: 'remote', mount, hub, listener });
      starting = source.start();
    }
    const started = source;
    await starting;
    return started;
  };

  return {
    async start() {
      await running();
    },
    async rewatch(paths) {
      return await (await running()).rewatch(paths);
    },
    async poll() {
      await (await running()).poll();
      // ORDER: what was heard goes out before the answer that says it has been.
      flush();
    },
    async stop() {
      const stopping = source;
      source = undefined;
      await stopping?.stop();
    },
  };
}
