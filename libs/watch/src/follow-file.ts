/** Tells when one file has other content, however an editor writes it: in place, or by putting another file there. */
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { errnoOf } from '@lazysync/ops';

export interface FollowedFile {
  close(): Promise<void>;
}

/** ms of quiet: an editor may empty a file before it writes it. */
const QUIET = 150;
/** ms between looks. */
const EVERY = 1_000;

/** `changed` is called after each change of the content; not for the content that is there now, or when the file is gone. */
export function followFile(file: string, changed: () => void): FollowedFile {
  let known = contentOf(file);
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const now = contentOf(file);
    if (now === null || now === known) return;
    known = now;
    changed();
  };
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(look, QUIET);
  };
  // By looking: a file that is bound into a container tells nothing of what is written to it outside.
  watchFile(file, { interval: EVERY }, soon);
  // RACE: written between the first look and the first watch.
  soon();
  return {
    close: async () => {
      clearTimeout(timer);
      unwatchFile(file, soon);
    },
  };
}

function contentOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return null; // gone for a moment, or for good: what it said stays valid
  }
}
