/**
 * What the kernel tells of the worker's own stubs and folders: by the time it is quiet they are as their rows say, and a job
 * for each would find nothing to do.
 */
import type { BaseReader } from '@lazysync/base';
import type { ChangeEvent, RelPath } from '@lazysync/event-model';
import { isThatFolder, isThatStub } from '@lazysync/watch';

/** Those that may be news. `root`: LOCAL, absolute. */
export function newsAmong(
  events: readonly ChangeEvent[],
  root: string,
  base: Pick<BaseReader, 'get' | 'stub' | 'isProblem' | 'hasProblems' | 'atOnce'>,
): readonly ChangeEvent[] {
  const isKnown = (path: RelPath): boolean => {
    // ORDER: the row first. A row that is written after this look is no answer to what was seen here.
    const link = base.stub(path);
    if (link !== null) return isThatStub(`${root}/${path}`, link);
    const row = base.get(path);
    return row?.kind === 'directory' && isThatFolder(`${root}/${path}`, row);
  };
  return base.atOnce(() => {
    // What was a problem is looked into again when anything is heard of it.
    const problems = base.hasProblems();
    return events.filter(
      ({ kind, side, path }) =>
        side !== 'local' || kind === 'delete' || !isKnown(path) || (problems && base.isProblem(path)),
    );
  });
}
