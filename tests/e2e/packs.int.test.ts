/** Many small files over a slow mount, with a watcher beside the disk behind it: real processes all of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { openBaseReader } from '@lazysync/base';
import { programFile } from '@lazysync/programs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noMounts, SlowRemote } from '../outage/support/slow-remote.ts';
import { Lab } from './support/lab.ts';
import { waitFor } from './support/wait-for.ts';

const CLI = programFile('cli');
const LIMIT_MS = 150_000;

let slow: SlowRemote;
let lab: Lab;
let server: ChildProcess;
let said = '';

function startServer(): void {
  said = '';
  const { redis } = JSON.parse(fs.readFileSync(lab.l('.lazysync/pair.json'), 'utf8')) as { redis: string };
  const args = [CLI, 'watch', '--side', 'remote', '--root', slow.backing, '--redis', redis, '--log-level', 'debug'];
  server = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  server.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}

const times = (words: string): number => said.split(words).length - 1;
const pushed = (): boolean => (lab.status() as { remoteScan?: { pushed: boolean } | null }).remoteScan?.pushed === true;

beforeAll(async () => {
  if (noMounts !== null) return;
  // Its listings are remembered for long enough to be older than a pack.
  slow = new SlowRemote('--rtt', '20', '--opts', 'dcache_timeout=2');
  lab = new Lab('packs', slow.remote);
  await lab.up();
  startServer();
  await waitFor('word of the watcher on the server', LIMIT_MS, pushed);
  // Found out by trials, some seconds after the start.
  await waitFor('how fine the times are', LIMIT_MS, () => {
    const state = fs.readdirSync(lab.state).find((name) => fs.existsSync(path.join(lab.state, name, 'base.db'))) ?? '';
    const base = openBaseReader(path.join(lab.state, state, 'base.db'));
    const found = base.meta('probe-remote');
    base.close();
    return found?.includes('mtimeStepNs') === true;
  });
}, 200_000);

afterAll(async () => {
  if (noMounts !== null) return;
  await end(server, 'SIGTERM');
  await lab.close();
  slow.down();
});

function contents(root: string, folder: string): Record<string, string> {
  const at = path.join(root, folder);
  return Object.fromEntries(
    fs.existsSync(at) ? fs.readdirSync(at).map((name) => [name, fs.readFileSync(path.join(at, name), 'utf8')]) : [],
  );
}

function write(root: string, folder: string, count: number): void {
  fs.mkdirSync(path.join(root, folder));
  for (let n = 0; n < count; n++) fs.writeFileSync(path.join(root, folder, `f${n}`), `${folder} ${n}\n`.repeat(300));
}

const staged = (root: string): readonly string[] =>
  fs
    .readdirSync(path.join(root, '.lazysync/stage'), { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map(({ name }) => name);

const isEmpty = (): boolean => staged(slow.backing).length + staged(lab.local).length === 0;

test.skipIf(noMounts !== null)('new files go up as one, and are what they were', async () => {
  slow.resetStats();
  write(lab.local, 'up', 150);
  await waitFor('all files', LIMIT_MS, () => Object.keys(contents(slow.backing, 'up')).length === 150);
  lab.wait();
  expect(contents(slow.backing, 'up')).toEqual(contents(lab.local, 'up'));
  await waitFor('word of a pack', LIMIT_MS, () => times('"came":"unpacked"') > 0);
  expect(lab.status()).toMatchObject({ problems: 0, conflicts: 0, copies: 150 });
  await waitFor('nothing staged any more', LIMIT_MS, isEmpty);
});

test.skipIf(noMounts !== null)('many stubs come down as one', async () => {
  write(slow.backing, 'down', 150);
  await waitFor(
    'the stubs',
    LIMIT_MS,
    () => fs.existsSync(lab.l('down')) && fs.readdirSync(lab.l('down')).length === 150,
  );
  const got = lab.run(['get', lab.l('down')], { timeout: LIMIT_MS });
  expect(got.code, got.err).toBe(0);
  expect(fs.readdirSync(lab.l('down'), { withFileTypes: true }).every((one) => one.isFile())).toBe(true);
  expect(contents(lab.local, 'down')).toEqual(contents(slow.backing, 'down'));
  await waitFor('word of a pack', LIMIT_MS, () => times('"came":"packed"') > 0);
  await waitFor('nothing staged any more', LIMIT_MS, isEmpty);
});

test.skipIf(noMounts !== null)(
  'a folder is made, and moved, on the server: who opens a stub in it gets the copy',
  async () => {
    const kindOf = (file: string): 'link' | 'file' | null => {
      const stat = fs.lstatSync(lab.l(file), { throwIfNoEntry: false });
      return stat === undefined ? null : stat.isSymbolicLink() ? 'link' : 'file';
    };
    // No folder of local is listed here: that would tell of it, too.
    const open = async (file: string): Promise<void> => {
      await waitFor(`the stub ${file}`, LIMIT_MS, () => kindOf(file) === 'link');
      expect(fs.readFileSync(lab.l(file), 'utf8')).toBe('of the server');
      await waitFor(`a copy of ${file}`, 20_000, () => kindOf(file) === 'file');
    };
    fs.mkdirSync(path.join(slow.backing, 'made/deep'), { recursive: true });
    for (const name of ['a', 'b']) fs.writeFileSync(path.join(slow.backing, 'made/deep', name), 'of the server');
    await open('made/deep/a');
    fs.renameSync(path.join(slow.backing, 'made'), path.join(slow.backing, 'moved'));
    await open('moved/deep/b');
  },
);

test.skipIf(noMounts !== null)('killed while it unpacks: all come all the same, once', async () => {
  write(lab.local, 'killed', 400);
  await waitFor('the first of them', LIMIT_MS, () => Object.keys(contents(slow.backing, 'killed')).length > 0);
  await end(server, 'SIGKILL');
  await waitFor('all files', LIMIT_MS, () => Object.keys(contents(slow.backing, 'killed')).length === 400);
  lab.wait();
  expect(contents(slow.backing, 'killed')).toEqual(contents(lab.local, 'killed'));
  expect(lab.status()).toMatchObject({ problems: 0, conflicts: 0 });
  await waitFor('nothing staged any more', LIMIT_MS, isEmpty);
});
