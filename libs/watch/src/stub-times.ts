/** The stubs' atimes, on a local disk: quick calls, made in place. */
import { lstatSync } from 'node:fs';
import { ARMED_ATIME_NS } from '@lazysync/event-model';
import { AT_FDCWD, errnoOf, setTimes } from '@lazysync/ops';
import type { StubTimes } from './access.ts';

/** `root`: LOCAL, absolute. */
export function stubTimesIn(root: string): StubTimes {
  return {
    atime(path) {
      try {
        const stat = lstatSync(`${root}/${path}`, { bigint: true, throwIfNoEntry: false });
        return stat?.isSymbolicLink() === true ? stat.atimeNs : null;
      } catch (error) {
        if (errnoOf(error) === null) throw error;
        return null;
      }
    },
    arm(path) {
      // Gone, or somebody else's (EPERM): then it stays as it is, and the next open counts without need.
      setTimes(AT_FDCWD, `${root}/${path}`, { atimeNs: ARMED_ATIME_NS });
    },
  };
}
