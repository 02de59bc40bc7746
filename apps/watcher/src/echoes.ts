/**
 * What the kernel tells of the worker's own stubs and folders: by the time it is quiet they are as their rows say, and a job
 * for each would find nothing to do.
 */
import type { BaseReader } from '@lazysync/base';
import type { ChangeEvent } from '@lazysync/event-model';
import { isAsRecorded } from '@lazysync/watch';

/** Those that may be news. `root`: LOCAL, absolute. */
export function newsAmong(
  events: readonly ChangeEvent[],
  root: string,
  base: Pick<BaseReader, 'get' | 'isProblem' | 'atOnce'>,
): readonly ChangeEvent[] {
  const isNews = ({ kind, side, path }: ChangeEvent): boolean => {
    if (side !== 'local' || kind === 'delete') return true;
    // ORDER: the row first. A row that is written after this look is no answer to what was seen here.
    const row = base.get(path);
    // What was a problem is looked into again when anything is heard of it.
    return !isAsRecorded(`${root}/${path}`, row) || base.isProblem(path);
  };
  return base.atOnce(() => events.filter(isNews));
}
