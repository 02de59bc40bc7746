/** The kernel's events on the remote's directories, as the endpoint tells them: looks like a hint source from outside. */
import type { RelPath } from '@lazysync/event-model';
import type { WatchEvent } from './endpoint-protocol.ts';

type Told<K extends WatchEvent['kind']> = Extract<WatchEvent, { kind: K }>;

export interface EndpointListener {
  onHint(hint: Told<'hint'>['hint']): void;
  onLost(lost: Told<'lost'>['lost']): void;
  onOpen?(path: RelPath): void;
  onWriting?(path: RelPath, writing: boolean): void;
  onListing?(path: RelPath, open: boolean): void;
  onMoved?(from: RelPath, to: RelPath): void;
}

export interface EndpointWatch {
  start(): Promise<void>;
  rewatch(
    paths: readonly RelPath[],
  ): Promise<{ readonly fresh: readonly RelPath[]; readonly unwatched: readonly RelPath[] }>;
  poll(): Promise<void>;
  stop(): Promise<void>;
}

export function tell(listener: EndpointListener, event: WatchEvent): void {
  switch (event.kind) {
    case 'hint':
      listener.onHint(event.hint);
      break;
    case 'open':
      listener.onOpen?.(event.path);
      break;
    case 'writing':
      listener.onWriting?.(event.path, event.writing);
      break;
    case 'listing':
      listener.onListing?.(event.path, event.open);
      break;
    case 'moved':
      listener.onMoved?.(event.from, event.to);
      break;
    case 'lost':
      listener.onLost(event.lost);
      break;
  }
}
