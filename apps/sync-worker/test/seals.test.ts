/** A look at everything passes over folders in which nothing has changed, and over no others. */
import fs from 'node:fs';
import path from 'node:path';
import { type RelPath, relPath } from '@lazysync/event-model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

/** What was written lately may be written again without showing it. */
const LONG_AGO = new Date(1_500_000_000_000);

let pair: TwoFolders;
const here = (at: string): string => path.join(pair.local, at);
const there = (at: string): string => path.join(pair.remote, at);
const sealed = (): RelPath[] => pair.ports.base.directories().filter((one) => pair.ports.base.seal(one) !== null);

/** Folders whose rows are read from now on: those that are looked into. */
function lookedInto(): Set<RelPath> {
  const read = new Set<RelPath>();
  const { base } = pair.ports;
  const { children } = base;
  Object.assign(base, { children: (at: RelPath) => (read.add(at), children(at)) });
  return read;
}

beforeEach(async () => {
  pair = await twoFolders();
  for (const folder of ['d', 'd/e', 'd/e/deep', 'other']) {
    fs.mkdirSync(there(folder));
    for (const name of ['a', 'b', 'c']) {
      fs.writeFileSync(there(`${folder}/${name}`), `${folder} ${name}`);
      fs.utimesSync(there(`${folder}/${name}`), LONG_AGO, LONG_AGO);
    }
  }
  await pair.rescan();
});
afterEach(async () => {
  await pair.close();
});

test('what a first mirror has made is sealed with the digest that its listing has', async () => {
  expect(sealed()).toEqual(['', 'd', 'd/e', 'd/e/deep', 'other']);
  const read = lookedInto();
  await pair.rescan();
  expect(read).toEqual(new Set());
  expect(sealed()).toEqual(['', 'd', 'd/e', 'd/e/deep', 'other']);
});

describe('a copy', () => {
  test('that was settled long enough is sealed', async () => {
    await pair.open('d/a');
    expect(fs.lstatSync(here('d/a')).isFile()).toBe(true);
    expect(sealed()).toEqual(['', 'd/e', 'd/e/deep', 'other']);
    await pair.rescan();
    expect(sealed()).toEqual(['', 'd', 'd/e', 'd/e/deep', 'other']);
    const read = lookedInto();
    await pair.rescan();
    expect(read).toEqual(new Set());
  });

  test('that was just written is not', async () => {
    fs.writeFileSync(here('d/mine'), 'mine');
    await pair.change('local', 'create', 'd/mine');
    await pair.rescan();
    expect(pair.ports.base.get(relPath('d/mine'))).toMatchObject({ form: 'copy', racy: true });
    expect(sealed()).toEqual(['', 'd/e', 'd/e/deep', 'other']);
  });

  test('that is edited in place, in size and time as before', async () => {
    await pair.open('d/a');
    await pair.rescan();
    expect(sealed()).toContain('d');
    fs.writeFileSync(here('d/a'), 'D/A');
    fs.utimesSync(here('d/a'), LONG_AGO, LONG_AGO);
    await pair.rescan();
    expect(fs.readFileSync(there('d/a'), 'utf8')).toBe('D/A');
  });
});

describe('nothing that has changed is passed over', () => {
  const old = new Date(1_000_000_000_000);
  const cases: Readonly<Record<string, () => void>> = {
    'a file made in local': () => fs.writeFileSync(here('d/e/new'), 'new'),
    'a stub deleted in local': () => fs.rmSync(here('d/e/a')),
    'a stub replaced by a file': () => {
      fs.rmSync(here('d/e/a'));
      fs.writeFileSync(here('d/e/a'), 'mine');
    },
    'a stub replaced by another link': () => {
      fs.rmSync(here('d/e/a'));
      fs.symlinkSync('elsewhere', here('d/e/a'));
    },
    'two stubs that changed places': () => {
      fs.renameSync(here('d/e/a'), here('d/e/x'));
      fs.renameSync(here('d/e/b'), here('d/e/a'));
      fs.renameSync(here('d/e/x'), here('d/e/b'));
    },
    'a stub moved to another folder': () => fs.renameSync(here('d/e/a'), here('other/moved')),
    'a folder moved in local': () => fs.renameSync(here('d/e/deep'), here('other/deep')),
    'a folder deleted in local': () => fs.rmSync(here('d/e'), { recursive: true }),
    'a mode of a folder': () => fs.chmodSync(here('d/e'), 0o700),
    'a file made in the remote': () => fs.writeFileSync(there('d/e/new'), 'new'),
    'a file edited in the remote, of the same size': () => fs.writeFileSync(there('d/e/a'), 'D/E A'),
    'a file with another time in the remote': () => fs.utimesSync(there('d/e/a'), old, old),
    'a file deleted in the remote': () => fs.rmSync(there('d/e/a')),
    'a file that became a folder in the remote': () => {
      fs.rmSync(there('d/e/a'));
      fs.mkdirSync(there('d/e/a'));
      fs.writeFileSync(there('d/e/a/inside'), 'inside');
    },
    'a folder moved in the remote': () => fs.renameSync(there('d/e/deep'), there('other/deep')),
  };
  for (const [name, change] of Object.entries(cases)) {
    test(name, async () => {
      const inSeals = sealed().length;
      change();
      const same = await twoLooks();
      expect(same.seals).toBeLessThan(inSeals + 3);
      expect(same.local).toEqual(same.remote);
    });
  }

  /** Both sides afterwards, each path with its kind. A look without any seal finds nothing more. */
  async function twoLooks() {
    await pair.rescan();
    // What takes the place of something else is filled by the next look.
    await pair.rescan();
    const shape = (root: string): string[] =>
      fs
        .readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((rel) => !rel.startsWith('.lazysync'))
        .map(
          (rel) =>
            `${fs.statSync(path.join(root, rel), { throwIfNoEntry: false })?.isDirectory() ?? 'leads nowhere'} ${rel}`,
        )
        .sort();
    const after = { local: shape(pair.local), remote: shape(pair.remote) };
    pair.ports.base.keepSealsUnder('none');
    await pair.rescan();
    expect({ local: shape(pair.local), remote: shape(pair.remote) }).toEqual(after);
    return { ...after, seals: sealed().length };
  }
});

test('neither the trash nor what became ignored is walked because the base has rows of it', async () => {
  fs.rmSync(here('d/e/deep'), { recursive: true });
  await pair.change('local', 'delete', 'd/e/deep');
  expect(pair.trash('remote')).not.toEqual([]);
  fs.writeFileSync(there('.lazysyncignore'), 'other\n');
  await pair.change('remote', 'create', '.lazysyncignore');
  await pair.rescan();
  expect(sealed()).toEqual(['', 'd', 'd/e']);
  const listed: RelPath[] = [];
  const { remote } = pair.ports;
  const { list } = remote;
  Object.assign(remote, {
    list: async (...[queries]: Parameters<typeof list>) => (
      listed.push(...queries.map((one) => one.path)), list(queries)
    ),
  });
  await pair.rescan();
  expect(listed).toEqual(['', 'd', 'd/e']);
});

test('a folder in which something is a problem is looked into', async () => {
  const problem = {
    code: 'unreadable',
    path: relPath('d/e/a'),
    side: 'local',
    message: 'It can not be read.',
  } as const;
  pair.ports.base.putProblem(problem, 1);
  const read = lookedInto();
  await pair.rescan();
  expect(read).toEqual(new Set(['d/e']));
  expect(pair.ports.base.problems()).toEqual([]);
});

test('other rules: everything is looked into', async () => {
  const read = lookedInto();
  fs.writeFileSync(there('.lazysyncignore'), '*.other\n');
  await pair.change('remote', 'create', '.lazysyncignore');
  await pair.rescan();
  expect([...read]).toEqual(expect.arrayContaining(['', 'd', 'd/e', 'd/e/deep', 'other']));
  expect(sealed()).toEqual(['', 'd', 'd/e', 'd/e/deep', 'other']);
});
