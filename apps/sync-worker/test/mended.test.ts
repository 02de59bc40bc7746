/** A side that can not be looked at for a while: what happens there meanwhile is done when it can be again. */
import fs from 'node:fs';
import path from 'node:path';
import type { Entry, Problem, SyncEvent } from '@lazysync/event-model';
import { relPath } from '@lazysync/event-model';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

const BLIND: Entry = { kind: 'unknown', reason: 'EMFILE' };

let pair: TwoFolders;
let blind = false;
const here = (...names: string[]): string => path.join(pair.local, ...names);
const there = (...names: string[]): string => path.join(pair.remote, ...names);
const event = (kind: 'create' | 'modify' | 'delete', name: string): SyncEvent => ({
  kind,
  side: 'local',
  path: relPath(name),
});
const problems = (): string[] => pair.ports.base.problems().map((one) => one.path);
/** As the retry of problems publishes it. */
const retries = (): SyncEvent[] =>
  problems().flatMap((at): SyncEvent[] => [
    { kind: 'modify', side: 'local', path: relPath(at) },
    { kind: 'modify', side: 'remote', path: relPath(at) },
  ]);
const again = (): Promise<string[]> => pair.work(...retries());

beforeEach(async () => {
  blind = false;
  pair = await twoFolders();
  const { local } = pair.ports;
  const { look, freshLook, list } = local;
  Object.assign(local, {
    look: async (...args: Parameters<typeof look>) => (blind ? args[0].map(() => BLIND) : await look(...args)),
    freshLook: async (...args: Parameters<typeof freshLook>) =>
      blind ? args[0].map(() => BLIND) : await freshLook(...args),
    list: async (...args: Parameters<typeof list>) =>
      blind
        ? args[0].map((query) => ({ kind: 'unreadable', path: query.path, reason: 'EMFILE' }))
        : await list(...args),
  });
});

afterEach(async () => {
  await pair.close();
});

test('a new folder: what is in it goes up with it', async () => {
  fs.mkdirSync(here('m/inner'), { recursive: true });
  for (const name of ['x0', 'x1', 'inner/y']) fs.writeFileSync(here('m', name), name);
  blind = true;
  await pair.work(...['m', 'm/x0', 'm/x1', 'm/inner', 'm/inner/y'].map((name) => event('create', name)));
  expect(problems()).toContain('m');
  blind = false;
  await again();
  expect(problems()).toEqual([]);
  for (const name of ['x0', 'x1', 'inner/y']) expect(fs.readFileSync(there('m', name), 'utf8')).toBe(name);
});

test('a known folder, of which somebody told meanwhile', async () => {
  fs.mkdirSync(there('d'));
  await pair.rescan();
  fs.writeFileSync(here('d/new'), 'new');
  blind = true;
  await pair.work(event('modify', 'd'));
  expect(problems()).toEqual(['d']);
  blind = false;
  await again();
  expect(problems()).toEqual([]);
  expect(fs.readFileSync(there('d/new'), 'utf8')).toBe('new');
});

test('a folder that is moved away: nothing is left of what was the matter in it', async () => {
  fs.mkdirSync(there('g'));
  fs.mkdirSync(there('d'));
  for (const name of ['h', 'i']) fs.writeFileSync(there('g', name), name);
  await pair.rescan();
  fs.renameSync(here('g'), here('d/g'));
  blind = true;
  const gone = ['g', 'g/h', 'g/i'].map((name) => event('delete', name));
  await pair.work(...gone, ...['d/g', 'd/g/h', 'd/g/i'].map((name) => event('create', name)));
  expect(problems()).toContain('g/h');
  blind = false;
  await again();
  await again();
  expect(problems()).toEqual([]);
  expect(fs.existsSync(there('g'))).toBe(false);
  for (const name of ['h', 'i']) expect(fs.readFileSync(there('d/g', name), 'utf8')).toBe(name);
});

test('what is left out from now on is no problem any more', async () => {
  fs.writeFileSync(here('x.part'), 'x');
  blind = true;
  await pair.work(event('create', 'x.part'));
  blind = false;
  expect(problems()).toEqual(['x.part']);
  fs.writeFileSync(there('.lazysyncignore'), '*.part\n');
  await pair.change('remote', 'create', '.lazysyncignore');
  expect(problems()).toEqual([]);
  expect(fs.existsSync(there('x.part'))).toBe(false);
});

test('a folder that can not be looked at while it is looked into again stays a problem', async () => {
  fs.mkdirSync(there('d'));
  await pair.rescan();
  fs.writeFileSync(here('d/new'), 'new');
  blind = true;
  await pair.work(event('modify', 'd'));
  await again();
  expect(problems()).toEqual(['d']);
  blind = false;
  await again();
  expect(problems()).toEqual([]);
  expect(fs.existsSync(there('d/new'))).toBe(true);
});

test('what shall always be here, and could not be downloaded, is downloaded after all', async () => {
  pair.ports.base.putPin('wanted');
  for (const name of ['wanted', 'other']) fs.writeFileSync(there(name), name);
  const { remote } = pair.ports;
  const { fetch } = remote;
  const problem: Problem = { code: 'no-permission', path: relPath('wanted'), side: 'remote', message: 'No.' };
  Object.assign(remote, { fetch: async () => ({ kind: 'failed', problem }) });
  await pair.rescan();
  await vi.waitUntil(() => problems().length > 0);
  expect(fs.lstatSync(here('wanted')).isSymbolicLink()).toBe(true);
  // While it is tried again it is still one: else each try would be taken for the first, and come two seconds later.
  let tried = 0;
  const { promise, resolve } = Promise.withResolvers<object>();
  Object.assign(remote, { fetch: () => ++tried && promise });
  await pair.workAt(Date.now(), ...retries());
  expect([problems(), tried]).toEqual([['wanted'], 1]);
  resolve({ kind: 'failed', problem });
  await vi.waitUntil(() => pair.ports.base.transfers().length === 0);
  expect(problems()).toEqual(['wanted']);
  Object.assign(remote, { fetch });
  await again();
  await vi.waitUntil(async () => {
    await pair.work();
    return fs.lstatSync(here('wanted')).isFile();
  });
  expect(problems()).toEqual([]);
  expect(fs.lstatSync(here('other')).isSymbolicLink()).toBe(true);
});
