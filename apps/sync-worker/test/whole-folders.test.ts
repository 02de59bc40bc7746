/** New folders that are filled before they are seen, and get their names by one rename. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { relPath, type Step } from '@lazysync/event-model';
import { type Order, RemoteOffline, type Replica } from '@lazysync/replica';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replayJournal } from '../src/replay-journal.ts';
import { type TwoFolders, type TwoFoldersOptions, twoFolders } from './support/two-folders.ts';

let pair: TwoFolders;
let remote: string;
let suits = true;

const isFilled = (step: Step): boolean => step.kind === 'make-directory' && step.filled === true;

async function begin(options: TwoFoldersOptions = {}): Promise<void> {
  suits = true;
  pair = await twoFolders({ remote, wholeFolders: { fewest: 2, suits: () => suits }, ...options });
}

beforeEach(async () => {
  remote = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-whole-')));
  await begin();
});

const staged = (): string[] =>
  fs
    .readdirSync(path.join(remote, '.lazysync/stage'), { recursive: true, encoding: 'utf8' })
    .filter((name) => !/^\d+$/.test(name));

afterEach(async () => {
  expect(staged()).toEqual([]);
  expect([...pair.ports.base.intents(), ...pair.ports.base.leftovers()]).toEqual([]);
  expect(pair.tree('remote')).toEqual(pair.tree('local'));
  await pair.close();
  fs.rmSync(remote, { recursive: true, force: true });
});

const FILES = ['d/c', 'd/d', 'd/e/f', 'd/e/g', 'h/i', 'h/j'];
const FOLDERS = ['d', 'd/e', 'h'];

function write(names: readonly string[] = FILES): string[] {
  for (const name of names) {
    const file = path.join(pair.local, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `of ${name}`);
  }
  return [...FOLDERS, ...names];
}

/** Runs `before` ahead of a call of the remote, and tells which there were. */
function watch<K extends 'stage' | 'stageFolder' | 'carryOut' | 'recover'>(
  call: K,
  before: (...args: Parameters<Replica[K]>) => void | Promise<void> = () => undefined,
): Parameters<Replica[K]>[] {
  const calls: Parameters<Replica[K]>[] = [];
  const there = pair.ports.remote;
  const really = there[call] as (...args: Parameters<Replica[K]>) => unknown;
  Object.assign(there, {
    [call]: async (...args: Parameters<Replica[K]>) => {
      calls.push(args);
      await before(...args);
      return await really(...args);
    },
  });
  return calls;
}

const commits = (calls: readonly (readonly [readonly Order[]])[]): string[] =>
  calls.flatMap(([orders]) => orders.flatMap(({ step }) => (isFilled(step) ? [step.path] : [])));

test('a new folder with what is in it gets its name by one rename', async () => {
  const paths = write();
  fs.chmodSync(path.join(pair.local, 'd/e'), 0o750);
  fs.chmodSync(path.join(pair.local, 'd/c'), 0o640);
  const seen: string[][] = [];
  const carried = watch('carryOut', () => void seen.push(Object.keys(pair.tree('remote'))));
  const said = await pair.change('local', 'create', ...paths);
  expect(commits(carried).sort()).toEqual(['d', 'h']);
  expect(carried).toHaveLength(2);
  // Nothing of it was seen before.
  expect(seen[0]).toEqual([]);
  expect(said.filter((one) => one.startsWith('upload in remote'))).toHaveLength(FILES.length);
  expect(said.filter((one) => one.startsWith('make-directory in remote'))).toHaveLength(FOLDERS.length);
  expect(fs.statSync(path.join(remote, 'd/e')).mode & 0o7777).toBe(0o750);
  expect(pair.ports.base.get(relPath('d/e/f'))).toMatchObject({ kind: 'file', form: 'copy', remote: { size: 8 } });
  // What was changed a moment ago is looked at once more.
  for (const one of await pair.change('remote', 'modify', ...paths))
    expect(one).toMatch(/^(in agreement|written down)$/);
});

test('links, large files and empty folders in it come after it', async () => {
  const paths = write();
  fs.symlinkSync('c', path.join(pair.local, 'd/link'));
  fs.writeFileSync(path.join(pair.local, 'd/large'), Buffer.alloc(2 << 20, 'large'));
  fs.mkdirSync(path.join(pair.local, 'd/empty'));
  await pair.change('local', 'create', ...paths, 'd/link', 'd/large', 'd/empty');
  expect(fs.readlinkSync(path.join(remote, 'd/link'))).toBe('c');
});

test('few files, a mount that does not suit, or a folder that passes on its group: file by file', async () => {
  const carried = watch('carryOut');
  fs.mkdirSync(path.join(pair.local, 'few'));
  await pair.change('local', 'create', 'few', ...write(['few/one']).slice(FOLDERS.length));
  fs.mkdirSync(path.join(pair.local, 'group'), { mode: 0o755 });
  fs.chmodSync(path.join(pair.local, 'group'), 0o2775);
  await pair.change('local', 'create', 'group');
  const inGroup = ['group/in/a', 'group/in/b', 'group/in/c'];
  await pair.change('local', 'create', 'group/in', ...write(inGroup).slice(FOLDERS.length));
  suits = false;
  await pair.change('local', 'create', ...write());
  expect(commits(carried)).toEqual([]);
});

test.each<readonly [string, () => void]>([
  ['a file', () => fs.writeFileSync(path.join(remote, 'd'), 'of somebody else')],
  [
    'a full folder',
    () => {
      fs.mkdirSync(path.join(remote, 'd'));
      fs.writeFileSync(path.join(remote, 'd/c'), 'of somebody else');
    },
  ],
])('%s that somebody else has put there meanwhile stays theirs', async (_what, put) => {
  const paths = write();
  let done = false;
  watch('carryOut', () => {
    if (!done) put();
    done = true;
  });
  await pair.change('local', 'create', ...paths);
  await pair.rescan();
  const contents = Object.keys(pair.tree('remote')).flatMap((name) => {
    const full = path.join(remote, name);
    return fs.statSync(full).isFile() ? [fs.readFileSync(full, 'utf8')] : [];
  });
  expect(contents).toContain('of somebody else');
  expect(contents).toEqual(expect.arrayContaining(FILES.map((name) => `of ${name}`)));
  await pair.open(...Object.keys(pair.tree('local')).filter((name) => pair.tree('local')[name] !== 'folder'));
});

test('files that go, change or can not be staged meanwhile are left to themselves', async () => {
  const paths = write();
  watch('stage', ({ step, under }) => {
    if (under === undefined) return;
    if (step.path === 'd/c') fs.writeFileSync(path.join(pair.local, 'd/c'), 'of d/c, but longer');
    if (step.path === 'd/e/g') fs.rmSync(path.join(pair.local, 'd/e/g'));
  });
  await pair.change('local', 'create', ...paths);
  expect(fs.readFileSync(path.join(remote, 'd/c'), 'utf8')).toBe('of d/c, but longer');
  expect(fs.existsSync(path.join(remote, 'd/e/g'))).toBe(false);
});

test('two names that the remote takes for the same: none of the two is lost', async () => {
  await pair.close();
  await begin({ foldsCase: true });
  // The tree that takes them for the same looks before it makes them.
  Object.assign(pair.ports, { width: 1 });
  const paths = write([...FILES, 'd/C']);
  await pair.change('local', 'create', ...paths);
  expect(pair.ports.base.problems().map(({ path: at }) => at)).toHaveLength(1);
  const [problem] = pair.ports.base.problems();
  const left = problem?.path ?? '';
  expect(['d/c', 'd/C']).toContain(left);
  expect(fs.readFileSync(path.join(pair.local, left), 'utf8')).toBe(`of ${left}`);
  fs.rmSync(path.join(pair.local, left));
  await pair.change('local', 'delete', left);
});

test('broken off in the middle, it is undone by the journal, and goes again', async () => {
  const paths = write();
  let broken = false;
  watch('stage', ({ step }) => {
    if (step.path !== 'd/e/f' || broken) return;
    broken = true;
    throw new RemoteOffline('of a test');
  });
  await expect(pair.change('local', 'create', ...paths)).rejects.toThrow(RemoteOffline);
  expect(pair.ports.base.intents().map(({ step }) => step.path)).toContain('d');
  expect(staged()).not.toEqual([]);
  await replayJournal(pair.ports);
  expect(staged()).toEqual([]);
  await pair.change('local', 'create', ...paths);
});

test('what has its name, but is not written down, is found there and compared', async () => {
  const paths = write();
  const there = pair.ports.remote;
  const { carryOut } = there;
  let broken = false;
  Object.assign(there, {
    carryOut: async (orders: readonly Order[]) => {
      const outcome = await carryOut(orders);
      if (broken) return outcome;
      broken = true;
      throw new RemoteOffline('of a test');
    },
  });
  await expect(pair.change('local', 'create', ...paths)).rejects.toThrow(RemoteOffline);
  await replayJournal(pair.ports);
  await pair.change('local', 'create', ...paths);
  expect(Object.keys(pair.tree('remote')).some((name) => name.includes('conflict'))).toBe(false);
});

test('asked to stop, what is filled so far gets its name', async () => {
  const paths = write();
  const over = new AbortController();
  const stagedFiles = watch('stage', ({ step }) => {
    if (step.path === 'd/c') over.abort(new Error('asked to stop'));
  });
  const events = paths.map((at) => ({ kind: 'create', side: 'local', path: relPath(at) }) as const);
  Object.assign(pair.ports, { width: 1 });
  await expect(pair.workUntil(over.signal, ...events)).rejects.toThrow('asked to stop');
  expect(stagedFiles.length).toBeLessThan(FILES.length);
  expect(fs.readFileSync(path.join(remote, 'd/c'), 'utf8')).toBe('of d/c');
  expect(pair.ports.base.get(relPath('d/c'))).toMatchObject({ kind: 'file', form: 'copy' });
  await pair.change('local', 'create', ...paths);
});
