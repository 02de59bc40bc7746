/** When an opened stub becomes a copy: the pair's policy, and what is pinned. */
import type { RelPath } from '@lazysync/event-model';
import { createIgnore } from '@lazysync/replica';
import type { PrefetchPolicy } from './prefetch.ts';

export interface HydrationPolicy {
  readonly on: 'open' | 'close' | 'never' | 'always';
  /** Bytes. */
  readonly maxSize: number;
  /** Left out: nothing is fetched ahead. */
  readonly prefetch?: PrefetchPolicy;
}

export interface Hydration {
  /** Is an opened stub of this size (bytes) to be downloaded? */
  wanted(path: RelPath, size: number): boolean;
  /** Without having been opened: always by policy, or by a pin. */
  always(path: RelPath, size: number): boolean;
  pinned(path: RelPath): boolean;
}

/** `pins` are gitignore patterns, asked for each time: they change while we run. */
export function createHydration(policy: HydrationPolicy, pins: () => readonly string[]): Hydration {
  let known = '';
  let matches: (path: RelPath, directory: boolean) => boolean = () => false;
  const pinned = (path: RelPath): boolean => {
    const now = pins();
    if (now.length === 0) return false;
    if (now.join('\n') !== known) {
      known = now.join('\n');
      matches = createIgnore(now, []);
    }
    return matches(path, false);
  };
  return {
    pinned,
    wanted: (path, size) => pinned(path) || (policy.on !== 'never' && size <= policy.maxSize),
    always: (path, size) => pinned(path) || (policy.on === 'always' && size <= policy.maxSize),
  };
}
