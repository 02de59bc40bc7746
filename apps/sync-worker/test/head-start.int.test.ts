/** The process that walks ahead, on a folder of this disk. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { anchorOf, ROOT, stubTarget } from '@lazysync/event-model';
import { programFile } from '@lazysync/programs';
import type { Listing } from '@lazysync/replica';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFrameReader, type WalkedTree } from '../src/head-start.ts';

const PROGRAM = programFile('head-start');
const DEADLINE_MS = 20_000;

let top: string;
let remote: string;
let local: string;
let walk: ChildProcess | undefined;

beforeEach(() => {
  top = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-head-')));
  remote = path.join(top, 'remote');
  local = path.join(top, 'local');
  fs.mkdirSync(remote);
});

afterEach(() => {
  walk?.kill('SIGKILL');
  fs.rmSync(top, { recursive: true, force: true });
});

function start(): ChildProcess {
  walk = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', PROGRAM, '--remote', remote, '--local', local],
    {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      timeout: DEADLINE_MS,
      killSignal: 'SIGABRT',
    },
  );
  return walk;
}

async function walked(): Promise<{ readonly tree: WalkedTree; readonly listings: ReadonlyMap<string, Listing> }> {
  const heard: unknown[] = [];
  const read = createFrameReader((value) => heard.push(value));
  const process = start();
  process.stdout?.on('data', read);
  const [, signal] = await once(process, 'close');
  expect(signal).toBe('SIGKILL');
  const [tree, ...listings] = heard as [WalkedTree, ...Listing[]];
  return { tree, listings: new Map(listings.map((one) => [one.path, one])) };
}

const namesOf = (listing: Listing | undefined): unknown =>
  listing?.kind === 'listing'
    ? Object.fromEntries(listing.names.map(({ name, entry }) => [name, entry.kind]))
    : listing?.kind;

test('every folder is told once, with what is in it, whoever reads how late', async () => {
  for (let n = 0; n < 60; n++) {
    fs.mkdirSync(path.join(remote, `d${n}/e`), { recursive: true });
    // More than a pipe holds.
    for (let m = 0; m < 40; m++) fs.writeFileSync(path.join(remote, `d${n}`, `a file with a long name ${m}`), 'x');
  }
  fs.symlinkSync(stubTarget(anchorOf(local), ROOT), path.join(remote, 'd0/e/stub'));
  fs.mkdirSync(path.join(remote, '.lazysync/trash'), { recursive: true });
  const { tree, listings } = await walked();
  expect(tree).toEqual({ remoteRoot: remote, anchors: [anchorOf(local)] });
  expect(listings.size).toBe(1 + 2 * 60);
  expect(Object.keys(namesOf(listings.get('')) as object)).toHaveLength(60);
  expect(Object.keys(namesOf(listings.get('d59')) as object)).toHaveLength(41);
  expect(namesOf(listings.get('d0/e'))).toEqual({ stub: 'stub' });
});

test('a remote with rules of its own is left to the worker', async () => {
  fs.mkdirSync(path.join(remote, 'd'));
  fs.writeFileSync(path.join(remote, '.lazysyncignore'), 'd');
  expect([...(await walked()).listings]).toEqual([]);
});

test('no folder: it ends without a word', async () => {
  fs.rmdirSync(remote);
  const { tree, listings } = await walked();
  expect([tree, listings.size]).toEqual([undefined, 0]);
});

test('it ends with whoever started it', async () => {
  // Far more than pipes hold.
  for (let n = 0; n < 5_000; n++)
    fs.mkdirSync(path.join(remote, `a folder with a long name of more than a few bytes ${n}`));
  const process = start();
  // Nobody reads: it waits for somebody who does.
  await once(process.stdout ?? process, 'readable');
  process.disconnect();
  expect(await once(process, 'exit')).toEqual([null, 'SIGKILL']);
});
