/** What has been in the trash long enough, or is too much, is removed for good: asked of the lane now and then, like everything else. */
import { randomUUID } from 'node:crypto';
import { ROOT, type SyncEvent } from '@lazysync/event-model';

const FIRST_MS = 10 * 60_000;
const EVERY_MS = 6 * 3_600_000;

export interface TrashLimits {
  /** How long things stay, ms. */
  readonly keep: number;
  /** How much of each side stays, bytes. */
  readonly maxSize: number;
}

/** The answer ends it. */
export function keepTrashSmall(publish: (event: SyncEvent) => Promise<void>, limits: TrashLimits): () => void {
  if (!Number.isFinite(limits.keep) && !Number.isFinite(limits.maxSize)) return () => undefined;
  const ask = (): void => {
    const event = {
      kind: 'command',
      side: 'local',
      path: ROOT,
      id: randomUUID(),
      command: 'empty-trash',
      arg: `${Math.max(1, limits.keep)},${limits.maxSize}`,
    } as const;
    // Redis is away: the next round asks again.
    publish(event).catch(() => undefined);
  };
  const first = setTimeout(ask, FIRST_MS);
  const again = setInterval(ask, EVERY_MS);
  first.unref();
  again.unref();
  return () => {
    clearTimeout(first);
    clearInterval(again);
  };
}
