/** What was found out of the remote's mount: how fine its times are, how long it answers out of its memory. */
import type { PairPorts } from './ports.ts';

/** ns; null: not found out yet, so what the mount will show of a time that was seen or set behind it can not be told. */
export function timeStep({ base }: Pick<PairPorts, 'base'>): bigint | null {
  const { mtimeStepNs } = JSON.parse(base.meta('probe-remote') ?? '{}') as { mtimeStepNs?: unknown };
  return typeof mtimeStepNs === 'string' && /^[1-9]\d*$/.test(mtimeStepNs) ? BigInt(mtimeStepNs) : null;
}

/** ms for which a listing may be out of date; null: not found out yet. */
export function listingCacheMs({ base }: Pick<PairPorts, 'base'>): number | null {
  const { listingCacheMs: ms } = JSON.parse(base.meta('probe-remote') ?? '{}') as { listingCacheMs?: unknown };
  return typeof ms === 'number' ? ms : null;
}
