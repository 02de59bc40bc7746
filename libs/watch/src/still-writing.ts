/** Asks the kernel whether somebody has a local file open for writing. */
import { closeSync, constants, lstatSync, openSync } from 'node:fs';
import type { RelPath } from '@lazysync/event-model';
import { errnoOf, writersOf } from '@lazysync/ops';

/** `root`: LOCAL, absolute. Where the kernel does not tell, the careful answer: somebody has. */
export function stillWritingIn(root: string): (path: RelPath) => boolean {
  return (path) => {
    const file = `${root}/${path}`;
    try {
      // Opening a pipe would wait for its other end.
      if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return false;
      const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        return writersOf(fd) !== 'no';
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === null) throw error;
      return errno !== 'ENOENT' && errno !== 'ELOOP' && errno !== 'ENOTDIR';
    }
  };
}
