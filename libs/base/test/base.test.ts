/** What the base keeps, row by row: exact, under any name, and moved, buried and forgotten as a whole. */
import type { BaseRecord, RelPath } from '@lazysync/event-model';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Base, openBase } from '../src/index.ts';
import { anyRecord } from './any-record.ts';
import { at, copy, directory, id, stub } from './records.ts';

let base: Base;
beforeEach(() => {
  base = openBase(':memory:');
});
afterEach(() => {
  base.close();
});

const put = (...records: BaseRecord[]): void => {
  base.record(
    records.map((record) => ({ kind: 'put', record })),
    [],
  );
};
const lay = (...paths: string[]): void => {
  base.record(
    paths.map((path, i) => {
      const record = path.endsWith('/') ? directory(path.slice(0, -1), i + 1) : stub(path, i + 1);
      return { kind: 'put', record };
    }),
    [],
  );
};
const below = (path = ''): RelPath[] => base.below(at(path)).map((row) => row.path);

describe('a row', () => {
  test('comes back exactly as it was put', () => {
    fc.assert(
      fc.property(anyRecord(at('d/x')), (record) => {
        base.record([{ kind: 'put', record }], []);
        expect(base.get(at('d/x'))).toEqual(record);
        expect(base.children(at('d'))).toEqual([record]);
        expect(base.stub(at('d/x'))).toEqual(record.kind === 'file' && record.form === 'stub' ? record.link : null);
        expect([base.stub(at('d/y')), base.stub(at('e/x')), base.stub(at(''))]).toEqual([null, null, null]);
      }),
    );
  });

  test('of a copy or a folder is found by its remote identity, but not in the trash', () => {
    const identity = { dev: 9n, ino: 2n ** 64n - 1n, birthNs: 5n };
    const file = copy('d/x', 1);
    const known = { ...file, remote: { ...file.remote, identity } };
    const folder = { ...directory('e', 2), remote: { ...identity, ino: 8n } };
    put(directory('d', 3), known, folder);
    expect(base.withRemoteIdentity(identity)).toEqual([known]);
    expect(base.withRemoteIdentity({ ...identity, ino: 8n })).toEqual([folder]);
    expect(base.withRemoteIdentity({ ...identity, birthNs: 6n })).toEqual([]);
    base.record([{ kind: 'move', from: at('d'), to: at('f') }], []);
    expect(base.withRemoteIdentity(identity)).toEqual([{ ...known, path: 'f/x' }]);
    base.record([{ kind: 'bury', path: at('f'), trashed: at('.lazysync/trash/1/f') }], []);
    expect(base.withRemoteIdentity(identity)).toEqual([]);
  });

  test('of many inode numbers those that may be known are told; one too large to be asked for may always be', () => {
    const known = (ino: bigint) => ({ ...directory(`d${ino}`, 1), remote: { dev: 9n, ino, birthNs: 5n } });
    const large = 2n ** 63n - 1n;
    const tooLarge = 2n ** 64n - 1n;
    put(known(7n), known(2n ** 53n + 1n), known(large));
    expect(base.remoteInodesKnown([])).toEqual(new Set());
    expect(base.remoteInodesKnown([8n, 2n ** 53n])).toEqual(new Set());
    expect(base.remoteInodesKnown([7n, 8n, 2n ** 53n + 1n, 7n])).toEqual(new Set([7n, 2n ** 53n + 1n]));
    expect(base.remoteInodesKnown([8n, large, tooLarge])).toEqual(new Set([large, tooLarge]));
  });

  test('is found by its identity, however large the numbers are', () => {
    fc.assert(
      fc.property(anyRecord(at('x')), (record) => {
        base.record([{ kind: 'put', record }], []);
        if (record.kind === 'symlink' || record.kind === 'residual') return;
        const identity =
          record.kind === 'directory' ? record.local : record.form === 'stub' ? record.link : record.local;
        const { dev, ino, birthNs } = identity;
        expect(base.withIdentity({ dev, ino, birthNs })).toEqual([record]);
        expect(base.withIdentity({ dev, ino, birthNs: birthNs + 1n })).toEqual([]);
        expect(base.withIdentity({ dev: dev + 1n, ino, birthNs })).toEqual([]);
        expect(base.withIdentity({ dev, ino: ino + 1n, birthNs })).toEqual([]);
      }),
    );
  });

  test('that is not there is null, and so is the root', () => {
    lay('a/', 'a/b');
    expect(base.get(at('x'))).toBeNull();
    expect(base.get(at('a/x'))).toBeNull();
    expect(base.get(at('a/b/x'))).toBeNull();
    expect(base.get(at(''))).toBeNull();
  });

  test('takes the place of an older one', () => {
    put(stub('a', 1), copy('a', 2));
    expect(base.get(at('a'))).toEqual(copy('a', 2));
    expect(base.withIdentity(id(1))).toEqual([]);
    expect(below()).toEqual(['a']);
  });

  test('of a file where a directory was: nothing is below it any more', () => {
    lay('d/', 'd/x', 'd/e/', 'd/e/y', 'd.e/', 'd.e/z');
    put(copy('d', 9));
    expect(below()).toEqual(['d', 'd.e', 'd.e/z']);
    expect(base.directories()).toEqual(['', 'd.e']);
    lay('d/');
    expect(base.hasBelow(at('d'))).toBe(false);
  });

  test.each([
    ['%', 'a', 'b%'],
    ['_', 'a', 'b'],
    ['a', 'A', '\u00e4', '\u00c4', 'a\u0308'],
    ["'", '"', ';', '--'],
    ['\n', '\t', ' ', '  '],
    ['😀', '😀x', '\u{10FFFF}', '\u{10FFFF}x', '\uffff', '\ue000'],
    ['-', '.x', '0', '!'],
  ])('names are told apart by every byte: %j', (...names) => {
    lay(...names, ...names.flatMap((name) => [`${name}.d/`, `${name}.d/x`]));
    for (const name of names) {
      expect(base.get(at(name))?.path).toBe(name);
      expect(below(`${name}.d`)).toEqual([`${name}.d/x`]);
    }
    expect(below()).toHaveLength(names.length * 3);
    base.record([{ kind: 'forget', path: at(`${names[0]}.d`) }], []);
    expect(below()).toHaveLength(names.length * 3 - 2);
  });
});

describe('directories', () => {
  test('rows below, parents before children, and nothing of a neighbour', () => {
    lay('a/', 'a/b/', 'a/b/c', 'a/x', 'a.b/', 'a.b/x', 'a-b/', 'a-b/x', 'a0', 'ab/', 'ab/x');
    expect(below('a').sort()).toEqual(['a/b', 'a/b/c', 'a/x']);
    expect(below('a').indexOf(at('a/b'))).toBeLessThan(below('a').indexOf(at('a/b/c')));
    expect(base.children(at('a')).map((row) => row.path)).toEqual(['a/b', 'a/x']);
    expect(base.children(at('')).map((row) => row.path)).toEqual(['a', 'a-b', 'a.b', 'a0', 'ab']);
  });

  test('all of them, for the scan: what has a row as a directory, and the root', () => {
    lay('a/', 'a/b/', '.lazysync2/', '.LazySync/', 'f');
    expect(base.directories()).toEqual(['', '.LazySync', '.lazysync2', 'a', 'a/b']);
    base.record([{ kind: 'forget', path: at('never/known') }], []);
    base.record([{ kind: 'move', from: at('not/there'), to: at('neither') }], []);
    expect(base.directories()).toEqual(['', '.LazySync', '.lazysync2', 'a', 'a/b']);
  });

  test('something below, at any depth', () => {
    lay('a/b/c');
    expect([base.hasBelow(at('a')), base.hasBelow(at('a/b')), base.hasBelow(at('a/b/c'))]).toEqual([true, true, false]);
    expect(base.hasBelow(at('a.'))).toBe(false);
  });

  test('the trash is not below the root, but below itself', () => {
    lay('a/', 'a/x');
    base.record([{ kind: 'bury', path: at('a'), trashed: at('.lazysync/trash/1/a') }], []);
    expect(below()).toEqual([]);
    expect(below('.lazysync/trash/1')).toEqual(['.lazysync/trash/1/a', '.lazysync/trash/1/a/x']);
    expect(base.directories()).toEqual(['']);
  });
});

describe('moved', () => {
  test('a directory of a thousand rows goes with one change', () => {
    const names = Array.from({ length: 1_000 }, (_, i) => `d/e${i % 10}/f${i}`);
    lay('d/', ...Array.from({ length: 10 }, (_, i) => `d/e${i}/`), ...names, 'd.x', 'e');
    base.record([{ kind: 'move', from: at('d'), to: at('new/d') }], []);
    expect(below('d')).toEqual([]);
    expect(base.get(at('d'))).toBeNull();
    expect(below('new')).toHaveLength(1_011);
    expect(base.get(at('new/d/e7/f997'))).toEqual(stub('new/d/e7/f997', 1_009));
    expect(base.get(at('d.x'))?.path).toBe('d.x');
  });

  test.each([
    ['😀', 'x'],
    ['x', '😀'],
    ['a😀b', 'c'],
    ['👩‍👩‍👧', 'ü'],
    ['ü', '\u{10FFFF}'],
    ['a%b', 'a_b'],
  ])('with any name: %s to %s', (from, to) => {
    lay(`${from}/`, `${from}/${from}/`, `${from}/${from}/f`, `${from}2/`, `${from}2/f`);
    base.record([{ kind: 'move', from: at(from), to: at(to) }], []);
    expect(below().sort()).toEqual([`${from}2`, `${from}2/f`, to, `${to}/${from}`, `${to}/${from}/f`].sort());
  });

  test('over something takes its place', () => {
    lay('a/', 'a/x', 'b/', 'b/y', 'b/z/', 'b/z/q');
    base.record([{ kind: 'move', from: at('a'), to: at('b') }], []);
    expect(below()).toEqual(['b', 'b/x']);
    expect(base.directories()).toEqual(['', 'b']);
  });

  test('onto itself is nothing', () => {
    lay('a/', 'a/x');
    base.record([{ kind: 'move', from: at('a'), to: at('a') }], []);
    expect(below()).toEqual(['a', 'a/x']);
  });

  test('only changes letters', () => {
    lay('Dir/', 'Dir/x');
    base.record([{ kind: 'move', from: at('Dir'), to: at('dir') }], []);
    expect(below()).toEqual(['dir', 'dir/x']);
  });
});

describe('where stubs still lead', () => {
  const moves = (...pairs: [string, string][]): void => {
    for (const [from, to] of pairs) base.record([{ kind: 'move', from: at(from), to: at(to) }], []);
  };

  test('to the first name, through a chain', () => {
    lay('D/', 'D/x');
    moves(['D', 'E'], ['E', 'F']);
    expect(base.movedFrom(at('F/x'))).toBe('D/x');
    expect(base.movedFrom(at('F'))).toBe('D');
    expect(base.movedFrom(at('E/x'))).toBeNull();
    expect(base.movedFrom(at('F.x'))).toBeNull();
  });

  test('… that a part of joined later', () => {
    lay('D/', 'D/x', 'y');
    moves(['y', 'D/y'], ['D', 'E']);
    expect(base.movedFrom(at('E/y'))).toBe('y');
    expect(base.movedFrom(at('E/x'))).toBe('D/x');
  });

  test('… and when its old name was taken by another', () => {
    lay('D/', 'D/x', 'G/', 'G/z');
    moves(['D', 'E'], ['E', 'F'], ['G', 'E']);
    expect(base.movedFrom(at('E/z'))).toBe('G/z');
    expect(base.movedFrom(at('F/x'))).toBe('D/x');
  });

  test('… and two names that were swapped', () => {
    lay('a', 'b');
    moves(['a', 't'], ['b', 'a'], ['t', 'b']);
    expect([base.movedFrom(at('a')), base.movedFrom(at('b')), base.movedFrom(at('t'))]).toEqual(['b', 'a', null]);
  });

  test('… and back', () => {
    lay('D/', 'D/x');
    moves(['D', 'E'], ['E', 'D']);
    expect([null, 'D/x']).toContain(base.movedFrom(at('D/x')));
  });

  test('out of the trash: to the name it was buried under', () => {
    lay('D/', 'D/x');
    base.record([{ kind: 'bury', path: at('D'), trashed: at('.lazysync/trash/1/D') }], []);
    moves(['.lazysync/trash/1/D', 'F']);
    expect(base.movedFrom(at('F/x'))).toBe('D/x');
    expect(base.get(at('F/x'))?.path).toBe('F/x');
  });

  test('… part of it', () => {
    lay('D/', 'D/e/', 'D/e/x');
    base.record([{ kind: 'bury', path: at('D'), trashed: at('.lazysync/trash/1/D') }], []);
    moves(['.lazysync/trash/1/D/e', 'F']);
    expect(base.movedFrom(at('F/x'))).toBe('D/e/x');
  });

  test('… and to the name before that, where it was moved and not repointed before it was buried', () => {
    lay('C/', 'C/x');
    moves(['C', 'D']);
    base.record([{ kind: 'bury', path: at('D'), trashed: at('.lazysync/trash/1/D') }], []);
    expect(base.movedFrom(at('D/x'))).toBeNull();
    moves(['.lazysync/trash/1/D', 'F']);
    expect(base.movedFrom(at('F/x'))).toBe('C/x');
  });

  test('until they are repointed', () => {
    lay('D/', 'D/x', 'D/y');
    moves(['D', 'E']);
    base.record([{ kind: 'repointed', path: at('E') }], []);
    expect(base.movedFrom(at('E/x'))).toBeNull();
  });

  test('a copied one says so itself, and the latest word counts', () => {
    lay('p');
    base.record([{ kind: 'leads', path: at('p'), to: at('o') }], []);
    expect(base.movedFrom(at('p'))).toBe('o');
    base.record([{ kind: 'leads', path: at('p'), to: at('q') }], []);
    expect(base.movedFrom(at('p'))).toBe('q');
    base.record([{ kind: 'repointed', path: at('') }], []);
    expect(base.movedFrom(at('p'))).toBeNull();
  });

  test('nowhere, once it is forgotten', () => {
    lay('D/', 'D/x');
    moves(['D', 'E']);
    base.record([{ kind: 'forget', path: at('E') }], []);
    expect(base.movedFrom(at('E/x'))).toBeNull();
  });
});

describe('buried', () => {
  const bury = (path: string, n: number): void =>
    base.record([{ kind: 'bury', path: at(path), trashed: at(`.lazysync/trash/${n}/${path}`) }], []);

  test('a row lies in the trash and keeps its identity', () => {
    lay('a');
    bury('a', 1);
    expect(base.get(at('a'))).toBeNull();
    expect(base.tombstone(at('a'))).toBe('.lazysync/trash/1/a');
    expect(base.withIdentity(id(1))).toEqual([stub('.lazysync/trash/1/a', 1)]);
    expect(base.counts()).toMatchObject({ entries: 0, stubs: 0 });
  });

  test('is found through a folder above', () => {
    lay('d/', 'd/e/', 'd/e/x');
    bury('d', 1);
    expect(base.tombstone(at('d/e/x'))).toBe('.lazysync/trash/1/d/e/x');
    expect(base.tombstone(at('d/e/y'))).toBeNull();
    expect(base.tombstone(at('d'))).toBe('.lazysync/trash/1/d');
  });

  test('twice: the latest counts', () => {
    for (const n of [1, 2]) {
      lay('a');
      bury('a', n);
    }
    expect(base.tombstone(at('a'))).toBe('.lazysync/trash/2/a');
    expect(base.get(at('.lazysync/trash/1/a'))).not.toBeNull();
  });

  test('first alone, then with its folder: the latest counts, and the other way round', () => {
    lay('d/', 'd/x');
    bury('d/x', 1);
    lay('d/x');
    bury('d', 2);
    expect(base.tombstone(at('d/x'))).toBe('.lazysync/trash/2/d/x');
    lay('d/', 'd/x');
    bury('d/x', 3);
    expect(base.tombstone(at('d/x'))).toBe('.lazysync/trash/3/d/x');
  });

  test('what was moved out of the trash is not found there', () => {
    lay('a');
    bury('a', 1);
    base.record([{ kind: 'move', from: at('.lazysync/trash/1/a'), to: at('b') }], []);
    expect(base.tombstone(at('a'))).toBeNull();
    expect(base.get(at('b'))?.path).toBe('b');
  });

  test('what the trash was emptied of is not found there', () => {
    lay('d/', 'd/x');
    bury('d', 1);
    base.record([{ kind: 'forget', path: at('.lazysync/trash/1') }], []);
    expect(base.tombstone(at('d/x'))).toBeNull();
    expect(base.withIdentity(id(2))).toEqual([]);
  });
});

describe('conflicts', () => {
  const conflict = (path: string, to: string): void =>
    base.record([{ kind: 'conflict', path: at(path), conflict: at(to) }], []);
  const listed = (): RelPath[] => base.conflicts().map((one) => one.conflict);

  test('the row of the path goes, the conflict is listed until its file is gone', () => {
    lay('a', 'a.x');
    conflict('a', 'a (c)');
    expect(base.get(at('a'))).toBeNull();
    expect(base.get(at('a.x'))).not.toBeNull();
    expect(base.conflicts()).toMatchObject([{ path: 'a', conflict: 'a (c)' }]);
    base.record([{ kind: 'forget', path: at('a (c)') }], []);
    expect(listed()).toEqual([]);
  });

  test('is known with its time, once', () => {
    base.putConflict({ path: at('a'), conflict: at('a (c)'), at: 5 });
    base.putConflict({ path: at('a'), conflict: at('a (c)'), at: 6 });
    base.putConflict({ path: at('b'), conflict: at('b (c)'), at: 1 });
    expect(base.conflicts()).toEqual([
      { path: 'b', conflict: 'b (c)', at: 1 },
      { path: 'a', conflict: 'a (c)', at: 6 },
    ]);
  });

  test('goes when its file is put into the trash', () => {
    lay('a (c)');
    base.putConflict({ path: at('a'), conflict: at('a (c)'), at: 5 });
    base.record([{ kind: 'bury', path: at('a (c)'), trashed: at('.lazysync/trash/1/a (c)') }], []);
    expect(listed()).toEqual([]);
  });

  test('stays when its file was replaced by a newer one', () => {
    lay('a (c)');
    base.putConflict({ path: at('a'), conflict: at('a (c)'), at: 5 });
    base.record(
      [
        { kind: 'bury', path: at('a (c)'), trashed: at('.lazysync/trash/1/a (c)') },
        { kind: 'put', record: copy('a (c)', 9) },
      ],
      [],
    );
    expect(listed()).toEqual(['a (c)']);
    expect(base.withIdentity(id(1))).toHaveLength(1);
  });

  test('goes when somebody gave its file another name', () => {
    lay('a (c)');
    base.putConflict({ path: at('a'), conflict: at('a (c)'), at: 5 });
    base.record([{ kind: 'move', from: at('a (c)'), to: at('mine') }], []);
    expect(listed()).toEqual([]);
  });

  test('goes along with a folder that makes room itself', () => {
    lay('d/', 'd/a (c)');
    base.putConflict({ path: at('d/a'), conflict: at('d/a (c)'), at: 5 });
    conflict('d', 'd (c)');
    expect(listed()).toEqual(['d (c)/a (c)', 'd (c)']);
  });

  test('goes with its folder when that is forgotten or buried, and along with it when that is moved', () => {
    lay('d/', 'd/a (c)', 'd.x');
    base.putConflict({ path: at('d/a'), conflict: at('d/a (c)'), at: 5 });
    base.putConflict({ path: at('d'), conflict: at('d.x'), at: 6 });
    base.record([{ kind: 'move', from: at('d'), to: at('e') }], []);
    expect(listed()).toEqual(['e/a (c)', 'd.x']);
    base.record([{ kind: 'bury', path: at('e'), trashed: at('.lazysync/trash/1/e') }], []);
    expect(listed()).toEqual(['d.x']);
    base.putConflict({ path: at('f/a'), conflict: at('f/a (c)'), at: 7 });
    base.record([{ kind: 'forget', path: at('f') }], []);
    expect(listed()).toEqual(['d.x']);
  });
});

test('counts: what is there, not what stays on one side, lies in the trash or is the root', () => {
  lay('d/', 'd/s1', 's2', '.lazysyncer', 'gone');
  put(copy('c', 50, { local: { ...copy('c', 50).local, size: 4_000_000_000_000 } }));
  base.record(
    [
      { kind: 'put', record: { kind: 'symlink', path: at('l'), localTarget: 'x', remoteTarget: 'x' } },
      { kind: 'put', record: { kind: 'residual', path: at('r'), side: 'local', why: 'ignored' } },
      { kind: 'bury', path: at('gone'), trashed: at('.lazysync/trash/1/gone') },
    ],
    [],
  );
  expect(base.counts()).toEqual({
    entries: 6,
    directories: 1,
    stubs: 3,
    copies: 1,
    cachedBytes: 4_000_000_000_000,
    remoteBytes: 12,
  });
});
