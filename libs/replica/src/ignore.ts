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

/**
 * gitignore(5): a pattern without a slash, but for one at its end, is matched against names at any depth. Where all are
 * such, the folders on the way need not be taken apart for each path: half of what a whole path costs.
 */
function isOfNames(pattern: string): boolean {
  return pattern.startsWith('#') || (!pattern.startsWith('!') && !/\/(?!\s*$)/.test(pattern));
}

/** What every name begins and ends with that a pattern can match, in capitals. */
interface Ends {
  readonly start: string;
  readonly end: string;
}

/** null: it matches by more than letters and `*`. */
function endsOf(pattern: string): Ends | null {
  const text = pattern.replace(/\/$/, '');
  if (!/^[\w.~$*-]+$/.test(text)) return null;
  const parts = text.toUpperCase().split('*');
  return { start: parts[0] as string, end: parts.at(-1) as string };
}

/**
 * False: no pattern matches this name, whatever case is taken for the same. Hardly any name looks like one of those that are
 * never synced, and the library takes ten times as long to say so.
 */
function createDoubt(patterns: readonly string[]): (name: string) => boolean {
  const said = patterns.filter((pattern) => !pattern.startsWith('#') && pattern.trim() !== '').map(endsOf);
  const known = said.filter((one) => one !== null);
  if (known.length < said.length) return () => true;
  return (name) => {
    const letters = name.toUpperCase();
    for (const { start, end } of known) if (letters.startsWith(start) && letters.endsWith(end)) return true;
    return false;
  };
}

export function createIgnore(
  patterns: readonly string[],
  defaults: readonly string[] = DEFAULT_IGNORED,
): (path: RelPath, directory: boolean) => boolean {
  const all = [...defaults, ...patterns];
  const make = () => ignore({ allowRelativePaths: true }).add(all);
  let rules = make();
  let count = 0;
  const byRules = (path: string, directory: boolean): boolean => {
    if (++count > MOST_KEPT) {
      rules = make();
      count = 1;
    }
    return rules.ignores(directory ? `${path}/` : path);
  };
  const byNames = all.every(isOfNames);
  const isDoubtful = createDoubt(all);
  const ofName = (name: string, directory: boolean): boolean => isDoubtful(name) && byRules(name, directory);
  /** Of a folder's names one is asked for after the other. */
  let last = { folder: '', ignored: false };
  const byName = (path: string, directory: boolean): boolean => {
    const cut = path.lastIndexOf('/');
    if (cut < 0) return ofName(path, directory);
    const folder = path.slice(0, cut);
    if (last.folder !== folder) last = { folder, ignored: byName(folder, true) };
    return last.ignored || ofName(path.slice(cut + 1), directory);
  };
  const asked = (path: RelPath, directory: boolean): boolean => {
    if (path === '') return false;
    if (isOwn(path)) return true;
    return byNames ? byName(path, directory) : byRules(path, directory);
  };
  /** The kernel tells of a change in several events, one after the other. */
  let answered = { path: '', directory: false, ignored: false };
  return (path, directory) => {
    if (answered.path !== path || answered.directory !== directory)
      answered = { path, directory, ignored: asked(path, directory) };
    return answered.ignored;
  };
}
