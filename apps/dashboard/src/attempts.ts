/** How often somebody may be wrong about the token: guessing must not pay, and a typing error must not lock out. */

export interface Attempts {
  /** ms until this address may try again; 0: now. */
  waitMs(address: string): number;
  failed(address: string): void;
}

export interface AttemptLimits {
  /** Wrong tries of one address within `withinMs`. */
  readonly each: number;
  /** Wrong tries of all addresses together. */
  readonly all: number;
  readonly withinMs: number;
}

export const LIMITS: AttemptLimits = { each: 10, all: 200, withinMs: 60_000 };
/** Addresses that are remembered. */
const MOST = 1000;

export function createAttempts(limits: AttemptLimits, now: () => number): Attempts {
  const failures = new Map<string, number[]>();
  let everybody: number[] = [];
  const recent = (times: readonly number[]): number[] => times.filter((at) => now() - at < limits.withinMs);
  const waitFor = (times: readonly number[], most: number): number => {
    const since = times.at(-most);
    return times.length < most || since === undefined ? 0 : Math.max(0, since + limits.withinMs - now());
  };
  return {
    waitMs: (address) =>
      Math.max(waitFor(recent(failures.get(address) ?? []), limits.each), waitFor(recent(everybody), limits.all)),
    failed: (address) => {
      const times = recent(failures.get(address) ?? []);
      failures.delete(address);
      failures.set(address, [...times, now()].slice(-limits.each));
      everybody = [...recent(everybody), now()].slice(-limits.all);
      for (const oldest of failures.keys()) {
        if (failures.size <= MOST) break;
        failures.delete(oldest);
      }
    },
  };
}
