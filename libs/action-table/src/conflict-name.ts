/** `NAME (conflict YYYY-MM-DD HHMMSS HOST).EXT`, UTC; a conflict of a conflict keeps one suffix. */
import { joinPath, nameOf, parentOf, type RelPath } from '@lazysync/event-model';

const SUFFIX = / \(conflict \d{4}-\d\d-\d\d \d{6} [^()]*\)( \d+)?/;
/** NAME_MAX of the usual file systems, bytes. */
const NAME_MAX = 255;

function utf8Length(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function splitExtension(name: string): readonly [string, string] {
  const dot = name.lastIndexOf('.');
  return dot <= 0 || name.length - dot > 16 ? [name, ''] : [name.slice(0, dot), name.slice(dot)];
}

/** `stamp` is ISO time in UTC; `host` is the short host name; `n` > 1 makes a further name within one second. */
export function conflictPath(path: RelPath, stamp: string, host: string, n: number): RelPath {
  const [stem, extension] = splitExtension(nameOf(path).replace(SUFFIX, ''));
  const when = `${stamp.slice(0, 10)} ${stamp.slice(11, 19).replaceAll(':', '')}`;
  const suffix = ` (conflict ${when} ${host.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 40)})${n > 1 ? ` ${n}` : ''}`;
  const room = NAME_MAX - utf8Length(suffix) - utf8Length(extension);
  let kept = stem;
  while (utf8Length(kept) > room) kept = [...kept].slice(0, -1).join('');
  return joinPath(parentOf(path), `${kept}${suffix}${extension}`);
}

export function isConflictName(name: string): boolean {
  return SUFFIX.test(name);
}
