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

export function createIgnore(
  patterns: readonly string[],
  defaults: readonly string[] = DEFAULT_IGNORED,
): (path: RelPath, directory: boolean) => boolean {
  const rules = ignore({ allowRelativePaths: true }).add([...defaults, ...patterns]);
  return (path, directory) => path !== '' && (isOwn(path) || rules.ignores(directory ? `${path}/` : path));
}
