/** What went wrong in other tools of this kind, and in the first attempt at this one: each by name. */
import fs from 'node:fs';
import { expect } from 'vitest';
import { type Scene, scene } from '../support/scene.ts';

export const PEERS: readonly Scene[] = [
  scene('first attempt: mv of a stub sent its file to the trash and left links that lead nowhere', {
    remote: { 'a.txt': 'one' },
    steps: [(it) => it.move('local', 'a.txt', 'b.txt')],
    ends: { 'b.txt': 'one' },
    remoteTrash: {},
    check: (it) => expect(fs.lstatSync(it.far('b.txt')).isFile()).toBe(true),
    mount: 'all',
  }),
  scene('first attempt: cp -a of a stub put a path of this machine into the remote', {
    remote: { a: 'one' },
    steps: [(it) => void it.sh('cp -a a copy')],
    ends: { a: 'one', copy: 'one' },
    check: (it) => expect(fs.lstatSync(it.far('copy')).isFile()).toBe(true),
    mount: 'all',
  }),
  scene('first attempt: what was deleted while it did not run came back', {
    remote: { a: 'one', b: 'two', c: 'three' },
    copies: ['b'],
    off: (it) => {
      it.remove('local', 'a', 'b');
    },
    ends: { c: 'three' },
    remoteTrash: { a: 'one', b: 'two' },
    mount: 'all',
  }),
  scene('first attempt: of two edits the newest time won, silently', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [
      (it) => {
        it.write('far', 'a', 'there, older');
        fs.utimesSync(it.far('a'), 1e9, 1e9);
        it.write('local', 'a', 'here, newer');
      },
    ],
    ends: { a: 'there, older', 'a (conflict *)': 'here, newer' },
  }),
  scene('first attempt: a delete in the remote beat an edit in local', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [
      (it) => {
        it.remove('far', 'a');
        it.write('local', 'a', 'edited');
      },
    ],
    ends: { a: 'edited' },
  }),
  scene('first attempt: a same-size edit half a second later was never uploaded', {
    steps: [
      (it) => it.write('local', 'a', 'aaaa'),
      async (it) => {
        it.write('local', 'a', 'bbbb');
        await new Promise((resolve) => setTimeout(resolve, 500));
        it.write('local', 'a', 'cccc');
      },
    ],
    ends: { a: 'cccc' },
    mount: 'all',
  }),
  scene('first attempt: a write through a stub was no change at all', {
    remote: { a: 'one' },
    steps: [(it) => void it.sh('printf through >a')],
    ends: { a: 'through' },
    mount: 'all',
  }),
  scene('first attempt: append and truncate through a stub', {
    remote: { a: 'one', b: 'longer' },
    steps: [(it) => void it.sh('printf more >>a; truncate -s 3 b')],
    ends: { a: 'onemore', b: 'lon' },
    mount: 'all',
  }),
  scene('tools that only look find no stub changed: grep -r, find -type f, ls -lL, du, file', {
    remote: { a: 'one', 'd/b': 'two' },
    steps: [(it) => void it.sh('grep -r one . || true; find . -type f; ls -lRL; du -a; stat -L a; test -f a')],
    ends: { a: 'one', 'd/b': 'two' },
    check: (it) => {
      for (const rel of ['a', 'd/b']) expect(fs.lstatSync(it.l(rel)).isSymbolicLink(), rel).toBe(true);
    },
  }),
  scene('nextcloud #3434, #10868, owncloud #6718: a renamed placeholder, a renamed folder of placeholders', {
    remote: { 'd/a': 'one', 'd/b': 'two' },
    steps: [(it) => it.move('local', 'd/a', 'd/c'), (it) => it.move('local', 'd', 'e')],
    ends: { 'e/c': 'one', 'e/b': 'two' },
    sameInode: { 'd/a': 'e/c', d: 'e' },
    remoteTrash: {},
    mount: 'all',
  }),
  scene('rclone #9873: a newer version in the remote is never overwritten silently', {
    remote: { a: 'one' },
    copies: ['a'],
    off: (it) => {
      it.write('local', 'a', 'mine');
      it.write('far', 'a', 'newer');
    },
    ends: { a: 'newer', 'a (conflict *)': 'mine' },
    mount: 'all',
  }),
  scene('syncthing #4191, abraunegg #75: a renamed folder is no upload of all that is in it', {
    remote: Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`d/f${i}`, `text ${i}`])),
    copies: ['d/f0', 'd/f1'],
    steps: [(it) => it.move('local', 'd', 'renamed')],
    ends: Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`renamed/f${i}`, `text ${i}`])),
    sameInode: { 'd/f0': 'renamed/f0', 'd/f29': 'renamed/f29' },
    remoteTrash: {},
    mount: 'all',
  }),
  scene('mutagen #488, watchdog #458: what other hosts change is found without kernel events', {
    remote: { a: 'one', b: 'two', stays: 's' },
    copies: ['a', 'b'],
    steps: [
      (it) => {
        it.write('far', 'new/deep', 'made there');
        it.write('far', 'a', 'edited there');
        it.remove('far', 'b');
      },
    ],
    ends: { a: 'edited there', 'new/deep': 'made there', stays: 's' },
    mount: 'all',
  }),
  scene('syncthing #2282, #4541: conflict files do not multiply when nothing changes', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [
      (it) => {
        it.write('far', 'a', 'there');
        it.write('local', 'a', 'here');
      },
      (it) => void it.sh('touch *; cat * >&2'),
      (it) => void it.sh('touch *', 'far'),
    ],
    ends: { a: 'there', 'a (conflict *)': 'here' },
  }),
  scene('cozy #1599: a save over .osl-tmp did delete the document', {
    remote: { 'f.odt': 'old' },
    copies: ['f.odt'],
    steps: [
      async (it) => {
        it.sh("printf me >'.~lock.f.odt#'; mv f.odt f.odt.osl-tmp");
        // Longer than the settle window, so that both halves are seen on their own.
        await new Promise((resolve) => setTimeout(resolve, 450));
        it.sh("printf new >f.odt; rm f.odt.osl-tmp; rm '.~lock.f.odt#'");
      },
    ],
    ends: { 'f.odt': 'new' },
    mount: 'all',
  }),
  scene('nextcloud #6957: lock files of office programs stay at home', {
    remote: { 'f.odt': 'old' },
    steps: [(it) => it.write('local', '.~lock.f.odt#', 'me')],
    ends: { 'f.odt': 'old' },
    localOnly: { '.~lock.f.odt#': 'me' },
  }),
  scene('owncloud #35, rclone #8593: another mtime alone is no conflict and no loop', {
    remote: { a: 'one' },
    copies: ['a'],
    steps: [
      (it) => {
        fs.utimesSync(it.far('a'), 1e9, 1e9);
        fs.utimesSync(it.l('a'), 1.1e9, 1.1e9);
      },
    ],
    ends: { a: 'one' },
    remoteTrash: {},
    localTrash: {},
  }),
  scene('faculty-sync #37: .nfs files in the remote break no rmdir', {
    remote: { 'd/a': 'one', stays: 's' },
    steps: [(it) => it.write('far', 'd/.nfs0000001', 'still open'), (it) => it.remove('local', 'd')],
    ends: { stays: 's' },
    remoteOnly: { d: null, 'd/.nfs0000001': 'still open' },
  }),
  scene('davfs2 shows two times after an upload: no download of its own comes of it', {
    steps: [
      (it) => it.write('local', 'a', 'one'),
      (it) => fs.utimesSync(it.far('a'), 1e9, 1e9),
      (it) => fs.utimesSync(it.far('a'), 1.2e9, 1.2e9),
    ],
    ends: { a: 'one' },
    check: (it) => expect(fs.lstatSync(it.l('a')).isFile()).toBe(true),
  }),
];
