/** What is never synced. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type RelPath, relPath } from '@lazysync/event-model';
import fc from 'fast-check';
import ignore from 'ignore';
import { expect, test } from 'vitest';
import { createIgnore } from '../src/ignore.ts';

test('what it was asked for is not kept for ever', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const ignored = createIgnore(['*.log', '!keep.log', '/build/']);
  const before = held();
  for (let n = 0; n < 200_000; n++) {
    if (ignored(relPath(`folder ${n % 100}/file ${n}`), false)) throw new Error(`file ${n} is ignored`);
    if (n % 1_000 === 0) {
      expect(ignored(relPath(`folder/${n}.log`), false)).toBe(true);
      expect(ignored(relPath(`folder/${n}/keep.log`), false)).toBe(false);
      expect(ignored(relPath('build/in'), false)).toBe(true);
    }
  }
  const grown = held() - before;
  // It is still needed.
  expect(ignored(relPath('a.log'), false)).toBe(true);
  expect(grown).toBeLessThan(10 << 20);
});

test('the names that editors, file servers and desktops leave lying about, in any case, and no others', () => {
  const ignored = createIgnore([]);
  const yes = ['.lazysync-1.part', '.nfs0001', '.fuse_hidden1', '~$a.doc', '.~lock.a.odt#', 'a.swp', '.SWP', '4913'];
  const no = ['.lazysync-1.parts', 'nfs0001', 'a~$', 'lock', 'a.swpx', '49130', 'a4913', '.bashrc', 'ſwp', 'a.ſwp'];
  const more = ['.goutputstream-X', '.Trash-1000', '.TRASH-1000'];
  for (const one of [...yes, ...more]) expect([one, ignored(relPath(`d/${one}`), false)]).toEqual([one, true]);
  for (const one of no) expect([one, ignored(relPath(`d/${one}`), false)]).toEqual([one, false]);
  expect(ignored(relPath('.Trash-1000/files/a'), false)).toBe(true);
});

test('name by name or path by path, it is what the rules say of the whole path', () => {
  const name = fc.constantFrom('a', 'b', 'ab', 'a.tmp', '.a', '#a', '!a', 'A', 'a b', 'x~', 'aB', 'ßa', 'SSa', 'b.TMP');
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => relPath(names.join('/')));
  const part = fc.constantFrom(
    'a',
    '*',
    'a*',
    '*.tmp',
    'A*b',
    'ß*',
    'x~',
    '*b.tmp',
    '?',
    '[ab]',
    '.*',
    '\\#a',
    '\\!a',
    'a b',
    '~',
    '**',
  );
  const ofNames = fc.tuple(part, fc.constantFrom('', '/')).map((parts) => parts.join(''));
  const ofPaths = fc
    .tuple(fc.constantFrom('', '!', '/', '**/'), part, fc.constantFrom('/a', '/**', ''))
    .map((parts) => parts.join(''));
  const patterns = fc.oneof(
    fc.array(fc.oneof(ofNames, fc.constantFrom('', '# a/b')), { maxLength: 4 }),
    fc.array(fc.oneof(ofNames, ofPaths), { maxLength: 4 }),
  );
  const asked = fc.array(fc.tuple(path, fc.boolean()), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(patterns, asked, (some, paths: readonly (readonly [RelPath, boolean])[]) => {
      const ignored = createIgnore(some, []);
      const rules = ignore({ allowRelativePaths: true }).add([...some]);
      for (const [one, directory] of paths)
        expect([one, directory, ignored(one, directory)]).toEqual([
          one,
          directory,
          rules.ignores(directory ? `${one}/` : one),
        ]);
    }),
    { numRuns: 2_000 },
  );
});
