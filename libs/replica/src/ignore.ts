/** What is never synced: gitignore syntax, plus what editors, file servers and desktops leave lying about. */
import { isOwn, type RelPath } from '@lazysync/event-model';
import ignore from 'ignore';

export const DEFAULT_IGNORED: readonly string[] = [
  '.lazysync-*.part',
  '.nfs*',
  '.fuse_hidden*',
  '~$*',
  '.~lock*',
  '*.swp',
  '4913',
  '.goutputstream-*',
  '.Trash-*',
];

/** The library keeps the answer for each path that it was ever asked for: after so many it is asked anew. */
const MOST_KEPT = 20_000;

export function createIgnore(
  patterns: readonly string[],
  defaults: readonly string[] = DEFAULT_IGNORED,
): (path: RelPath, directory: boolean) => boolean {
  const make = () => ignore({ allowRelativePaths: true }).add([...defaults, ...patterns]);
  let rules = make();
  let asked = 0;
  return (path, directory) => {
    if (path === '') return false;
    if (isOwn(path)) return true;
    if (++asked > MOST_KEPT) {
      rules = make();
      asked = 1;
    }
    return rules.ignores(directory ? `${path}/` : path);
  };
}
