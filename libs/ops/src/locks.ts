/** Who only asks must not take a lock for the moment of asking: whoever takes it for good at that moment would be refused. */
import { readFileSync, statSync } from 'node:fs';
import { errnoOf } from './errno.ts';

/** Does any process hold a flock on this file? */
export function isFlocked(file: string): boolean {
  try {
    const ino = statSync(file, { throwIfNoEntry: false })?.ino;
    if (ino === undefined) return false;
    // Such as `1: FLOCK  ADVISORY  WRITE 3519 fe:00:1966 0 EOF`; who waits for one is told with `->`.
    return readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .some((line) => !line.includes('->') && line.includes(' FLOCK ') && line.includes(`:${ino} `));
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return false; // not ours to look at
  }
}
