/**
 * A path relative to a pair's root, as both sides know it: segments joined by `/`, never empty, `.` or `..`, no NUL;
 * the root itself is the empty string. Only names that are valid UTF-8 get this far: others are listed as `unsyncable`.
 */
declare const brand: unique symbol;
export type RelPath = string & { readonly [brand]: 'RelPath' };

export const ROOT = '' as RelPath;

/** The folder in each root that belongs to LazySync: anchor, stage, trash, markers. Never synced. */
export const OWN_FOLDER = '.lazysync';

export function parseRelPath(text: unknown): RelPath | null {
  if (typeof text !== 'string' || text.length > 16_384 || text.includes('\0')) return null;
  // Half a surrogate pair has no UTF-8: on disk and in the base it would become another name.
  if (!text.isWellFormed()) return null;
  if (text === '') return ROOT;
  for (const segment of text.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') return null;
  }
  return text as RelPath;
}

/** Where a `RelPath` is built from parts that are known to be good; a bad part is a bug. */
export function relPath(text: string): RelPath {
  const path = parseRelPath(text);
  if (path === null) throw new Error(`not a relative path: ${JSON.stringify(text)}`);
  return path;
}

export function joinPath(parent: RelPath, name: string): RelPath {
  return (parent === '' ? name : `${parent}/${name}`) as RelPath;
}

export function parentOf(path: RelPath): RelPath {
  const cut = path.lastIndexOf('/');
  return (cut < 0 ? '' : path.slice(0, cut)) as RelPath;
}

export function nameOf(path: RelPath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** True for a path strictly below `ancestor`. */
export function isBelow(path: RelPath, ancestor: RelPath): boolean {
  if (ancestor === '') return path !== '';
  return path.length > ancestor.length && path.startsWith(ancestor) && path[ancestor.length] === '/';
}

export function isSameOrBelow(path: RelPath, ancestor: RelPath): boolean {
  return path === ancestor || isBelow(path, ancestor);
}

/** `path` after its ancestor `from` became `to`. */
export function rebase(path: RelPath, from: RelPath, to: RelPath): RelPath {
  if (path === from) return to;
  const rest = from === '' ? path : path.slice(from.length + 1);
  return joinPath(to, rest);
}

/** All folders above `path`, the nearest last; the root is left out. */
export function ancestorsOf(path: RelPath): RelPath[] {
  const found: RelPath[] = [];
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) found.push(path.slice(0, at) as RelPath);
  return found;
}

export function depthOf(path: RelPath): number {
  if (path === '') return 0;
  let depth = 1;
  for (let i = 0; i < path.length; i++) if (path[i] === '/') depth++;
  return depth;
}

export function isOwn(path: RelPath): boolean {
  return path === OWN_FOLDER || path.startsWith(`${OWN_FOLDER}/`);
}
