/** The main job, as a person uses it: mirror, read, write, on both sides, with the real program. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Lab } from './support/lab.ts';
import { differences, filesUnder, hashFile, pathsOf } from './support/trees.ts';
import { waitFor } from './support/wait-for.ts';

/** Some machines have many times as many. */
const REAL_FILES = 2_000;

let lab: Lab;
beforeEach(() => {
  lab = new Lab('main');
});
afterEach(async () => {
  await lab.close();
});

const isStub = (full: string): boolean => fs.lstatSync(full, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
const isFile = (full: string): boolean => fs.lstatSync(full, { throwIfNoEntry: false })?.isFile() ?? false;

test('mirrors real folders as stubs, and every read makes a copy with the same bytes, mode and mtime', async () => {
  let left = REAL_FILES;
  fs.cpSync('/usr/include', lab.r('include'), {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
    filter: (from) => !isFile(from) || left-- > 0,
  });
  await lab.up();
  expect(lab.out).toMatch(/^ready {2}[\d,]+ stubs?, [\d,]+ folders?, 0 B downloaded/m);
  const files = pathsOf(lab.remote).filter((rel) => isFile(lab.r(rel)));
  for (const rel of files) {
    expect(isStub(lab.l(rel)), rel).toBe(true);
    expect(fs.realpathSync(lab.l(rel))).toBe(lab.r(rel));
  }
  expect(lab.status().copies).toBe(0);
  for (const rel of files) expect(hashFile(lab.l(rel))).toBe(hashFile(lab.r(rel)));
  await waitFor('all copies', 60_000, () => files.every((rel) => isFile(lab.l(rel))));
  for (const rel of files) {
    const here = fs.statSync(lab.l(rel), { bigint: true });
    const there = fs.statSync(lab.r(rel), { bigint: true });
    expect([rel, here.mode, here.mtimeNs]).toEqual([rel, there.mode, there.mtimeNs]);
  }
  expect(differences(lab.local, lab.remote)).toEqual([]);
  const status = lab.status();
  expect([status.copies, status.stubs, status.problems]).toEqual([files.length, 0, 0]);
});

test('each way of opening makes a copy; each way of only looking makes none', async () => {
  const names = ['cat', 'head', 'cp', 'mmap', 'exec', 'stat', 'ls', 'find', 'grep', 'direct'];
  for (const name of names) {
    fs.mkdirSync(lab.r(name));
    fs.writeFileSync(lab.r(name, 'f'), `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
  }
  for (let i = 0; i < 1000; i++) fs.writeFileSync(lab.r(`many-${i}`), `${i}\n`);
  await lab.up();
  const sh = (command: string): void => {
    const ran = spawnSync('sh', ['-c', command], { cwd: lab.local, encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(`${command}: ${ran.stderr}`);
  };
  sh('stat -L stat/f; ls -lL ls; find find -newer cat/f; grep -r echo grep || true');
  fs.readFileSync(lab.r('direct/f'));
  sh('cat cat/f; head -c1 head/f; cp cp/f ../taken; ./exec/f');
  sh(`python3 -c "import mmap;f=open('mmap/f','rb');m=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ);f.close();m[0]"`);
  for (let i = 0; i < 1000; i++) fs.closeSync(fs.openSync(lab.l(`many-${i}`), 'r'));
  const opened = [
    ...['cat', 'head', 'cp', 'mmap', 'exec'].map((name) => `${name}/f`),
    ...Array.from({ length: 1000 }, (_, i) => `many-${i}`),
  ];
  await waitFor('copies of all that was opened', 60_000, () => opened.every((rel) => isFile(lab.l(rel))));
  lab.wait();
  expect(['stat', 'ls', 'find', 'grep', 'direct'].filter((name) => !isStub(lab.l(name, 'f')))).toEqual([]);
  expect(lab.status().copies).toBe(opened.length);
});

test('the table: create, modify and delete, files and folders, on either side, each within 5 s', async () => {
  fs.writeFileSync(lab.r('stays'), 'stays');
  await lab.up();
  const within = (what: string, look: () => boolean): Promise<unknown> => waitFor(what, 5_000, look);
  const text = (full: string): string | null => (fs.existsSync(full) ? fs.readFileSync(full, 'utf8') : null);

  fs.writeFileSync(lab.r('a'), 'one');
  await within('remote create -> symlink', () => isStub(lab.l('a')));
  fs.mkdirSync(lab.r('d/e'), { recursive: true });
  await within(
    'remote create -> mkdir',
    () => fs.lstatSync(lab.l('d/e'), { throwIfNoEntry: false })?.isDirectory() ?? false,
  );
  expect(text(lab.l('a'))).toBe('one');
  await within('access -> download', () => isFile(lab.l('a')));
  // At rest first: an open that is still being told of would bring the new version down before anybody sees the arrow.
  lab.wait();
  fs.writeFileSync(lab.r('a'), 'two two');
  await within('remote modify -> symlink', () => isStub(lab.l('a')) && text(lab.l('a')) === 'two two');
  await within('and downloaded again, since it was read', () => isFile(lab.l('a')));
  fs.rmSync(lab.r('a'));
  await within('remote delete -> remove', () => !isFile(lab.l('a')) && !isStub(lab.l('a')));
  fs.rmSync(lab.r('d'), { recursive: true });
  await within('remote delete -> rmdir', () => !fs.existsSync(lab.l('d')));

  fs.mkdirSync(lab.l('x/y'), { recursive: true });
  fs.writeFileSync(lab.l('x/y/b'), 'one');
  await within('local create -> upload, mkdir', () => text(lab.r('x/y/b')) === 'one');
  fs.writeFileSync(lab.l('x/y/b'), 'two two');
  await within('local modify -> upload', () => text(lab.r('x/y/b')) === 'two two');
  fs.rmSync(lab.l('x'), { recursive: true });
  await within('local delete -> remove, rmdir', () => !fs.existsSync(lab.r('x')));
  lab.wait();
  expect(differences(lab.local, lab.remote)).toEqual([]);
});

test('changes made while nothing runs arrive at the next start, and nothing comes back from the dead', async () => {
  for (const rel of ['edit', 'delete', 'move', 'copy-edit', 'copy-move', 'r-edit', 'r-delete', 'd/a', 'd/b']) {
    fs.mkdirSync(path.dirname(lab.r(rel)), { recursive: true });
    fs.writeFileSync(lab.r(rel), rel);
  }
  await lab.up();
  for (const rel of ['copy-edit', 'copy-move', 'd/b']) fs.readFileSync(lab.l(rel));
  await waitFor('copies', 60_000, () => ['copy-edit', 'copy-move', 'd/b'].every((rel) => isFile(lab.l(rel))));
  lab.wait();
  expect(await lab.down()).toBeLessThan(5_000);
  const inode = fs.statSync(lab.r('copy-move')).ino;
  fs.rmSync(lab.l('delete'));
  fs.renameSync(lab.l('move'), lab.l('moved'));
  fs.renameSync(lab.l('copy-move'), lab.l('copy-moved'));
  fs.renameSync(lab.l('d'), lab.l('e'));
  fs.writeFileSync(lab.l('copy-edit'), 'edited here');
  fs.writeFileSync(lab.l('new'), 'new here');
  fs.writeFileSync(lab.r('r-edit'), 'edited there');
  fs.rmSync(lab.r('r-delete'));
  fs.writeFileSync(lab.r('r-new'), 'new there');
  await lab.up();
  lab.wait();
  expect(pathsOf(lab.remote)).toEqual(
    ['copy-edit', 'copy-moved', 'e', 'e/a', 'e/b', 'edit', 'moved', 'new', 'r-edit', 'r-new'].sort(),
  );
  expect(differences(lab.local, lab.remote)).toEqual([]);
  expect(fs.readFileSync(lab.r('copy-edit'), 'utf8')).toBe('edited here');
  expect(fs.readFileSync(lab.r('moved'), 'utf8')).toBe('move');
  expect(fs.statSync(lab.r('copy-moved')).ino).toBe(inode);
  expect(lab.status()).toMatchObject({ problems: 0, conflicts: 0 });
  lab.wait();
  for (const root of [lab.local, lab.remote]) expect(filesUnder(path.join(root, '.lazysync/stage'))).toEqual([]);
});
