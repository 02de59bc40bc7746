/** Many small downloads in one pack, made beside the remote's disk: here by the same process. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { PackAnswer, PackRequest } from '@lazysync/event-model';
import { createDiskFs, type DiskFs, packFiles, packPath } from '@lazysync/replica';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

type Pack = (request: PackRequest) => Promise<PackAnswer | null>;

const COUNT = 60;
const NAMES = Array.from({ length: COUNT }, (_, n) => `d${n % 3}/f${n}`);

let pair: TwoFolders;
let remote: string;
let disk: DiskFs;
let asked: PackRequest[] = [];
let pack: Pack;

const really: Pack = (request) => packFiles(disk, request);

beforeEach(async () => {
  remote = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-packed-')));
  disk = createDiskFs({ root: remote, mode: 'local' });
  asked = [];
  pack = really;
  pair = await twoFolders({
    remote,
    packs: {
      fewest: 8,
      served: async () => true,
      unpack: async () => null,
      pack: async (request) => {
        asked.push(request);
        return pack(request);
      },
    },
  });
  pair.ports.base.setMeta('probe-remote', JSON.stringify({ mtimeStepNs: '1' }));
  for (const name of NAMES) {
    fs.mkdirSync(path.dirname(path.join(remote, name)), { recursive: true });
    fs.writeFileSync(path.join(remote, name), `of ${name}`);
    fs.utimesSync(path.join(remote, name), 1_000_000.5, 1_000_000.5);
  }
  fs.chmodSync(path.join(remote, 'd1/f31'), 0o600);
  await pair.rescan();
});

const staged = (root: string): string[] =>
  fs
    .readdirSync(path.join(root, '.lazysync/stage'), { recursive: true, withFileTypes: true })
    .filter((one) => !one.isDirectory())
    .map(({ name }) => name);

afterEach(async () => {
  expect(pair.tree('local')).toEqual(pair.tree('remote'));
  expect([...staged(remote), ...staged(pair.local)]).toEqual([]);
  expect(pair.ports.base.transfers()).toEqual([]);
  await pair.close();
  disk.close();
  fs.rmSync(remote, { recursive: true, force: true });
});

test('most of them come in packs, each as a download of its own would', async () => {
  await pair.open(...NAMES);
  expect(asked.reduce((sum, { files }) => sum + files.length, 0)).toBeGreaterThan(COUNT / 2);
  const shown = (root: string) => {
    const { mode, mtimeNs } = fs.statSync(path.join(root, 'd1/f31'), { bigint: true });
    return [mode, mtimeNs];
  };
  expect(shown(pair.local)).toEqual(shown(remote));
  expect(await pair.change('remote', 'modify', ...NAMES)).toEqual(NAMES.map(() => 'in agreement'));
});

test.each<readonly [string, Pack]>([
  ['nobody answers', async () => null],
  ['it is refused', async () => ({ kind: 'refused', why: 'of a test' })],
  ['there is nothing where it should be', async () => ({ kind: 'packed' })],
  [
    'it is no pack',
    async ({ slot }) => {
      fs.writeFileSync(path.join(remote, packPath(slot)), 'something else');
      return { kind: 'packed' };
    },
  ],
  ['half of them are in it', ({ slot, files }) => really({ slot, files: files.slice(0, files.length / 2) })],
  [
    'there are others in it',
    ({ slot, files }) =>
      really({ slot, files: files.map((file, i) => ({ ...file, slot: files.at(-1 - i)?.slot ?? '' })) }),
  ],
])('%s: the others come by themselves', async (_what, what) => {
  pack = what;
  await pair.open(...NAMES);
  expect(asked.length).toBeGreaterThan(0);
});

test('a file that changes meanwhile comes as it is then; one that goes does not come', async () => {
  pack = async (request) => {
    const answer = await really(request);
    if (asked.length === 1) {
      for (const name of ['d2/f50', 'd0/f51']) fs.writeFileSync(path.join(remote, name), `another ${name}`);
      fs.rmSync(path.join(remote, 'd1/f52'));
    }
    return answer;
  };
  await pair.open(...NAMES);
  await pair.change('remote', 'modify', 'd2/f50', 'd0/f51');
  await pair.change('remote', 'delete', 'd1/f52');
  await pair.open(...NAMES.filter((name) => name !== 'd1/f52'));
});

test('what is to stay free stays free: nothing is packed that has no room', async () => {
  // Each of them has room, all together have not.
  pair.free.bytes = 1_100;
  await pair.open(...NAMES);
  expect(asked).toEqual([]);
});
