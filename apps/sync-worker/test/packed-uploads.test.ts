/** Many new files in one pack, unpacked beside the remote's disk: here by the same process. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type RelPath, relPath, type UnpackOutcome } from '@lazysync/event-model';
import { createDiskFs, type DiskFs, packPath, RemoteOffline, takenPath, unpack } from '@lazysync/replica';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replayJournal } from '../src/replay-journal.ts';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

type Unpack = (slot: string) => Promise<UnpackOutcome | null>;

let pair: TwoFolders;
let remote: string;
let disk: DiskFs;
let asked: string[] = [];
let packedNames: string[] = [];
let served = true;
let wholes = false;
let answer: Unpack;

const really: Unpack = (slot) => unpack(disk, slot, () => Date.now());

beforeEach(async () => {
  remote = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-packed-')));
  disk = createDiskFs({ root: remote, mode: 'local' });
  asked = [];
  served = true;
  wholes = false;
  answer = really;
  pair = await twoFolders({
    remote,
    wholeFolders: { fewest: 2, suits: () => wholes },
    packs: {
      fewest: 2,
      served: async () => served,
      pack: async () => null,
      unpack: async (slot) => {
        asked.push(slot);
        packedNames = pair.ports.base.intents().map(({ step }) => step.path);
        return answer(slot);
      },
    },
  });
  pair.ports.base.setMeta('probe-remote', JSON.stringify({ mtimeStepNs: '1000000000' }));
});

const staged = (): string[] =>
  fs
    .readdirSync(path.join(remote, '.lazysync/stage'), { recursive: true, withFileTypes: true })
    .filter((one) => !one.isDirectory())
    .map(({ name }) => name);

afterEach(async () => {
  expect(staged()).toEqual([]);
  expect([...pair.ports.base.intents(), ...pair.ports.base.leftovers()]).toEqual([]);
  expect(pair.tree('remote')).toEqual(pair.tree('local'));
  await pair.close();
  disk.close();
  fs.rmSync(remote, { recursive: true, force: true });
});

const NAMES = ['a', 'b', 'd/c', 'd/d', 'd/e/f', 'd/e/g', 'g'];

function write(names: readonly string[] = NAMES): readonly string[] {
  for (const name of names) {
    const file = path.join(pair.local, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `of ${name}`);
  }
  return ['d', 'd/e', ...names];
}

test('new files and their folders go up in one pack, each as an upload of its own would', async () => {
  const paths = write();
  fs.chmodSync(path.join(pair.local, 'b'), 0o640);
  fs.utimesSync(path.join(pair.local, 'b'), 1_000_000.5, 1_000_000.5);
  const said = await pair.change('local', 'create', ...paths);
  expect(asked).toHaveLength(1);
  expect(said.filter((one) => one.startsWith('upload in remote'))).toHaveLength(NAMES.length);
  expect(packedNames).toHaveLength(NAMES.length);
  const { mode, mtimeMs } = fs.statSync(path.join(remote, 'b'));
  // The mount keeps whole seconds.
  expect([mode & 0o777, mtimeMs]).toEqual([0o640, 1_000_000_000]);
  const row = pair.ports.base.get(relPath('d/e/f'));
  expect(row).toMatchObject({ kind: 'file', form: 'copy', remote: { size: 8 } });
  expect(await pair.change('remote', 'modify', 'b')).toEqual(['in agreement']);
});

test('the mount is told to forget the folders that it knew, and only those', async () => {
  fs.mkdirSync(path.join(pair.local, 'old'));
  await pair.change('local', 'create', 'old');
  const forgotten: RelPath[] = [];
  const { remote: there } = pair.ports;
  const { forgetListings } = there;
  Object.assign(there, {
    forgetListings: (folders: readonly RelPath[]) => {
      forgotten.push(...folders);
      return forgetListings(folders);
    },
  });
  await pair.change('local', 'create', ...write([...NAMES, 'old/new']));
  expect(forgotten.sort()).toEqual(['', 'old']);
  forgotten.length = 0;
  pair.ports.base.setMeta('probe-remote', JSON.stringify({ mtimeStepNs: '1000000000', listingCacheMs: 0 }));
  await pair.change('local', 'create', ...write(['old/x', 'old/y', 'old/z']).slice(2));
  expect(forgotten).toEqual([]);
});

test('a folder that somebody has made meanwhile is taken as theirs, with what lies in it', async () => {
  answer = (slot) => {
    fs.mkdirSync(path.join(remote, 'd'), { mode: 0o700 });
    fs.writeFileSync(path.join(remote, 'd/theirs'), 'of somebody else');
    return really(slot);
  };
  await pair.change('local', 'create', ...write());
  expect(pair.ports.base.get(relPath('d/e/f'))).toMatchObject({ kind: 'file', form: 'copy' });
  expect(Object.keys(pair.tree('remote')).some((name) => name.includes('conflict'))).toBe(false);
  await pair.change('remote', 'create', 'd/theirs');
  await pair.open('d/theirs');
});

test('few files, or nobody there: each goes by itself', async () => {
  await pair.change('local', 'create', ...write(['a']).slice(2));
  served = false;
  await pair.change('local', 'create', ...write());
  expect(asked).toEqual([]);
});

test('a name that somebody else has taken meanwhile stays theirs, and ours comes beside it', async () => {
  answer = (slot) => {
    fs.writeFileSync(path.join(remote, 'a'), 'of somebody else');
    return really(slot);
  };
  await pair.change('local', 'create', ...write());
  expect(fs.readFileSync(path.join(remote, 'a'), 'utf8')).toBe('of somebody else');
  const conflict = Object.entries(pair.tree('remote')).find(([name]) => name.startsWith('a (conflict'));
  expect(conflict?.[1]).toBe('file of a');
  await pair.open('a');
});

test.each<readonly [string, Unpack]>([
  ['nobody answers', async () => null],
  ['it is refused', async () => ({ kind: 'refused', why: 'of a test' }) as const],
  ['somebody else has it', async () => ({ kind: 'gone' }) as const],
  [
    'all is done, and the answer is lost',
    async (slot: string) => {
      await really(slot);
      return null;
    },
  ],
  [
    'whoever has taken it is killed in the middle',
    async (slot: string) => {
      await disk.rename(packPath(slot), takenPath(slot));
      fs.writeFileSync(path.join(remote, 'a'), 'of a');
      return null;
    },
  ],
])('%s: each goes by itself', async (_what, what) => {
  answer = what;
  await pair.change('local', 'create', ...write());
  expect(asked).toHaveLength(1);
  expect(Object.keys(pair.tree('remote')).some((name) => name.includes('conflict'))).toBe(false);
});

test('after one that broke, the remote is looked at again, and no new folder of it is tried as a whole', async () => {
  wholes = true;
  const paths = write();
  answer = async (slot) => {
    await disk.rename(packPath(slot), takenPath(slot));
    fs.mkdirSync(path.join(remote, 'd'));
    fs.writeFileSync(path.join(remote, 'd/c'), 'of d/c');
    fs.writeFileSync(path.join(remote, 'd/d'), 'of somebody else');
    return null;
  };
  const { remote: there } = pair.ports;
  const { stage, stageFolder } = there;
  const stagedFiles: string[] = [];
  const stagedFolders: string[] = [];
  Object.assign(there, {
    stage: (...args: Parameters<typeof stage>) => {
      stagedFiles.push(args[0].step.path);
      return stage(...args);
    },
    stageFolder: (...args: Parameters<typeof stageFolder>) => {
      stagedFolders.push(args[0]);
      return stageFolder(...args);
    },
  });
  await pair.change('local', 'create', ...paths);
  expect(stagedFolders).toEqual([]);
  // What is there already is not staged first to find that out.
  expect(stagedFiles.filter((name) => !name.includes('conflict')).sort()).toEqual(['a', 'b', 'd/e/f', 'd/e/g', 'g']);
  expect(fs.readFileSync(path.join(remote, 'd/d'), 'utf8')).toBe('of somebody else');
  const conflict = Object.entries(pair.tree('remote')).find(([name]) => name.startsWith('d/d (conflict'));
  expect(conflict?.[1]).toBe('file of d/d');
  await pair.open('d/d');
});

test('broken off in the middle, it is withdrawn: what comes late does nothing', async () => {
  let late = '';
  answer = async (slot) => {
    late = slot;
    throw new RemoteOffline('of a test');
  };
  await expect(pair.change('local', 'create', ...write())).rejects.toThrow(RemoteOffline);
  expect(pair.ports.base.intents()).toHaveLength(NAMES.length);
  await replayJournal(pair.ports);
  expect(staged()).toEqual([]);
  expect(await really(late)).toEqual({ kind: 'gone' });
  answer = really;
  await pair.change('local', 'create', ...write());
});

test('a file that changed before it was packed, or that is a link by now, is left out', async () => {
  const paths = write();
  const { remote: there } = pair.ports;
  const { pack } = there;
  Object.assign(there, {
    pack: (...args: Parameters<typeof pack>) => {
      fs.writeFileSync(path.join(pair.local, 'a'), 'of a, but longer');
      fs.rmSync(path.join(pair.local, 'g'));
      return pack(...args);
    },
  });
  await pair.change('local', 'create', ...paths);
  expect(fs.readFileSync(path.join(remote, 'a'), 'utf8')).toBe('of a, but longer');
  expect(fs.existsSync(path.join(remote, 'g'))).toBe(false);
});

test.each(['d', 'd/e'] as RelPath[])('nothing is written through a link that lies where %s was', async (folder) => {
  const elsewhere = fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-elsewhere-'));
  await pair.change('local', 'create', ...write());
  answer = async (slot) => {
    fs.renameSync(path.join(remote, folder), path.join(remote, 'moved away'));
    fs.symlinkSync(elsewhere, path.join(remote, folder));
    const outcome = await really(slot);
    fs.unlinkSync(path.join(remote, folder));
    fs.renameSync(path.join(remote, 'moved away'), path.join(remote, folder));
    expect(outcome).toEqual({ kind: 'unpacked', folders: [], files: [] });
    return outcome;
  };
  const more = [1, 2, 3].map((n) => `${folder}/new${n}`);
  await pair.change('local', 'create', ...write(more).slice(2));
  expect(fs.readdirSync(elsewhere)).toEqual([]);
  fs.rmdirSync(elsewhere);
});
