/** The actions whose every step is a place to die at. */
import fs from 'node:fs';
import path from 'node:path';
import { type ChangeKind, relPath, type Side, type SyncEvent } from '@lazysync/event-model';
import { boot, push, type World } from './world.ts';

export interface Scenario {
  readonly name: string;
  /** What both sides hold before: made in the remote. Paths that end in `/` are folders. */
  readonly remote?: Readonly<Record<string, string>>;
  /** Stubs that are copies before. */
  readonly copies?: readonly string[];
  /** Copies that were then edited in local, and went up. */
  readonly written?: Readonly<Record<string, string>>;
  /** What somebody does then. */
  readonly act: (world: World) => void;
  /** What the watcher tells of it: one job each. */
  readonly jobs: readonly (readonly SyncEvent[])[];
}

const OLD = new Date('2020-02-03T04:05:06.789Z');
const NEW = new Date('2021-02-03T04:05:06.789Z');

export function write(root: string, rel: string, text: string | Buffer, when = NEW): void {
  const full = path.join(root, rel);
  fs.mkdirSync(path.dirname(full), { recursive: true });
  fs.writeFileSync(full, text);
  fs.utimesSync(full, when, when);
}

const rm = (root: string, rel: string): void => fs.rmSync(path.join(root, rel), { recursive: true });
const mv = (root: string, from: string, to: string): void => fs.renameSync(path.join(root, from), path.join(root, to));
const change = (side: Side, kind: ChangeKind, ...paths: string[]): SyncEvent[] =>
  paths.map((rel) => ({ kind, side, path: relPath(rel) }));
const opened = (...paths: string[]): SyncEvent[] =>
  paths.map((rel) => ({ kind: 'access', side: 'local', path: relPath(rel) }));
const asked = (command: 'get' | 'free' | 'pin', rel: string, arg?: string): SyncEvent => ({
  kind: 'command',
  side: 'local',
  path: relPath(rel),
  id: `${command}-1`,
  command,
  ...(arg === undefined ? {} : { arg }),
});
const BIG = Buffer.alloc(3 * 1024 * 1024 + 17, 'big ');

/** Brings a world to the state before the action. */
export async function prepare(world: World, scenario: Scenario): Promise<void> {
  for (const [rel, text] of Object.entries({ stays: 'stays', 'also/stays': 'also', ...scenario.remote })) {
    if (rel.endsWith('/')) fs.mkdirSync(path.join(world.remote, rel), { recursive: true });
    else write(world.remote, rel, text, OLD);
  }
  push(world, [{ kind: 'rescan', side: 'local', path: relPath(''), why: 'start' }]);
  if (scenario.copies !== undefined) push(world, opened(...scenario.copies));
  await boot(world);
  for (const [rel, text] of Object.entries(scenario.written ?? {})) {
    write(world.local, rel, text, OLD);
    push(world, change('local', 'modify', rel));
    await boot(world);
  }
  scenario.act(world);
  push(world, ...scenario.jobs);
}

const TREE = { 'd/a': 'd a', 'd/e/b': 'd e b', 'd/e/c': 'd e c' };
const TREE_PATHS = ['d', 'd/a', 'd/e', 'd/e/b', 'd/e/c'];

export const SCENARIOS: readonly Scenario[] = [
  // ------------------------------------------------------------------------------------------------ changes in local
  {
    name: 'local create of a file',
    act: (w) => write(w.local, 'new', 'new here'),
    jobs: [change('local', 'create', 'new')],
  },
  {
    name: 'local create of a big file',
    act: (w) => write(w.local, 'big', BIG),
    jobs: [change('local', 'create', 'big')],
  },
  {
    name: 'local create of folders with files and a link',
    act: (w) => {
      write(w.local, 'n/o/p', 'p');
      write(w.local, 'n/q', 'q');
      fs.symlinkSync('q', path.join(w.local, 'n/link'));
    },
    jobs: [change('local', 'create', 'n', 'n/o', 'n/o/p', 'n/q', 'n/link')],
  },
  {
    name: 'local create of folders that go up as a whole, with a link',
    act: (w) => {
      for (const name of ['n/p', 'n/q', 'n/o/r', 'm/s', 'm/t', 'm/u']) write(w.local, name, `of ${name}`);
      fs.symlinkSync('q', path.join(w.local, 'n/link'));
    },
    jobs: [change('local', 'create', 'n', 'm', 'n/o', 'n/p', 'n/q', 'n/o/r', 'm/s', 'm/t', 'm/u', 'n/link')],
  },
  {
    name: 'local edit of a copy',
    remote: { f: 'one' },
    copies: ['f'],
    act: (w) => write(w.local, 'f', 'two two'),
    jobs: [change('local', 'modify', 'f')],
  },
  {
    name: 'local edit of a big copy',
    remote: { big: BIG.toString() },
    copies: ['big'],
    act: (w) => write(w.local, 'big', Buffer.concat([BIG, Buffer.from('and more')])),
    jobs: [change('local', 'modify', 'big')],
  },
  {
    name: 'local edit that replaces a stub',
    remote: { f: 'one' },
    act: (w) => {
      write(w.local, 'f.new', 'two two');
      mv(w.local, 'f.new', 'f');
    },
    jobs: [change('local', 'modify', 'f')],
  },
  {
    name: 'local edit, twice, two jobs',
    remote: { f: 'one', g: 'one of g' },
    copies: ['f', 'g'],
    act: (w) => {
      write(w.local, 'f', 'two two');
      write(w.local, 'g', 'g two');
    },
    jobs: [change('local', 'modify', 'f'), change('local', 'modify', 'g', 'f')],
  },
  {
    name: 'many unrelated paths in one job: new, edited, deleted, moved, opened',
    remote: { f: 'one', g: 'one of g', s: 'stub', m: 'moves', 't/u': 'in t' },
    copies: ['f', 'g', 't/u'],
    act: (w) => {
      write(w.local, 'f', 'two two');
      write(w.local, 'n1', 'first new');
      write(w.local, 'n2', 'second new');
      write(w.local, 'k/n3', 'third new');
      write(w.remote, 't/u', 'in t, edited there');
      rm(w.local, 'g');
      rm(w.local, 's');
      mv(w.local, 'm', 'm2');
    },
    jobs: [
      [...change('local', 'create', 'n1', 'n2', 'k', 'k/n3', 'm2'), ...change('remote', 'modify', 't/u')].concat(
        change('local', 'modify', 'f'),
        change('local', 'delete', 'g', 's', 'm'),
      ),
    ],
  },
  {
    name: 'local delete of a copy and a stub',
    remote: { f: 'one', s: 'stub' },
    copies: ['f'],
    act: (w) => {
      rm(w.local, 'f');
      rm(w.local, 's');
    },
    jobs: [change('local', 'delete', 'f', 's')],
  },
  {
    name: 'local delete of a folder',
    remote: TREE,
    copies: ['d/e/b'],
    act: (w) => rm(w.local, 'd'),
    jobs: [change('local', 'delete', ...TREE_PATHS)],
  },
  {
    name: 'local delete of a folder in which the remote has something new',
    remote: TREE,
    act: (w) => {
      rm(w.local, 'd');
      write(w.remote, 'd/e/new', 'made meanwhile');
    },
    jobs: [change('local', 'delete', ...TREE_PATHS), change('remote', 'create', 'd/e/new')],
  },
  {
    name: 'local move of a copy',
    remote: { f: 'one' },
    copies: ['f'],
    act: (w) => mv(w.local, 'f', 'also/g'),
    jobs: [[...change('local', 'delete', 'f'), ...change('local', 'create', 'also/g')]],
  },
  {
    name: 'local move of a stub, delete first, two jobs',
    remote: { f: 'one' },
    act: (w) => mv(w.local, 'f', 'g'),
    jobs: [change('local', 'delete', 'f'), change('local', 'create', 'g')],
  },
  {
    name: 'local move of a stub, create first, two jobs',
    remote: { f: 'one' },
    act: (w) => mv(w.local, 'f', 'g'),
    jobs: [change('local', 'create', 'g'), change('local', 'delete', 'f')],
  },
  {
    name: 'local move of a folder with stubs and a copy',
    remote: TREE,
    copies: ['d/e/b'],
    act: (w) => mv(w.local, 'd', 'moved'),
    jobs: [
      [
        ...change('local', 'delete', ...TREE_PATHS),
        ...change('local', 'create', ...TREE_PATHS.map((rel) => rel.replace('d', 'moved'))),
      ],
    ],
  },
  {
    name: 'local swap of two stubs',
    remote: { a: 'a', b: 'b b' },
    act: (w) => {
      mv(w.local, 'a', 'x');
      mv(w.local, 'b', 'a');
      mv(w.local, 'x', 'b');
    },
    jobs: [change('local', 'modify', 'a', 'b')],
  },
  {
    name: 'save by rename with a backup',
    remote: { f: 'one' },
    copies: ['f'],
    act: (w) => {
      mv(w.local, 'f', 'f~');
      write(w.local, 'f', 'two two');
    },
    jobs: [[...change('local', 'create', 'f~'), ...change('local', 'modify', 'f')]],
  },
  {
    name: 'local copy of a stub',
    remote: { f: 'one' },
    act: (w) => fs.symlinkSync(fs.readlinkSync(path.join(w.local, 'f')), path.join(w.local, 'also/twin')),
    jobs: [change('local', 'create', 'also/twin')],
  },
  {
    name: 'local chmod and touch of a copy, chmod of a folder',
    remote: { 'd/f': 'one' },
    copies: ['d/f'],
    act: (w) => {
      fs.chmodSync(path.join(w.local, 'd/f'), 0o751);
      fs.utimesSync(path.join(w.local, 'd/f'), NEW, NEW);
      fs.chmodSync(path.join(w.local, 'd'), 0o750);
    },
    jobs: [change('local', 'modify', 'd/f', 'd')],
  },
  {
    name: 'local file becomes a folder',
    remote: { x: 'file' },
    copies: ['x'],
    act: (w) => {
      rm(w.local, 'x');
      write(w.local, 'x/y', 'inside');
    },
    jobs: [change('local', 'modify', 'x', 'x/y')],
  },
  {
    name: 'local link is made, changed and removed',
    remote: { f: 'one' },
    act: (w) => {
      fs.symlinkSync('nowhere', path.join(w.local, 'dead'));
      rm(w.local, 'f');
      fs.symlinkSync('stays', path.join(w.local, 'f'));
    },
    jobs: [[...change('local', 'create', 'dead'), ...change('local', 'modify', 'f')]],
  },
  // ----------------------------------------------------------------------------------------------- changes in remote
  {
    name: 'remote create of files and folders',
    act: (w) => {
      write(w.remote, 'n/o/p', 'p');
      write(w.remote, 'q', 'q');
      fs.symlinkSync('q', path.join(w.remote, 'link'));
    },
    jobs: [change('remote', 'create', 'n', 'n/o', 'n/o/p', 'q', 'link')],
  },
  {
    name: 'remote edit of a copy (dehydrate)',
    remote: { f: 'one' },
    copies: ['f'],
    act: (w) => write(w.remote, 'f', 'two two'),
    jobs: [change('remote', 'modify', 'f')],
  },
  {
    name: 'remote edit of a big copy, opened again',
    remote: { big: BIG.toString() },
    copies: ['big'],
    act: (w) => write(w.remote, 'big', Buffer.concat([BIG, Buffer.from('and more')])),
    jobs: [change('remote', 'modify', 'big'), opened('big')],
  },
  {
    name: 'remote edit of a copy that was written here (dehydrate, kept in the trash)',
    remote: { f: 'one' },
    copies: ['f'],
    written: { f: 'written here' },
    act: (w) => write(w.remote, 'f', 'three three'),
    jobs: [change('remote', 'modify', 'f')],
  },
  {
    name: 'remote delete of a copy and a stub',
    remote: { f: 'one', s: 'stub' },
    copies: ['f'],
    act: (w) => {
      rm(w.remote, 'f');
      rm(w.remote, 's');
    },
    jobs: [change('remote', 'delete', 'f', 's')],
  },
  {
    name: 'remote delete of a folder',
    remote: TREE,
    copies: ['d/e/b'],
    act: (w) => rm(w.remote, 'd'),
    jobs: [change('remote', 'delete', ...TREE_PATHS)],
  },
  {
    name: 'remote move of a file and a folder',
    remote: { f: 'one', ...TREE },
    copies: ['f', 'd/e/b'],
    act: (w) => {
      mv(w.remote, 'f', 'g');
      mv(w.remote, 'd', 'moved');
    },
    jobs: [
      [
        ...change('remote', 'delete', 'f', ...TREE_PATHS),
        ...change('remote', 'create', 'g', ...TREE_PATHS.map((rel) => rel.replace('d', 'moved'))),
      ],
    ],
  },
  {
    name: 'remote chmod and touch of a copy',
    remote: { f: 'one' },
    copies: ['f'],
    act: (w) => {
      fs.chmodSync(path.join(w.remote, 'f'), 0o751);
      fs.utimesSync(path.join(w.remote, 'f'), NEW, NEW);
    },
    jobs: [change('remote', 'modify', 'f')],
  },
  {
    name: 'remote folder becomes a file',
    remote: TREE,
    copies: ['d/a'],
    act: (w) => {
      rm(w.remote, 'd');
      write(w.remote, 'd', 'a file now');
    },
    jobs: [change('remote', 'modify', 'd')],
  },
  // ----------------------------------------------------------------------------------------------------------- reads
  {
    name: 'download',
    remote: { f: 'one' },
    act: () => undefined,
    jobs: [opened('f')],
  },
  {
    name: 'download of a big file and a small one',
    remote: { f: 'one', big: BIG.toString() },
    act: () => undefined,
    jobs: [opened('big', 'f')],
  },
  {
    name: 'download of a file that the remote changes',
    remote: { f: 'one' },
    act: (w) => write(w.remote, 'f', 'two two'),
    jobs: [opened('f'), change('remote', 'modify', 'f')],
  },
  {
    name: 'commands: get a folder, free a copy, pin a pattern',
    remote: { f: 'one', 'p.txt': 'pinned', ...TREE },
    copies: ['f'],
    act: () => undefined,
    jobs: [[asked('get', 'd')], [asked('free', 'f')], [asked('pin', '', '*.txt')]],
  },
  // ------------------------------------------------------------------------------------------------------ both sides
  {
    name: 'conflict of a file here and a folder there',
    act: (w) => {
      write(w.local, 'x', 'a file here');
      write(w.remote, 'x/y', 'in a folder there');
    },
    jobs: [change('local', 'create', 'x'), change('remote', 'create', 'x', 'x/y')],
  },
  {
    name: 'conflict of a folder here and a file there',
    act: (w) => {
      write(w.local, 'x/y', 'in a folder here');
      write(w.remote, 'x', 'a file there');
    },
    jobs: [change('local', 'create', 'x', 'x/y'), change('remote', 'create', 'x')],
  },
  {
    name: 'the same folder is made on both sides, with other files',
    act: (w) => {
      write(w.local, 'n/here', 'here');
      write(w.remote, 'n/there', 'there');
    },
    jobs: [change('local', 'create', 'n', 'n/here'), change('remote', 'create', 'n', 'n/there')],
  },
  {
    name: 'conflict of two edits',
    remote: { 'f.txt': 'one' },
    copies: ['f.txt'],
    act: (w) => {
      write(w.local, 'f.txt', 'local version');
      write(w.remote, 'f.txt', 'remote version!');
    },
    jobs: [[...change('local', 'modify', 'f.txt'), ...change('remote', 'modify', 'f.txt')]],
  },
  {
    name: 'conflict of two creates',
    act: (w) => {
      write(w.local, 'f.txt', 'local version');
      write(w.remote, 'f.txt', 'remote version!');
    },
    jobs: [change('local', 'create', 'f.txt'), change('remote', 'create', 'f.txt')],
  },
  {
    name: 'the same change on both sides',
    remote: { f: 'one' },
    copies: ['f'],
    act: (w) => {
      write(w.local, 'f', 'the same');
      write(w.remote, 'f', 'the same');
    },
    jobs: [change('local', 'modify', 'f')],
  },
  {
    name: 'local edit, remote delete',
    remote: { f: 'one', ...TREE },
    copies: ['f', 'd/e/b'],
    act: (w) => {
      write(w.local, 'f', 'two two');
      write(w.local, 'd/e/b', 'edited');
      rm(w.remote, 'f');
      rm(w.remote, 'd');
    },
    jobs: [change('remote', 'delete', 'f', ...TREE_PATHS)],
  },
  {
    name: 'local delete, remote edit',
    remote: { f: 'one', ...TREE },
    copies: ['f'],
    act: (w) => {
      rm(w.local, 'f');
      rm(w.local, 'd');
      write(w.remote, 'f', 'two two');
      write(w.remote, 'd/a', 'edited');
    },
    jobs: [change('local', 'delete', 'f', ...TREE_PATHS)],
  },
];
