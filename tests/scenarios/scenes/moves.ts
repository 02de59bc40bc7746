/** Moving and copying what is a stub, a copy or a folder of both: one rename on the remote, no bytes, nothing lost. */
import fs from 'node:fs';
import os from 'node:os';
import { keepsIdentities, mountFacts } from '@lazysync/replica';
import { expect } from 'vitest';
import type { Place } from '../support/place.ts';
import { type Scene, scene } from '../support/scene.ts';

const NONE = {};

const noIdentities = (): string | null => {
  const { fsType } = mountFacts(fs.realpathSync(os.tmpdir()));
  return keepsIdentities(fsType) ? null : `${fsType} keeps no identities`;
};
const inodeOf = (it: Place, rel: string): bigint => fs.lstatSync(it.l(rel), { bigint: true }).ino;
/** A step that notes which local file it was before. */
const noted =
  (rel: string, act: (it: Place) => void) =>
  (it: Place): void => {
    it.notes.set('local inode', inodeOf(it, rel));
    act(it);
  };
const wentAlong =
  (rel: string) =>
  (it: Place): void =>
    expect(inodeOf(it, rel)).toBe(it.notes.get('local inode'));

const onFiles: Scene[] = (['stub', 'copy'] as const).flatMap((form) => {
  const copies = form === 'copy' ? ['a'] : [];
  const both = form === 'copy' ? ['a', 'b'] : [];
  return [
    scene(`mv of a ${form}`, {
      remote: { a: 'one' },
      copies,
      steps: [(it) => it.move('local', 'a', 'b')],
      ends: { b: 'one' },
      sameInode: { a: 'b' },
      remoteTrash: NONE,
      localTrash: NONE,
      mount: 'all',
    }),
    scene(`mv of a ${form} while nothing runs`, {
      remote: { a: 'one' },
      copies,
      off: (it) => it.move('local', 'a', 'b'),
      ends: { b: 'one' },
      sameInode: { a: 'b' },
      remoteTrash: NONE,
      mount: 'all',
    }),
    scene(`mv of a ${form} into a new folder`, {
      remote: { a: 'one' },
      copies,
      steps: [(it) => void it.sh('mkdir -p d/e && mv a d/e/')],
      ends: { 'd/e/a': 'one' },
      sameInode: { a: 'd/e/a' },
      remoteTrash: NONE,
      mount: 'all',
    }),
    scene(`mv of a ${form} over another one`, {
      remote: { a: 'one', b: 'two' },
      copies: both,
      steps: [(it) => it.move('local', 'a', 'b')],
      ends: { b: 'one' },
      keeps: ['two'],
      mount: 'all',
    }),
    scene(`mv f f~; write new f, on a ${form}, at once`, {
      remote: { a: 'one' },
      copies,
      steps: [(it) => void it.sh('mv a a~; printf new >a')],
      ends: { 'a~': 'one', a: 'new' },
      mount: 'all',
    }),
    scene(`mv f f~; write new f, on a ${form}, one after the other`, {
      remote: { a: 'one' },
      copies,
      steps: [(it) => it.move('local', 'a', 'a~'), (it) => it.write('local', 'a', 'new')],
      ends: { 'a~': 'one', a: 'new' },
      remoteTrash: NONE,
      mount: 'all',
    }),
    scene(`mv f f~; write new f, on a ${form}, while nothing runs`, {
      remote: { a: 'one' },
      copies,
      off: (it) => void it.sh('mv a a~; printf new >a'),
      ends: { 'a~': 'one', a: 'new' },
      mount: 'all',
    }),
    scene(`two names are swapped, each a ${form}`, {
      remote: { a: 'one', b: 'two' },
      copies: both,
      steps: [(it) => void it.sh('mv a t; mv b a; mv t b')],
      ends: { a: 'two', b: 'one' },
      mount: 'all',
    }),
    scene(`two names are swapped while nothing runs, each a ${form}`, {
      remote: { a: 'one', b: 'two' },
      copies: both,
      off: (it) => void it.sh('mv a t; mv b a; mv t b'),
      ends: { a: 'two', b: 'one' },
      mount: 'all',
    }),
    scene(`a chain of names: b to c, a to b, each a ${form}`, {
      remote: { a: 'one', b: 'two' },
      copies: both,
      steps: [(it) => void it.sh('mv b c; mv a b')],
      ends: { b: 'one', c: 'two' },
      mount: 'all',
    }),
    scene(`three names go round while nothing runs, each a ${form}`, {
      remote: { a: 'one', b: 'two', c: 'three' },
      copies: both,
      off: (it) => void it.sh('mv a t; mv c a; mv b c; mv t b'),
      ends: { a: 'three', b: 'one', c: 'two' },
      mount: 'all',
    }),
    scene(`only the case of a name changes, of a ${form}`, {
      remote: { a: 'one' },
      copies,
      steps: [(it) => it.move('local', 'a', 'A')],
      ends: { A: 'one' },
      sameInode: { a: 'A' },
      mount: 'all',
    }),
    scene(`mv out of the folder and back again, of a ${form}`, {
      remote: { a: 'one', stays: 's' },
      copies,
      steps: [
        (it) => fs.renameSync(it.l('a'), `${it.roots.local}/../${form}-out`),
        (it) => fs.renameSync(`${it.roots.local}/../${form}-out`, it.l('b')),
      ],
      ends: { b: 'one', stays: 's' },
      sameInode: { a: 'b' },
      remoteTrash: NONE,
      mount: 'all',
    }),
    scene(`moved and at once edited, a ${form}`, {
      remote: { a: 'one' },
      copies,
      steps: [(it) => void it.sh('mv a b; sed -i s/one/two/ b')],
      ends: { b: 'two' },
      mount: 'all',
    }),
    scene(`moved away, while the other side edits it, a ${form}`, {
      remote: { a: 'one' },
      copies,
      steps: [
        (it) => {
          it.write('far', 'a', 'edited there');
          it.move('local', 'a', 'b');
        },
      ],
      keeps: ['edited there'],
    }),
    scene(`both sides rename it differently, a ${form}`, {
      remote: { a: 'one' },
      copies,
      steps: [
        (it) => {
          it.move('far', 'a', 'there');
          it.move('local', 'a', 'here');
        },
      ],
      keeps: ['one'],
      problemsMayBe: true,
      check: (it) => expect(fs.existsSync(it.far('there'))).toBe(true),
    }),
    scene(`renamed in the remote, a ${form}`, {
      remote: { a: 'one' },
      copies,
      steps: [(it) => it.move('far', 'a', 'b')],
      ends: { b: 'one' },
      remoteTrash: NONE,
      mount: 'all',
    }),
    scene(`swapped in the remote, each a ${form}`, {
      remote: { a: 'one', b: 'two!' },
      copies: both,
      steps: [(it) => void it.sh('mv a t; mv b a; mv t b', 'far')],
      ends: { a: 'two!', b: 'one' },
    }),
    scene(`cp -a of a ${form}`, {
      remote: { a: 'one' },
      copies,
      steps: [(it) => void it.sh('cp -a a b')],
      ends: { a: 'one', b: 'one' },
      remoteTrash: NONE,
      mount: 'all',
    }),
    scene(`cp -a of a ${form}, then the first one is removed`, {
      remote: { a: 'one' },
      copies,
      steps: [(it) => void it.sh('cp -a a b; cp -a a c; rm a')],
      ends: { b: 'one', c: 'one' },
      mount: 'all',
    }),
    scene(`cp -a of a ${form}, and the first one is edited at once`, {
      remote: { a: 'one' },
      copies,
      steps: [(it) => void it.sh('cp -a a b; sed -i s/one/two/ a')],
      ends: { a: 'two', b: 'one' },
    }),
  ];
});

const onFolders: Scene[] = [
  scene('mv of a folder with stubs, copies and new files', {
    remote: { 'd/a': 'one', 'd/b': 'two', 'd/s/c': 'three' },
    copies: ['d/b'],
    steps: [(it) => void it.sh('printf new >d/s/new; mv d e')],
    ends: { 'e/a': 'one', 'e/b': 'two', 'e/s/c': 'three', 'e/s/new': 'new' },
    sameInode: { d: 'e', 'd/a': 'e/a', 'd/b': 'e/b' },
    remoteTrash: NONE,
    localTrash: NONE,
    mount: 'all',
  }),
  scene('mv of a folder while nothing runs', {
    remote: { 'd/a': 'one', 'd/b': 'two', 'd/s/c': 'three' },
    copies: ['d/b'],
    off: (it) => void it.sh('printf new >d/s/new; mkdir f; mv d f/e'),
    ends: { 'f/e/a': 'one', 'f/e/b': 'two', 'f/e/s/c': 'three', 'f/e/s/new': 'new' },
    sameInode: { d: 'f/e', 'd/s/c': 'f/e/s/c' },
    remoteTrash: NONE,
    mount: 'all',
  }),
  scene('a folder is renamed twice at once', {
    remote: { 'd/a': 'one' },
    steps: [(it) => void it.sh('mv d e; mv e f')],
    ends: { 'f/a': 'one' },
    sameInode: { d: 'f' },
    remoteTrash: NONE,
  }),
  scene('a folder is renamed, and what is in it, too', {
    remote: { 'd/a': 'one', 'd/s/b': 'two' },
    copies: ['d/s/b'],
    steps: [(it) => void it.sh('mv d e; mv e/a e/A; mv e/s e/t; mv e/t/b e/t/B')],
    ends: { 'e/A': 'one', 'e/t/B': 'two' },
    sameInode: { 'd/a': 'e/A', 'd/s/b': 'e/t/B' },
    remoteTrash: NONE,
    mount: 'all',
  }),
  scene('a folder is renamed and another made under its old name', {
    remote: { 'd/a': 'one', 'd/b': 'two' },
    copies: ['d/b'],
    steps: [(it) => void it.sh('mv d e; mkdir d; printf new >d/a')],
    ends: { 'e/a': 'one', 'e/b': 'two', 'd/a': 'new' },
    remoteTrash: NONE,
    mount: 'all',
  }),
  scene('two folders are swapped', {
    remote: { 'd/a': 'one', 'e/a': 'two' },
    copies: ['e/a'],
    steps: [(it) => void it.sh('mv d t; mv e d; mv t e')],
    ends: { 'e/a': 'one', 'd/a': 'two' },
    mount: 'all',
  }),
  scene('two folders are swapped while nothing runs', {
    remote: { 'd/a': 'one', 'e/a': 'two' },
    copies: ['e/a'],
    off: (it) => void it.sh('mv d t; mv e d; mv t e'),
    ends: { 'e/a': 'one', 'd/a': 'two' },
  }),
  scene('a folder goes into its own new parent', {
    remote: { 'd/a': 'one' },
    steps: [(it) => void it.sh('mv d t; mkdir d; mv t d/d')],
    ends: { 'd/d/a': 'one' },
    remoteTrash: NONE,
  }),
  scene('the case of a folder changes', {
    remote: { 'd/a': 'one' },
    steps: [(it) => it.move('local', 'd', 'D')],
    ends: { 'D/a': 'one' },
    sameInode: { d: 'D' },
  }),
  scene('a folder is moved out of local: it goes to the trash as one', {
    remote: { 'd/a': 'one', 'd/s/b': 'two', stays: 's' },
    copies: ['d/a'],
    steps: [(it) => fs.renameSync(it.l('d'), `${it.roots.local}/../moved-out`)],
    ends: { stays: 's' },
    remoteTrash: { 'd/a': 'one', 'd/s/b': 'two' },
  }),
  scene('a folder is moved out of local and back again under another name', {
    remote: { 'd/a': 'one', 'd/s/b': 'two', stays: 's' },
    copies: ['d/a'],
    steps: [
      (it) => fs.renameSync(it.l('d'), `${it.roots.local}/../out-and-back`),
      (it) => fs.renameSync(`${it.roots.local}/../out-and-back`, it.l('e')),
    ],
    ends: { 'e/a': 'one', 'e/s/b': 'two', stays: 's' },
    sameInode: { d: 'e' },
    remoteTrash: NONE,
  }),
  scene('a folder is renamed while a file in it is edited in the remote', {
    remote: { 'd/a': 'one', 'd/b': 'two' },
    copies: ['d/a'],
    steps: [
      (it) => {
        it.write('far', 'd/a', 'edited there');
        it.move('local', 'd', 'e');
      },
    ],
    // Which of the two comes first is chance: in its new place, or beside it under the old name.
    keeps: ['edited there', 'two'],
    mount: 'all',
  }),
  scene('a folder is renamed while a file is put into it in the remote', {
    remote: { 'd/a': 'one' },
    steps: [
      (it) => {
        it.write('far', 'd/new', 'from there');
        it.move('local', 'd', 'e');
      },
    ],
    keeps: ['one', 'from there'],
    mount: 'all',
  }),
  scene('a folder is renamed while the remote removes it', {
    remote: { 'd/a': 'one', 'd/b': 'two', stays: 's' },
    copies: ['d/b'],
    steps: [
      (it) => {
        it.remove('far', 'd');
        it.move('local', 'd', 'e');
      },
    ],
    problemsMayBe: true,
    check: (it) => expect(fs.readFileSync(it.l('stays'), 'utf8')).toBe('s'),
  }),
  scene('both sides rename a folder differently', {
    remote: { 'd/a': 'one', 'd/b': 'two' },
    copies: ['d/b'],
    steps: [
      (it) => {
        it.move('far', 'd', 'there');
        it.move('local', 'd', 'here');
      },
    ],
    keeps: ['one', 'two'],
    problemsMayBe: true,
    check: (it) => expect(fs.existsSync(it.far('there/a'))).toBe(true),
  }),
  scene('a folder is renamed in the remote', {
    remote: { 'd/a': 'one', 'd/s/b': 'two' },
    copies: ['d/a'],
    steps: [(it) => it.move('far', 'd', 'e')],
    ends: { 'e/a': 'one', 'e/s/b': 'two' },
    mount: 'all',
  }),
  scene('a file is moved between two folders that are renamed', {
    remote: { 'd/a': 'one', 'e/b': 'two' },
    copies: ['d/a'],
    steps: [(it) => void it.sh('mv d/a e/; mv d D; mv e E')],
    ends: { 'E/a': 'one', 'E/b': 'two', D: null },
    sameInode: { 'd/a': 'E/a' },
    mount: 'all',
  }),
  scene('cp -a of a folder of stubs', {
    remote: { 'd/a': 'one', 'd/s/b': 'two', 'd/l': { link: 'a' } },
    steps: [(it) => void it.sh('cp -a d e')],
    ends: {
      'd/a': 'one',
      'd/s/b': 'two',
      'd/l': { link: 'a' },
      'e/a': 'one',
      'e/s/b': 'two',
      'e/l': { link: 'a' },
    },
    mount: 'all',
  }),
  scene('cp -a of a folder of stubs, then the first one is removed', {
    remote: { 'd/a': 'one', 'd/b': 'two' },
    copies: ['d/b'],
    steps: [(it) => void it.sh('cp -a d e; rm -r d')],
    ends: { 'e/a': 'one', 'e/b': 'two' },
    mount: 'all',
  }),
  scene('mv of a folder over an empty one', {
    remote: { 'd/a': 'one', e: null },
    steps: [(it) => void it.sh('mv -T d e')],
    ends: { 'e/a': 'one' },
    remoteTrash: NONE,
  }),
  scene('a file moves up and its folder goes', {
    remote: { 'd/a': 'one' },
    steps: [(it) => void it.sh('mv d/a .; rmdir d')],
    ends: { a: 'one' },
    sameInode: { 'd/a': 'a' },
    remoteTrash: NONE,
    mount: 'all',
  }),
  scene('a file takes the name of its folder', {
    remote: { 'd/a': 'one' },
    steps: [(it) => void it.sh('mv d/a t; rmdir d; mv t d')],
    ends: { d: 'one' },
    mount: 'all',
  }),
  scene('twenty stubs are renamed at once', {
    remote: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`a${i}`, `text ${i}`])),
    steps: [(it) => void it.sh('for f in a*; do mv $f b${f#a}; done')],
    ends: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`b${i}`, `text ${i}`])),
    remoteTrash: NONE,
  }),
];

/** Where the remote knows what was moved, copies stay copies. */
const inRemote: Scene[] = [
  scene('a copy goes along when its file is renamed in the remote', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [noted('a', (it) => it.move('far', 'a', 'b'))],
    ends: { b: 'one' },
    localTrash: NONE,
    check: wentAlong('b'),
    skip: noIdentities,
    mount: 'none',
  }),
  scene('a copy goes along into another folder of the remote', {
    remote: { 'd/a': 'one', e: null },
    copies: ['d/a'],
    steps: [noted('d/a', (it) => it.move('far', 'd/a', 'e/b'))],
    ends: { 'e/b': 'one', d: null },
    check: wentAlong('e/b'),
    skip: noIdentities,
    mount: 'none',
  }),
  scene('a copy that was edited here comes from the old name, when its file is renamed in the remote', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [
      (it) => {
        it.write('local', 'a', 'edited here');
        it.move('far', 'a', 'b');
      },
    ],
    keeps: ['one', 'edited here'],
    skip: noIdentities,
    mount: 'none',
  }),
  scene('a folder goes along with its copies, its stubs and what went up from it', {
    remote: { 'd/a': 'one', 'd/b': 'two', 'd/s/c': 'three' },
    copies: ['d/a', 'd/s/c'],
    steps: [(it) => it.write('local', 'd/n', 'new'), noted('d/s/c', (it) => it.move('far', 'd', 'e'))],
    ends: { 'e/a': 'one', 'e/b': 'two', 'e/s/c': 'three', 'e/n': 'new' },
    localTrash: NONE,
    check: wentAlong('e/s/c'),
    skip: noIdentities,
    mount: 'none',
  }),
  scene('copies go along when their folder is renamed in the remote while nothing runs', {
    remote: { 'd/a': 'one', 'd/s/c': 'three' },
    copies: ['d/a', 'd/s/c'],
    off: noted('d/s/c', (it) => void it.sh('mkdir x; mv d x/e', 'far')),
    ends: { 'x/e/a': 'one', 'x/e/s/c': 'three' },
    localTrash: NONE,
    check: wentAlong('x/e/s/c'),
    skip: noIdentities,
    mount: 'none',
  }),
  scene('a new file under the old name of what went along', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [(it) => void it.sh('mv a b; echo -n two > a', 'far')],
    ends: { a: 'two', b: 'one' },
    skip: noIdentities,
    mount: 'none',
  }),
];

export const MOVES: readonly Scene[] = [...onFiles, ...onFolders, ...inRemote];
