/**
 * Two hosts save one file by rename at the same time, again and again: every version is in its place, in a conflict file or
 * in a trash, or was replaced by its own reader. Over a mount that can not exchange names some may be overwritten inside
 * the window that the code marks RACE: these are counted. `npm run test:hosts` plays 1,000 rounds of each.
 */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type TwoFolders, twoFolders } from '../../apps/sync-worker/test/support/two-folders.ts';
import { noMounts, SlowRemote } from '../outage/support/slow-remote.ts';

const ROUNDS = Number(process.env.LAZYSYNC_ROUNDS ?? 12);
const SEED = Number(process.env.LAZYSYNC_SEED ?? 1);
const RIVAL = path.join(import.meta.dirname, 'support/rival.py');
/** Most of the other host's saves come between two of ours, some into one. */
const PAUSE_MS = 400;
const LIMIT = (ROUNDS * 6 + 120) * 1000;
const noPython = spawnSync('python3', ['--version']).status === 0 ? null : 'there is no python3';

let pair: TwoFolders | null = null;
let mount: SlowRemote | null = null;
let folder: string | null = null;
afterEach(async () => {
  await pair?.close();
  mount?.down();
  if (folder !== null) fs.rmSync(folder, { recursive: true });
  [pair, mount, folder] = [null, null, null];
});

function startRival(file: string, pauseMs: number) {
  const child = spawn('python3', [RIVAL, file, String(SEED), String(pauseMs)], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString();
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return async (): Promise<{ wrote: string[]; replaced: Set<string> }> => {
    child.stdin.end();
    await ended;
    const lines = out.split('\n').map((line) => line.split('\t'));
    const of = (kind: string): string[] => lines.filter(([word]) => word === kind).map(([, text]) => text ?? '');
    return { wrote: of('wrote'), replaced: new Set(of('replaced')) };
  };
}

/** All there is to be found below a root, the trash included. */
function contentsOf(root: string): Set<string> {
  const found = new Set<string>();
  for (const name of fs.readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const full = path.join(root, name);
    if (fs.lstatSync(full, { throwIfNoEntry: false })?.isFile() === true) found.add(fs.readFileSync(full, 'utf8'));
  }
  return found;
}

interface Played {
  readonly wrote: number;
  readonly lost: readonly string[];
  /** Replaces in which a save of another host would not have been seen. */
  readonly open: number;
}

/** `far`: the remote as the other host sees it. */
async function play(options: Parameters<typeof twoFolders>[0], far: string, pauseMs: number): Promise<Played> {
  const it = await twoFolders(options);
  pair = it;
  const root = far === '' ? it.remote : far;
  const here = path.join(it.local, 'f');
  fs.writeFileSync(here, 'first');
  await it.change('local', 'create', 'f');
  const stopRival = startRival(path.join(root, 'f'), pauseMs);
  const wrote = ['first'];
  const replaced = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const text = `local ${round} ${'l'.repeat(round % 200)}`;
    fs.writeFileSync(`${here}.new`, text);
    // A user saves over what there is: a copy of theirs is replaced knowingly, a stub holds nothing.
    if (fs.lstatSync(here, { throwIfNoEntry: false })?.isFile() === true) replaced.add(fs.readFileSync(here, 'utf8'));
    fs.renameSync(`${here}.new`, here);
    wrote.push(text);
    await it.change('local', 'modify', 'f');
    if (round % 3 === 0) await it.change('remote', 'modify', 'f');
  }
  const rival = await stopRival();
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  for (let i = 0; i < 3; i++) await it.rescan();
  const found = new Set([...contentsOf(it.local), ...contentsOf(root)]);
  const gone = [...wrote, ...rival.wrote].filter(
    (text) => !found.has(text) && !replaced.has(text) && !rival.replaced.has(text),
  );
  const { base } = it.ports;
  expect(base.intents()).toEqual([]);
  expect([...contentsOf(path.join(root, '.lazysync/stage'))]).toEqual([]);
  return { wrote: wrote.length + rival.wrote.length, lost: gone, open: Number(base.meta('open-replaces') ?? 0) };
}

function tell(where: string, { wrote, lost, open }: Played): void {
  process.stderr.write(
    `${where}: ${ROUNDS} rounds, ${wrote} versions, ${lost.length} overwritten inside the window, ${open} replaces with an open window\n`,
  );
}

test.skipIf(noPython !== null)('on a disk, names are exchanged: no version is lost', { timeout: LIMIT }, async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-hosts-'));
  const played = await play({ remote: folder }, folder, 4);
  tell('disk', played);
  expect(played).toMatchObject({ lost: [], open: 0 });
});

const reason = noMounts ?? noPython;
const where = (name: string): string => `${name}${reason === null ? '' : ` (skipped: ${reason})`}`;

test.skipIf(reason !== null)(
  where('over sshfs, replace: capture: no version is lost'),
  { timeout: LIMIT },
  async () => {
    mount = new SlowRemote('--rtt', '6ms', '--opts', 'dcache_timeout=1');
    const played = await play({ remote: mount.remote, replace: 'capture' }, mount.backing, PAUSE_MS);
    tell('sshfs, replace: capture', played);
    expect(played).toMatchObject({ lost: [], open: 0 });
  },
);

test.skipIf(reason !== null)(
  where('over sshfs: only what was replaced inside the window is lost, and that is counted'),
  { timeout: LIMIT },
  async () => {
    mount = new SlowRemote('--rtt', '6ms', '--opts', 'dcache_timeout=1');
    const played = await play({ remote: mount.remote }, mount.backing, PAUSE_MS);
    tell('sshfs', played);
    expect(played.lost.length).toBeLessThanOrEqual(played.open);
    // What we wrote ourselves is never what is lost.
    expect(played.lost.filter((text) => !text.startsWith('rival'))).toEqual([]);
  },
);
