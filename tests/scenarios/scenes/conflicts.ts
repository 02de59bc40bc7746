/** Both sides change: nothing is lost, the same content is no conflict, an edit beats a delete. */
import fs from 'node:fs';
import { expect } from 'vitest';
import type { Place } from '../support/place.ts';
import { type Scene, type Step, scene } from '../support/scene.ts';

/** Both at once, so that neither can know of the other. */
const both =
  (...acts: Step[]): Step =>
  async (it) => {
    for (const act of acts) await act(it);
  };

const write =
  (where: 'local' | 'far', rel: string, text: string): Step =>
  (it) =>
    it.write(where, rel, text);
const remove =
  (where: 'local' | 'far', ...rels: string[]): Step =>
  (it) =>
    it.remove(where, ...rels);

function conflictIn(it: Place): string {
  const found = fs.readdirSync(it.l()).find((name) => name.includes('(conflict '));
  if (found === undefined) throw new Error('no conflict file');
  return found;
}

const LONG = `${'n'.repeat(251)}.txt`;

const onBoth: Scene[] = [
  scene('both sides edit a copy', {
    remote: { 'a.txt': 'one' },
    copies: ['a.txt'],
    steps: [both(write('far', 'a.txt', 'there'), write('local', 'a.txt', 'here'))],
    ends: { 'a.txt': 'there', 'a (conflict *).txt': 'here' },
    mount: 'all',
  }),
  scene('both sides edit, the local one by replacing a stub', {
    remote: { a: 'one' },
    steps: [both(write('far', 'a', 'there'), (it) => it.save('local', 'a', 'here'))],
    ends: { a: 'there', 'a (conflict *)': 'here' },
    mount: 'all',
  }),
  scene('both sides edit while nothing runs', {
    remote: { a: 'one', b: 'one' },
    copies: ['a'],
    off: both(write('far', 'a', 'there'), write('local', 'a', 'here'), write('far', 'b', 'there'), (it) =>
      it.save('local', 'b', 'here'),
    ),
    ends: { a: 'there', 'a (conflict *)': 'here', b: 'there', 'b (conflict *)': 'here' },
    mount: 'all',
  }),
  scene('both sides make a file of one name', {
    steps: [both(write('far', 'a', 'there'), write('local', 'a', 'here'))],
    ends: { a: 'there', 'a (conflict *)': 'here' },
    mount: 'all',
  }),
  scene('both sides make the same file', {
    steps: [both(write('far', 'd/a', 'same'), write('local', 'd/a', 'same'))],
    ends: { 'd/a': 'same' },
    remoteTrash: {},
    localTrash: {},
    mount: 'all',
  }),
  scene('both sides edit to the same content', {
    remote: { a: 'one', b: 'one' },
    copies: ['a'],
    steps: [
      both(write('far', 'a', 'same'), write('local', 'a', 'same'), write('far', 'b', 'same'), (it) =>
        it.save('local', 'b', 'same'),
      ),
    ],
    ends: { a: 'same', b: 'same' },
    mount: 'all',
  }),
  scene('both sides edit to the same content while nothing runs', {
    remote: { a: 'one' },
    copies: ['a'],
    off: both(write('far', 'a', 'same'), write('local', 'a', 'same')),
    ends: { a: 'same' },
  }),
  scene('both sides edit to the same size within one second', {
    remote: { a: '0000' },
    copies: ['a'],
    steps: [both(write('far', 'a', '1111'), write('local', 'a', '2222'))],
    ends: { a: '1111', 'a (conflict *)': '2222' },
    mount: 'all',
  }),
  scene('a conflict of a conflict keeps one suffix', {
    remote: { 'a.txt': 'one' },
    copies: ['a.txt'],
    steps: [
      both(write('far', 'a.txt', 'there'), write('local', 'a.txt', 'here')),
      (it) => {
        const name = conflictIn(it);
        it.write('far', name, 'there again');
        it.write('local', name, 'here again');
      },
    ],
    keeps: ['there', 'there again', 'here again'],
    check: (it) => {
      const names = fs.readdirSync(it.l());
      expect(names.length, names.join(', ')).toBe(3);
      expect(names.filter((name) => name.split('(conflict ').length > 2)).toEqual([]);
    },
    mount: 'all',
  }),
  scene('conflict files do not breed: two rounds of conflicts are two files', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [
      both(write('far', 'a', 'there 1'), write('local', 'a', 'here 1')),
      (it) => void fs.readFileSync(it.l('a')),
      both(write('far', 'a', 'there 2'), (it) => it.save('local', 'a', 'here 2')),
    ],
    ends: { a: 'there 2', 'a (conflict *)': 'here 1', 'a (conflict *)+': 'here 2' },
  }),
  scene('a conflict of a name of 255 bytes', {
    remote: { [LONG]: 'one' },
    copies: [LONG],
    steps: [both(write('far', LONG, 'there'), write('local', LONG, 'here'))],
    keeps: ['there', 'here'],
    check: (it) => expect(fs.readdirSync(it.l()).length).toBe(2),
  }),
  scene('a conflict of a hidden file without extension', {
    remote: { '.profile': 'one' },
    copies: ['.profile'],
    steps: [both(write('far', '.profile', 'there'), write('local', '.profile', 'here'))],
    ends: { '.profile': 'there', '.profile (conflict *)': 'here' },
  }),
  scene('local edits what remote deletes, a copy', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [both(remove('far', 'a'), write('local', 'a', 'here'))],
    ends: { a: 'here' },
    mount: 'all',
  }),
  scene('local replaces a stub whose file remote deletes', {
    remote: { a: 'one' },
    steps: [both(remove('far', 'a'), (it) => it.save('local', 'a', 'here'))],
    ends: { a: 'here' },
    mount: 'all',
  }),
  scene('local edits what remote deletes, while nothing runs', {
    remote: { a: 'one' },
    copies: ['a'],
    off: both(remove('far', 'a'), write('local', 'a', 'here')),
    ends: { a: 'here' },
    mount: 'all',
  }),
  scene('local deletes what remote edits, a copy', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [both(write('far', 'a', 'there'), remove('local', 'a'))],
    ends: { a: 'there' },
    mount: 'all',
  }),
  scene('local deletes what remote edits, a stub', {
    remote: { a: 'one' },
    steps: [both(write('far', 'a', 'there'), remove('local', 'a'))],
    ends: { a: 'there' },
    mount: 'all',
  }),
  scene('local deletes what remote edits, while nothing runs', {
    remote: { a: 'one', b: 'one' },
    copies: ['a'],
    off: both(write('far', 'a', 'there'), remove('local', 'a'), write('far', 'b', 'there'), remove('local', 'b')),
    ends: { a: 'there', b: 'there' },
    mount: 'all',
  }),
  scene('remote deletes, and only then local edits', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [remove('far', 'a'), write('local', 'a', 'here')],
    ends: { a: 'here' },
  }),
  scene('local deletes, and only then remote edits', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [remove('local', 'a'), write('far', 'a', 'there')],
    ends: { a: 'there' },
    remoteTrash: { a: 'one' },
  }),
  scene('both sides delete', {
    remote: { a: 'one', 'd/b': 'two', stays: 's' },
    copies: ['a'],
    steps: [both(remove('far', 'a', 'd'), remove('local', 'a', 'd'))],
    ends: { stays: 's' },
    mount: 'all',
  }),
  scene('both sides delete and make it anew, differently', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [both(remove('far', 'a'), remove('local', 'a'), write('far', 'a', 'there'), write('local', 'a', 'here'))],
    ends: { a: 'there', 'a (conflict *)': 'here' },
  }),
  scene('local edits in a folder that remote deletes', {
    remote: { 'd/a': 'one', 'd/b': 'two', 'd/s/c': 'three' },
    copies: ['d/a'],
    steps: [both(remove('far', 'd'), write('local', 'd/a', 'here'))],
    ends: { 'd/a': 'here' },
    mount: 'all',
  }),
  scene('local makes a file in a folder that remote deletes', {
    remote: { 'd/a': 'one', 'd/s/b': 'two' },
    copies: ['d/a'],
    steps: [both(remove('far', 'd'), write('local', 'd/s/new', 'here'))],
    ends: { 'd/s/new': 'here' },
    mount: 'all',
  }),
  scene('remote edits in a folder that local deletes', {
    remote: { 'd/a': 'one', 'd/b': 'two', 'd/s/c': 'three' },
    copies: ['d/a'],
    steps: [both(write('far', 'd/s/c', 'there'), remove('local', 'd'))],
    ends: { 'd/s/c': 'there' },
    mount: 'all',
  }),
  scene('remote makes a file in a folder that local deletes', {
    remote: { 'd/a': 'one', 'd/s/b': 'two' },
    copies: ['d/a'],
    steps: [both(write('far', 'd/s/new', 'there'), remove('local', 'd'))],
    ends: { 'd/s/new': 'there' },
    mount: 'all',
  }),
  scene('remote edits in a folder that local deletes while nothing runs', {
    remote: { 'd/a': 'one', 'd/s/c': 'three' },
    off: both(write('far', 'd/s/c', 'there'), remove('local', 'd')),
    ends: { 'd/s/c': 'there' },
  }),
  scene('local edits in a folder that remote deletes while nothing runs', {
    remote: { 'd/a': 'one', 'd/s/c': 'three' },
    copies: ['d/s/c'],
    off: both(remove('far', 'd'), write('local', 'd/s/c', 'here')),
    ends: { 'd/s/c': 'here' },
  }),
  scene('local makes a folder where remote makes a file', {
    steps: [both(write('far', 'x', 'there'), write('local', 'x/in', 'here'))],
    ends: { x: 'there', 'x (conflict *)/in': 'here' },
    mount: 'all',
  }),
  scene('local makes a file where remote makes a folder', {
    steps: [both(write('far', 'x/in', 'there'), write('local', 'x', 'here'))],
    ends: { 'x/in': 'there', 'x (conflict *)': 'here' },
    mount: 'all',
  }),
  scene('local edits a file that remote replaces by a folder', {
    remote: { x: 'one' },
    copies: ['x'],
    steps: [both(remove('far', 'x'), write('far', 'x/in', 'there'), write('local', 'x', 'here'))],
    ends: { 'x/in': 'there', 'x (conflict *)': 'here' },
  }),
  scene('remote edits a file that local replaces by a folder', {
    remote: { x: 'one' },
    copies: ['x'],
    steps: [both(write('far', 'x', 'there'), remove('local', 'x'), write('local', 'x/in', 'here'))],
    ends: { x: 'there', 'x (conflict *)/in': 'here' },
  }),
  scene('remote edits in a folder that local replaces by a file', {
    remote: { 'x/in': 'one' },
    steps: [both(write('far', 'x/in', 'there'), remove('local', 'x'), write('local', 'x', 'here'))],
    keeps: ['there', 'here'],
  }),
  scene('local edits in a folder that remote replaces by a file', {
    remote: { 'x/in': 'one' },
    copies: ['x/in'],
    steps: [both(remove('far', 'x'), write('far', 'x', 'there'), write('local', 'x/in', 'here'))],
    keeps: ['there', 'here'],
  }),
  scene('both sides point a link elsewhere', {
    remote: { a: { link: 'one' } },
    steps: [
      both(
        (it) => void it.sh('ln -sfn there a', 'far'),
        (it) => void it.sh('ln -sfn here a'),
      ),
    ],
    ends: { a: { link: 'there' }, 'a (conflict *)': { link: 'here' } },
  }),
  scene('local changes the mode, remote the content', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [both(write('far', 'a', 'there'), (it) => fs.chmodSync(it.l('a'), 0o600))],
    ends: { a: 'there' },
    anyMode: true,
  }),
  scene('remote touches, local edits', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [both((it) => fs.utimesSync(it.far('a'), 1e9, 1e9), write('local', 'a', 'here'))],
    ends: { a: 'here' },
    mount: 'all',
  }),
  scene('many small edits on both sides in a row: the last of each is kept', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [
      async (it) => {
        for (let i = 0; i < 20; i++) {
          it.write(i % 2 === 0 ? 'local' : 'far', 'b', `version ${i}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      },
    ],
    keeps: ['version 19'],
  }),
];

const deepRaces: Scene[] = [
  scene('mkdir -p of one deep path on both sides', {
    steps: [both(write('far', 'a/b/c/d/e/there', 't'), write('local', 'a/b/c/d/e/here', 'h'))],
    ends: { 'a/b/c/d/e/there': 't', 'a/b/c/d/e/here': 'h' },
    mount: 'all',
  }),
  scene('mkdir -p with files at each level, at once', {
    steps: [(it) => void it.sh('for d in a a/b a/b/c a/b/c/d; do mkdir $d; printf x >$d/f; done')],
    ends: { 'a/f': 'x', 'a/b/f': 'x', 'a/b/c/f': 'x', 'a/b/c/d/f': 'x' },
    mount: 'all',
  }),
  scene('mkdir -p in one side, rm -r of its top in the other', {
    remote: { 'a/old': 'one', stays: 's' },
    steps: [both((it) => void it.sh('rm -r a', 'far'), write('local', 'a/b/c/new', 'here'))],
    ends: { 'a/b/c/new': 'here', stays: 's' },
  }),
  scene('rm -rf and mkdir -p of the same tree again and again', {
    remote: { 'b/old': 'one', stays: 's' },
    steps: [(it) => void it.sh('for i in 1 2 3 4 5; do rm -rf b; mkdir -p b/x/y; printf $i >b/x/y/f; done')],
    ends: { 'b/x/y/f': '5', stays: 's' },
    mount: 'all',
  }),
  scene('both sides rm -r and rebuild a folder', {
    remote: { 'b/old': 'one', stays: 's' },
    steps: [
      both(
        (it) => void it.sh('rm -r b; mkdir b; printf t >b/there', 'far'),
        (it) => void it.sh('rm -r b; mkdir b; printf h >b/here'),
      ),
    ],
    ends: { 'b/there': 't', 'b/here': 'h', stays: 's' },
  }),
];

export const CONFLICTS: readonly Scene[] = [...onBoth, ...deepRaces];
