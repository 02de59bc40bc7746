/** The stubs' atimes, on a local disk: quick calls, made in place. */
import { constants } from 'node:fs';
import { ARMED_ATIME_NS } from '@lazysync/event-model';
import { AT_FDCWD, decodeStatx, STATX_BYTES, setTimes, statName } from '@lazysync/ops';
import type { StubTimes } from './access.ts';

/** `root`: LOCAL, absolute. */
export function stubTimesIn(root: string): StubTimes {
  const buffer = Buffer.alloc(STATX_BYTES);
  return {
    atime(path) {
      if (statName(AT_FDCWD, `${root}/${path}`, buffer) !== null) return null;
      const { mode, atimeNs } = decodeStatx(buffer);
      return (mode & constants.S_IFMT) === constants.S_IFLNK ? atimeNs : null;
    },
    arm(path) {
      // Gone, or somebody else's (EPERM): then it stays as it is, and the next open counts without need.
      setTimes(AT_FDCWD, `${root}/${path}`, { atimeNs: ARMED_ATIME_NS });
    },
  };
}
