/** What nothing under way knows goes out of the stage folders, into the trash; everything else stays. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepStageClean, type StageKeeper } from '../src/stage-keeper.ts';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

const OURS = '20300101t000000-abc123-17';
const ANOTHERS = '20300101t000000-ffffff-17';

let pair: TwoFolders;
let keeper: StageKeeper;
let due: (() => void)[];

beforeEach(async () => {
  pair = await twoFolders();
  due = [];
  const timers = {
    now: () => 0,
    soon: (call: () => void) => queueMicrotask(call),
    after: (_ms: number, call: () => void) => {
      due.push(call);
      return { cancel: () => void (due = due.filter((one) => one !== call)) };
    },
  };
  keeper = keepStageClean({ ...pair.ports, timers });
});
afterEach(async () => {
  await keeper.close();
  await pair.close();
});

const stage = (root: string, ...rel: string[]): string => path.join(root, '.lazysync/stage', ...rel);
function put(root: string, rel: string, text: string): void {
  fs.mkdirSync(path.dirname(stage(root, rel)), { recursive: true });
  fs.writeFileSync(stage(root, rel), text);
}
const filesIn = (folder: string): string[] =>
  fs.existsSync(folder)
    ? fs
        .readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((one) => !one.isDirectory())
        .map((one) => path.relative(folder, path.join(one.parentPath, one.name)))
        .sort()
    : [];

async function look(): Promise<void> {
  const [call] = due;
  if (call === undefined) throw new Error('nothing is due');
  due = [];
  call();
  await keeper.settled();
}

test('what nobody knows is put into the trash at the second look', async () => {
  put(pair.remote, `1/${OURS}`, 'came late');
  put(pair.local, OURS, 'half a download');
  keeper.soon();
  await look();
  expect(filesIn(stage(pair.remote))).toEqual([`1/${OURS}`]);
  await look();
  expect([...filesIn(stage(pair.remote)), ...filesIn(stage(pair.local))]).toEqual([]);
  expect(filesIn(path.join(pair.remote, '.lazysync/trash'))).toEqual([`${OURS}/left behind`]);
  expect(filesIn(path.join(pair.local, '.lazysync/trash'))).toEqual([`${OURS}/left behind`]);
  expect(due).toEqual([]);
});

test('the trial of whether a side can be written, cut off in the middle of it, is removed', async () => {
  put(pair.remote, '.trial', '');
  put(pair.local, '.trial', 'no trial of ours');
  keeper.soon();
  await look();
  await look();
  expect(filesIn(stage(pair.remote))).toEqual([]);
  expect(filesIn(stage(pair.local))).toEqual(['.trial']);
  expect(due).toEqual([]);
});

test('what is under way, other clients’ and strange names stay', async () => {
  put(pair.remote, `1/${ANOTHERS}`, 'theirs');
  put(pair.remote, 'something', 'strange');
  put(pair.local, OURS, 'being downloaded');
  const remote = { size: 16, mtimeNs: 1n, mode: 0o644 };
  pair.ports.base.putTransfer({ id: OURS, path: 'f' as never, state: 'running', remote, bytes: 0, staged: null });
  keeper.soon();
  await look();
  expect(due).toEqual([]);
  expect(filesIn(stage(pair.remote))).toEqual([`1/${ANOTHERS}`, 'something']);
  expect(filesIn(stage(pair.local))).toEqual([OURS]);
});

test('a second name, and what holds nothing, is only removed', async () => {
  put(pair.remote, `1/${OURS}`, 'in its place');
  fs.linkSync(stage(pair.remote, `1/${OURS}`), path.join(pair.remote, 'f'));
  put(pair.remote, `2/${OURS}8`, '');
  keeper.soon();
  await look();
  await look();
  expect(filesIn(stage(pair.remote))).toEqual([]);
  expect(filesIn(path.join(pair.remote, '.lazysync/trash'))).toEqual([]);
  expect(fs.readFileSync(path.join(pair.remote, 'f'), 'utf8')).toBe('in its place');
});

test('a file that begins like a pack may be somebody’s own, and is kept', async () => {
  put(pair.remote, `1/${OURS}`, 'lazysync pack 2\n0000000002{}');
  keeper.soon();
  await look();
  await look();
  expect(filesIn(stage(pair.remote))).toEqual([]);
  expect(filesIn(path.join(pair.remote, '.lazysync/trash'))).toHaveLength(1);
});

test('a link that somebody made is kept, too', async () => {
  fs.symlinkSync('somewhere', stage(pair.local, OURS));
  keeper.soon();
  await look();
  await look();
  expect(fs.readlinkSync(path.join(pair.local, `.lazysync/trash/${OURS}/left behind`))).toBe('somewhere');
});

test('what is gone at the second look was only on its way', async () => {
  put(pair.remote, `1/${OURS}`, 'being committed');
  keeper.soon();
  await look();
  fs.rmSync(stage(pair.remote, `1/${OURS}`));
  put(pair.remote, `1/${OURS}9`, 'just begun');
  await look();
  expect(filesIn(stage(pair.remote))).toEqual([`1/${OURS}9`]);
  expect(filesIn(path.join(pair.remote, '.lazysync/trash'))).toEqual([]);
});
