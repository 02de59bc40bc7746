/** Room is kept for what is under way. */
import type { Transfer } from '@lazysync/base';
import type { Problem } from '@lazysync/event-model';
import type { PairPorts } from './ports.ts';

/** For so many bytes beside those of the downloads that run, which are `underWay`. */
export async function isRoomFor(
  ports: Pick<PairPorts, 'freeBytes' | 'minFree'>,
  bytes: number,
  underWay: number,
): Promise<boolean> {
  return (await ports.freeBytes()) - underWay - bytes - ports.minFree >= 0;
}

/** `underWay`: bytes of all downloads that run, this one among them. null: there is room. */
export async function tooLarge(
  ports: Pick<PairPorts, 'freeBytes' | 'minFree'>,
  { path, remote, part }: Transfer,
  underWay: number,
): Promise<Problem | null> {
  const free = await ports.freeBytes();
  const here = part?.bytes ?? 0;
  const needed = remote.size - here;
  const room = free - Math.max(underWay - here, needed) - ports.minFree;
  if (room >= 0) return null;
  const message = `Not downloaded: ${needed} bytes are needed and ${ports.minFree} are to stay free in local, where ${free} are free.`;
  return { code: 'no-space', path, side: 'local', message };
}
