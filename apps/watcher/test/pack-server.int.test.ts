/** Packs beside the remote's disk: what is asked over a real Redis, and what is written. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { relPath } from '@lazysync/event-model';
import { createLogger } from '@lazysync/ops/logger';
import {
  askToPack,
  askToUnpack,
  type EmbeddedRedis,
  type Listening,
  openRedis,
  type RedisLink,
  startEmbeddedRedis,
} from '@lazysync/queue';
import {
  createDiskFs,
  createPack,
  type DiskFs,
  type PackContent,
  type PackedFolder,
  packContents,
  packPath,
  takenPath,
  unpack,
  writePack,
} from '@lazysync/replica';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createPackServer, type PackServer } from '../src/pack-server.ts';

const ASK_MS = 20_000;
const SLOT = '20260102t030405-abc123-7';

let top: string;
let redis: EmbeddedRedis;
let link: RedisLink;
let root: string;
let disk: DiskFs;
let packServer: PackServer;
let serving: Listening;
let refusal: string | null = null;

const log = createLogger({ name: 'test', level: 'fatal' });

beforeAll(async () => {
  top = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-packs-')));
  const started = await startEmbeddedRedis({ dir: path.join(top, 'redis'), log: () => undefined });
  if (started.kind === 'failed') throw new Error(started.message);
  redis = started.redis;
  link = openRedis(redis.address);
});

afterAll(async () => {
  await link.close();
  await redis.stop();
  fs.rmSync(top, { recursive: true, force: true });
});

beforeEach(() => {
  root = fs.mkdtempSync(path.join(top, 'disk-'));
  fs.mkdirSync(path.join(root, '.lazysync/stage'), { recursive: true });
  fs.mkdirSync(path.join(root, 'd'));
  disk = createDiskFs({ root, mode: 'local' });
  refusal = null;
  packServer = createPackServer({ root, redis: link, refuse: () => refusal, log });
  serving = packServer.serve('p');
});

afterEach(async () => {
  await serving.close();
  packServer.close();
  disk.close();
  expect(staged()).toEqual([]);
});

const staged = (): string[] =>
  fs
    .readdirSync(path.join(root, '.lazysync/stage'), { recursive: true, withFileTypes: true })
    .filter((one) => !one.isDirectory())
    .map(({ name }) => name);

function content(name: string, more: Partial<PackContent> = {}): PackContent {
  const bytes = Buffer.from(`of ${name}`);
  return {
    ...packContents(bytes),
    slot: `20260102t030405-abc123-${name.length}`,
    path: relPath(name),
    mode: 0o640,
    mtimeNs: 1_000_000_000_000_000_000n,
    ...more,
  };
}

async function put(...files: readonly PackContent[]): Promise<void> {
  await writePack(await createPack(disk, SLOT), files, async () => undefined);
}

async function putFolders(folders: readonly PackedFolder[], ...files: readonly PackContent[]): Promise<void> {
  await writePack(await createPack(disk, SLOT), files, async () => undefined, folders);
}
const folder = (name: string, mode = 0o750): PackedFolder => ({ path: name as PackedFolder['path'], mode });

test('each file comes to its place, as it was packed, and nobody else is touched', async () => {
  fs.writeFileSync(path.join(root, 'taken'), 'of somebody else');
  await put(content('a'), content('d/bb'), content('taken'));
  const outcome = await askToUnpack(link, 'p', SLOT, ASK_MS);
  expect(outcome).toEqual({
    kind: 'unpacked',
    folders: [],
    files: [
      { slot: '20260102t030405-abc123-1', size: 4, mode: 0o640, mtimeNs: 1_000_000_000_000_000_000n },
      { slot: '20260102t030405-abc123-4', size: 7, mode: 0o640, mtimeNs: 1_000_000_000_000_000_000n },
    ],
  });
  expect(fs.readFileSync(path.join(root, 'd/bb'), 'utf8')).toBe('of d/bb');
  expect(fs.statSync(path.join(root, 'a')).mtimeMs).toBe(1_000_000_000_000);
  expect(fs.readFileSync(path.join(root, 'taken'), 'utf8')).toBe('of somebody else');
});

test('folders are made before what lies in them; what is there already is none of the pack', async () => {
  fs.writeFileSync(path.join(root, 'file'), 'of somebody else');
  await putFolders(
    [folder('n'), folder('n/m', 0o1777), folder('d'), folder('file')],
    content('n/m/f'),
    content('d/bb'),
  );
  const outcome = await askToUnpack(link, 'p', SLOT, ASK_MS);
  expect(outcome).toMatchObject({ kind: 'unpacked', folders: ['n', 'n/m'] });
  expect(outcome?.kind === 'unpacked' && outcome.files).toHaveLength(2);
  expect(['n', 'n/m'].map((name) => fs.statSync(path.join(root, name)).mode & 0o7777)).toEqual([0o750, 0o1777]);
  expect(fs.readFileSync(path.join(root, 'n/m/f'), 'utf8')).toBe('of n/m/f');
  expect(fs.readFileSync(path.join(root, 'file'), 'utf8')).toBe('of somebody else');
});

test('no folder is made of what was withdrawn', async () => {
  await putFolders([folder('n'), folder('m'), folder('l')]);
  const { lstat } = disk;
  const withdrawing = createDiskFs({ root, mode: 'local' });
  let looks = 0;
  Object.assign(withdrawing, {
    lstat: async (of: string) => {
      if (of === takenPath(SLOT) && ++looks === 2) await disk.unlink(takenPath(SLOT));
      return lstat(of);
    },
  });
  expect(await unpack(withdrawing, SLOT, () => Date.now())).toEqual({ kind: 'unpacked', folders: ['n'], files: [] });
  withdrawing.close();
  expect(fs.readdirSync(root).sort()).toEqual(['.lazysync', 'd', 'n']);
});

test('a pack that was withdrawn is not unpacked, nor one that somebody else has taken', async () => {
  expect(await askToUnpack(link, 'p', SLOT, ASK_MS)).toEqual({ kind: 'gone' });
  await put(content('a'));
  await disk.rename(packPath(SLOT), takenPath(SLOT));
  expect(await askToUnpack(link, 'p', SLOT, ASK_MS)).toEqual({ kind: 'gone' });
  await disk.unlink(takenPath(SLOT));
  expect(fs.existsSync(path.join(root, 'a'))).toBe(false);
});

test('what is withdrawn in the middle is stopped there', async () => {
  await put(content('a'), content('d/bb'), content('ccccc'));
  const { lstat } = disk;
  const withdrawing = createDiskFs({ root, mode: 'local' });
  let looks = 0;
  Object.assign(withdrawing, {
    lstat: async (of: string) => {
      if (of === takenPath(SLOT) && ++looks === 2) await disk.unlink(takenPath(SLOT));
      return lstat(of);
    },
  });
  const outcome = await unpack(withdrawing, SLOT, () => Date.now());
  withdrawing.close();
  expect(outcome.kind === 'unpacked' && outcome.files).toHaveLength(1);
  expect(fs.readdirSync(root).filter((name) => name !== '.lazysync' && name !== 'd').length).toBeLessThan(3);
});

const BAD: readonly (readonly [string, () => Promise<void>])[] = [
  ['nothing at all in it', async () => fs.writeFileSync(at(), '')],
  ['something else', async () => fs.writeFileSync(at(), 'something else that somebody has put there')],
  ['a length that is none', async () => fs.writeFileSync(at(), 'lazysync pack 2\n99x9999999[]')],
  ['a header that is longer than it', async () => fs.writeFileSync(at(), 'lazysync pack 2\n0000009999[]')],
  ['half of its contents', async () => cut(-3)],
  ['more than its contents', async () => fs.appendFileSync(await whole(), 'x')],
  ['a path outside', async () => put(content('a', { path: '../out' as PackContent['path'] }))],
  ['an absolute path', async () => put(content('a', { path: '/tmp/out' as PackContent['path'] }))],
  ['a path in our own folder', async () => put(content('a', { path: '.lazysync/root.json' as PackContent['path'] }))],
  ['a slot that leads elsewhere', async () => put(content('a', { slot: '../../../out-1' }))],
  ['a mode that is none', async () => put(content('a', { mode: 0o1_000_000 }))],
  ['a folder outside', async () => putFolders([folder('../out')], content('a'))],
  ['a folder in our own', async () => putFolders([folder('.lazysync/trash/x')], content('a'))],
  ['a folder of a mode that is none', async () => putFolders([folder('n', 0o10_000)], content('a'))],
  ['a hash that is none', async () => put(content('a', { hash: 'x' }))],
];

function at(): string {
  const file = path.join(root, packPath(SLOT));
  fs.mkdirSync(path.dirname(file), { recursive: true });
  return file;
}

async function whole(): Promise<string> {
  await put(content('a'));
  return at();
}

async function cut(by: number): Promise<void> {
  const file = await whole();
  fs.truncateSync(file, fs.statSync(file).size + by);
}

test.each(BAD)('refused as a whole: %s', async (_what, make) => {
  await make();
  expect(await askToUnpack(link, 'p', SLOT, ASK_MS)).toEqual({ kind: 'refused', why: 'it is no whole pack' });
  expect(fs.readdirSync(root).sort()).toEqual(['.lazysync', 'd']);
});

test('a content that is not what its hash says is left out', async () => {
  await put(content('a', { hash: packContents(Buffer.from('another')).hash }), content('d/bb'));
  const outcome = await askToUnpack(link, 'p', SLOT, ASK_MS);
  expect(outcome?.kind === 'unpacked' && outcome.files.map(({ size }) => size)).toEqual([7]);
  expect(fs.existsSync(path.join(root, 'a'))).toBe(false);
});

test('refused: a name that is no slot, a root that is another one, a pack of another user', async () => {
  for (const name of ['../../x', '', 'a/b', `${SLOT}/..`])
    expect(await askToUnpack(link, 'p', name, ASK_MS)).toMatchObject({ kind: 'refused' });
  await put(content('a'));
  refusal = 'of a test';
  expect(await askToUnpack(link, 'p', SLOT, ASK_MS)).toEqual({ kind: 'refused', why: 'of a test' });
  refusal = null;
  fs.chownSync(at(), 12_345, 12_345);
  expect(await askToUnpack(link, 'p', SLOT, ASK_MS)).toMatchObject({ kind: 'refused' });
  fs.chownSync(path.join(root, '.lazysync/stage'), 12_345, 12_345);
  expect(packServer.whyNot()).toContain('belongs to the user 12345');
  fs.rmSync(at());
});

const WANTED = '20260102t030405-abc123-9';

test('what is wanted comes as one file, where its place is, and nothing else is read', async () => {
  fs.writeFileSync(path.join(root, 'a'), 'of a');
  fs.writeFileSync(path.join(root, 'large'), Buffer.alloc(300 << 10));
  fs.symlinkSync('/etc/hostname', path.join(root, 'link'));
  fs.symlinkSync('/etc', path.join(root, 'etc'));
  const files = ['a', 'd/missing', 'large', 'link', 'etc/hostname', 'd'].map((name, n) => ({
    slot: `20260102t030405-abc123-${n}`,
    path: relPath(name),
  }));
  const request = { slot: WANTED, files };
  expect(await askToPack(link, 'p', request, ASK_MS)).toEqual({ kind: 'gone' });
  await (await createPack(disk, WANTED)).close();
  expect(await askToPack(link, 'p', request, ASK_MS)).toEqual({ kind: 'packed' });
  const text = fs.readFileSync(path.join(root, packPath(WANTED)), 'utf8');
  expect(text.match(/20260102t030405-abc123-\d/g)).toEqual(['20260102t030405-abc123-0']);
  expect(text.endsWith('of a')).toBe(true);
  await disk.unlink(packPath(WANTED));
});

test.each([
  ['a slot that leads elsewhere', { slot: '../x', files: [] }],
  ['a file of no slot', { slot: WANTED, files: [{ slot: 'x', path: relPath('a') }] }],
  ['a path outside', { slot: WANTED, files: [{ slot: WANTED, path: '../a' as PackContent['path'] }] }],
  ['a path in our own folder', { slot: WANTED, files: [{ slot: WANTED, path: relPath('.lazysync/root.json') }] }],
] as const)('not packed: %s', async (_what, request) => {
  expect(await askToPack(link, 'p', request, ASK_MS)).toMatchObject({ kind: 'refused' });
});
