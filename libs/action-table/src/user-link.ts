/** Users' symlinks keep their meaning on the other side: only absolute targets inside a root have to change. */
import { parentOf, type RelPath } from '@lazysync/event-model';

function segments(path: string): string[] {
  return path.split('/').filter((one) => one !== '' && one !== '.');
}

/** The relative way from the folder `from` to `to`, both relative to the root. */
function wayFrom(from: RelPath, to: string): string {
  const a = segments(from);
  const b = segments(to);
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  const way = [...a.slice(same).map(() => '..'), ...b.slice(same)].join('/');
  return way === '' ? '.' : way;
}

/** What a link at `path` that reads `target` on a side whose root is `root` has to read on the other side. */
export function carriedTarget(target: string, path: RelPath, root: string): string {
  if (target === root) return wayFrom(parentOf(path), '');
  const prefix = root.endsWith('/') ? root : `${root}/`;
  if (!target.startsWith(prefix)) return target;
  const inside = target.slice(prefix.length);
  // `..` behind a root may lead out of it again through other links: such a target is kept as it is.
  return segments(inside).includes('..') ? target : wayFrom(parentOf(path), inside);
}
