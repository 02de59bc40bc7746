/** Real folders, looked at by a real process, and judged. */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type FolderFacts,
  type FolderLook,
  type Judgement,
  judgeFolders,
  judgeState,
  lookWithin,
  type PairWish,
} from '@lazysync/config';
import type { Mount } from '@lazysync/ops';
import { afterEach, beforeEach, expect, test } from 'vitest';

let top = '';
beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'lazysync-folders-')));
  mkdirSync(join(top, 'R/sub'), { recursive: true });
  mkdirSync(join(top, 'L'));
  writeFileSync(join(top, 'file'), '');
});
afterEach(() => {
  rmSync(top, { recursive: true, force: true });
});

const mount = (mountPoint: string, fsType: string): Mount => ({ mountPoint, fsType, source: '', options: [] });
const DISK = [mount('/', 'ext4')];

async function wish(remote: string, local: string): Promise<PairWish> {
  const [there, here] = [join(top, remote), join(top, local)];
  const [remoteLook, localLook] = await Promise.all([lookWithin(there), lookWithin(here)]);
  return { remote: there, local: here, remoteLook, localLook };
}

async function judge(...pairs: [string, string][]): Promise<Judgement> {
  return judgeFolders(await Promise.all(pairs.map(([remote, local]) => wish(remote, local))), DISK);
}

async function message(...pairs: [string, string][]): Promise<string> {
  const judged = await judge(...pairs);
  return judged.kind === 'refused' ? judged.message.replaceAll(top, '') : 'good';
}

test('two folders are a pair, and a missing local one will be made', async () => {
  expect(await judge(['R', 'L'])).toEqual({
    kind: 'good',
    pairs: [{ remote: join(top, 'R'), local: join(top, 'L'), makeLocal: false, remoteMarker: null, notices: [] }],
  });
  expect(await judge(['R', 'new'])).toMatchObject({ pairs: [{ local: join(top, 'new'), makeLocal: true }] });
});

test('links are resolved, and a marker names its pair', async () => {
  symlinkSync('R', join(top, 'there'));
  symlinkSync('L', join(top, 'here'));
  mkdirSync(join(top, 'R/.lazysync'));
  writeFileSync(join(top, 'R/.lazysync/root.json'), '{"v":1,"uuid":"u","pair":"work"}');
  expect(await judge(['there', 'here'])).toMatchObject({
    pairs: [{ remote: join(top, 'R'), local: join(top, 'L'), remoteMarker: 'work' }],
  });
});

test.each([' a\nb ü', '-rf', "it's", '写真'])('the name %j works', async (name) => {
  mkdirSync(join(top, name));
  expect(await judge(['R', name])).toMatchObject({ kind: 'good', pairs: [{ local: join(top, name) }] });
  expect(await judge([name, `new${name}`])).toMatchObject({ kind: 'good', pairs: [{ remote: join(top, name) }] });
});

test('what is not there, or no folder', async () => {
  symlinkSync('nowhere', join(top, 'dangling'));
  expect(await message(['nope', 'L'])).toBe(
    'The remote folder /nope does not exist: mount it, or check the name after --remote.',
  );
  expect(await message(['file', 'L'])).toBe(
    'The remote folder /file is a file, not a folder: name the folder it lies in.',
  );
  expect(await message(['file/x', 'L'])).toContain('The remote folder /file/x does not exist');
  expect(await message(['dangling', 'L'])).toContain('is a link that leads nowhere');
  expect(await message(['R', 'dangling'])).toContain('is a link that leads nowhere');
  expect(await message(['R', 'file'])).toBe(
    'The local folder /file is a file, not a folder: choose another name for --local.',
  );
  expect(await message(['R', 'no/such'])).toBe(
    'The local folder /no/such can not be made: the folder /no does not exist; make that first.',
  );
  expect(await message(['R', 'file/x'])).toBe('The local folder /file/x can not be made: /file is a file.');
});

test('folders that hold each other, however they are spelled', async () => {
  symlinkSync('R', join(top, 'again'));
  symlinkSync('R/sub', join(top, 'deep'));
  const same = /^The remote and the local folder are the same folder/;
  expect(await message(['R', 'R'])).toMatch(same);
  expect(await message(['R', 'again'])).toMatch(same);
  expect(await message(['R', 'R/sub'])).toBe(
    'The local folder /R/sub lies inside the remote folder /R: choose folders that do not hold each other.',
  );
  expect(await message(['R', 'R/new'])).toContain('The local folder /R/new lies inside the remote folder /R');
  expect(await message(['R', 'deep'])).toContain('lies inside the remote folder /R');
  expect(await message(['R/sub', 'R'])).toContain('The remote folder /R/sub lies inside the local folder /R');
  mkdirSync(join(top, 'R-other'));
  expect(await message(['R', 'R-other'])).toBe('good');
});

test('a bind mount is known by what it is', async () => {
  const pair = await wish('R', 'L');
  const inner = (await lookWithin(join(top, 'R/sub'))) as FolderFacts & { kind: 'directory' };
  // L is R/sub mounted elsewhere: another name, the same folders above it as far as identity goes.
  const seen: FolderLook = { ...inner, real: join(top, 'L') };
  expect(judgeFolders([{ ...pair, localLook: seen }], DISK)).toMatchObject({ kind: 'refused' });
});

test('pairs do not share or chain their folders; two local folders may show one remote', async () => {
  mkdirSync(join(top, 'M'));
  mkdirSync(join(top, 'S'));
  expect(await message(['R', 'L'], ['R', 'M'])).toBe('good');
  expect(await message(['R', 'L'], ['S', 'L'])).toContain('is named for two pairs');
  expect(await message(['R', 'L'], ['L', 'M'])).toContain('pairs can not be chained');
  expect(await message(['R', 'L'], ['S', 'L/in'])).toContain('lies inside');
  expect(await message(['R', 'L'], ['R', 'new'], ['S', 'new'])).toContain('is named for two pairs');
});

test('network storage is for the remote', async () => {
  const pair = await wish('R', 'L');
  const judgeOn = (fsType: string): Judgement => judgeFolders([pair], [...DISK, mount(join(top, 'L'), fsType)]);
  for (const type of ['nfs4', 'cifs', 'fuse.sshfs', 'fuse.rclone', 'fuse', 'fuse.something-new', 'davfs'])
    expect([type, judgeOn(type).kind]).toEqual([type, 'refused']);
  for (const type of ['ext4', 'btrfs', 'tmpfs', 'fuseblk', 'fuse.gocryptfs', 'overlay'])
    expect([type, judgeOn(type).kind]).toEqual([type, 'good']);
  expect(judgeFolders([pair], [...DISK, mount(join(top, 'R'), 'fuse.sshfs')]).kind).toBe('good');
  const look = await lookWithin(join(top, 'state'));
  expect(judgeState(join(top, 'state'), look, [], [mount(top, 'nfs')])).toContain('lies on network storage (nfs at ');
  expect(judgeState(join(top, 'state'), look, [], DISK)).toBeNull();
});

test('the state folder lies outside of both folders', async () => {
  const judged = await judge(['R', 'L']);
  const pairs = judged.kind === 'good' ? judged.pairs : [];
  const look = await lookWithin(join(top, 'L/state'));
  expect(judgeState(join(top, 'L/state'), look, pairs, DISK)).toContain(
    'a folder of a pair: name another with --state.',
  );
  expect(judgeState(join(top, 'file'), await lookWithin(join(top, 'file')), pairs, DISK)).toContain('is a file');
  const inFile = join(top, 'file/state');
  expect(judgeState(inFile, await lookWithin(inFile), pairs, DISK)).toContain(`can not be made: ${top}/file is a file`);
  const absent = await lookWithin(join(top, 'state'));
  if (absent.kind !== 'absent' || absent.parent?.kind !== 'directory') throw new Error(`seen: ${absent.kind}`);
  const locked = { ...absent, parent: { ...absent.parent, canWrite: false } };
  expect(judgeState(join(top, 'state'), locked, pairs, DISK)).toContain('this user may not write in');
});

test('rights: what was seen of them decides', async () => {
  const pair = await wish('R', 'L');
  const remote = pair.remoteLook as FolderFacts & { kind: 'directory' };
  const local = pair.localLook as FolderFacts & { kind: 'directory' };
  const judgeWith = (over: Partial<PairWish>): Judgement => judgeFolders([{ ...pair, ...over }], DISK);
  expect(judgeWith({ remoteLook: { ...remote, canRead: false } })).toMatchObject({
    message: expect.stringMatching(/can not be read/),
  });
  expect(judgeWith({ remoteLook: { ...remote, canWrite: false } })).toMatchObject({
    message: expect.stringMatching(/can not be written/),
  });
  expect(judgeWith({ remoteLook: { ...remote, canWrite: false, readOnly: true } })).toMatchObject({
    kind: 'good',
    pairs: [{ notices: [expect.stringMatching(/is mounted read-only: changes made in .* stay there\.$/)] }],
  });
  expect(judgeWith({ localLook: { ...local, canWrite: false } })).toMatchObject({
    message: expect.stringMatching(/can not be written/),
  });
  expect(
    judgeWith({ localLook: { kind: 'absent', dangling: false, parent: { ...local, canWrite: false } } }),
  ).toMatchObject({
    message: expect.stringMatching(/can not be made: this user may not write in/),
  });
  expect(judgeWith({ remoteLook: { kind: 'error', code: 'ENOTCONN' } })).toMatchObject({
    message: expect.stringMatching(/its mount is broken \(ENOTCONN\); mount it again\.$/),
  });
});

test.skipIf(process.getuid?.() === 0)('rights as the kernel tells of them', async () => {
  chmodSync(join(top, 'L'), 0o500);
  expect(await message(['R', 'L'])).toContain('The local folder /L can not be written');
  expect(await message(['L', 'R'])).toContain('The remote folder /L can not be written');
  expect(await message(['R', 'L/new'])).toContain('this user may not write in /L');
  chmodSync(join(top, 'L'), 0o000);
  expect(await message(['L', 'R'])).toContain('can not be read');
  chmodSync(join(top, 'L'), 0o700);
});

test('a folder that does not answer is given up, and is no fault of the folders', async () => {
  const look = await lookWithin(join(top, 'R'), 1, 1);
  expect(look).toEqual({ kind: 'silent', ms: 1 });
  const pair = await wish('R', 'L');
  expect(judgeFolders([{ ...pair, remoteLook: { kind: 'silent', ms: 10_000 } }], DISK)).toMatchObject({
    kind: 'refused',
    why: 'environment',
    message: expect.stringContaining('does not answer within 10 s: is its mount alive?'),
  });
});

test('the remote of a pair that is known may be away, that of a new one not', async () => {
  const pair = await wish('R', 'L');
  for (const remoteLook of [{ kind: 'silent', ms: 1 } as const, { kind: 'error', code: 'ENOTCONN' } as const]) {
    const away = { ...pair, remoteLook };
    expect(judgeFolders([away], DISK).kind).toBe('refused');
    expect(judgeFolders([{ ...away, knownRemote: join(top, 'S') }], DISK).kind).toBe('refused');
    expect(judgeFolders([{ ...away, knownRemote: pair.remote }], DISK)).toMatchObject({
      kind: 'good',
      pairs: [{ remote: pair.remote, notices: [expect.stringContaining('does not answer: copies work')] }],
    });
  }
  const gone = { ...pair, remoteLook: { kind: 'absent', parent: null, dangling: false } as const };
  expect(judgeFolders([{ ...gone, knownRemote: pair.remote }], DISK).kind).toBe('refused');
});
