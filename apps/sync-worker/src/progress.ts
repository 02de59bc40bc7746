/** How far a transfer is goes into the base for others to read, but not with every piece. */

/** ms between two notes of one transfer. */
const EVERY_MS = 500;

export function everySoOften(now: () => number): (slot: string) => boolean {
  const last = new Map<string, number>();
  return (slot) => {
    if (now() - (last.get(slot) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return false;
    if (last.size > 1_000) last.clear();
    last.set(slot, now());
    return true;
  };
}
