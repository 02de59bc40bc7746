/** How fine the remote's times are. */
import type { PairPorts } from './ports.ts';

/** ns; null: not found out yet, so what the mount will show of a time that was seen or set behind it can not be told. */
export function timeStep({ base }: Pick<PairPorts, 'base'>): bigint | null {
  const { mtimeStepNs } = JSON.parse(base.meta('probe-remote') ?? '{}') as { mtimeStepNs?: unknown };
  return typeof mtimeStepNs === 'string' && /^[1-9]\d*$/.test(mtimeStepNs) ? BigInt(mtimeStepNs) : null;
}
