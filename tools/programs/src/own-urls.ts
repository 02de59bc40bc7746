/**
 * A module that starts a program or looks for a folder says where by `new URL('…', import.meta.url)`, seen from its own
 * file. In a bundle that is another file.
 */
import path from 'node:path';
import { bundleOf, PROGRAMS, UNBUNDLED } from './programs.ts';

/** Where the bundles lie, seen from the root: two folders below it. */
const DEPTH = '../../';
const OWN_URL = /new URL\(\s*'(\.[^']*)',\s*import\.meta\.url\s*\)/g;
/** May stay: whatever it asks for is a package. */
const REQUIRE = /createRequire\(import\.meta\.url\)/g;

const BUNDLED: ReadonlySet<string> = new Set(Object.values(PROGRAMS));

/**
 * `code` of the module `file` (seen from the root) with those URLs seen from the bundle.
 *
 * @throws Error for a program that is in no list, and for any other use of its own place: it would be wrong in the bundle
 */
export function withOwnUrls(file: string, code: string): string {
  const made = code.replaceAll(OWN_URL, (_all, relative: string) => {
    const target = path.posix.join(path.posix.dirname(file), relative);
    if (BUNDLED.has(target)) return `new URL('./${bundleOf(target)}', import.meta.url)`;
    if (target.endsWith('.ts') && !UNBUNDLED.has(target))
      throw new Error(`${file} starts ${target}, which is in no list of tools/programs/src/programs.ts.`);
    return `new URL('${DEPTH}${target === './' ? '' : target}', import.meta.url)`;
  });
  const left = made.replaceAll(/new URL\('\.[^']*', import\.meta\.url\)/g, '').replaceAll(REQUIRE, '');
  if (/import\.meta\b/.test(left))
    throw new Error(
      `${file} asks for its own place in a way that a bundle can not follow: use new URL('…', import.meta.url).`,
    );
  return made;
}
