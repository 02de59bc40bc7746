/** A download whose file goes or changes meanwhile is left off: at this limit it would take minutes to its end. */
import fs from 'node:fs';
import path from 'node:path';
import { type FileEntry, relPath, remotePrint } from '@lazysync/event-model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lookAt } from '../src/look.ts';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

const DOWN = 512 << 10;
const BIG = 64 << 20;
const OLD = new Date('2020-01-02T03:04:05Z');
const big = relPath('big');
let pair: TwoFolders;
let working: Promise<unknown>;

async function until(what: string, condition: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const rows = () => pair.ports.base.transfers();
const stage = (): string[] => fs.readdirSync(path.join(pair.local, '.lazysync/stage'));

beforeEach(async () => {
  pair = await twoFolders({ down: DOWN });
  fs.writeFileSync(path.join(pair.remote, 'big'), Buffer.alloc(BIG, 'old '));
  fs.utimesSync(path.join(pair.remote, 'big'), OLD, OLD);
  await pair.change('remote', 'create', 'big');
  working = pair.open('big');
  await until('a part is written down', () => (rows()[0]?.part?.bytes ?? 0) > 0);
});
afterEach(async () => {
  await working;
  await pair.close();
});

test('the file has gone', async () => {
  expect(stage()).toHaveLength(1);
  // As the lane writes it down.
  pair.ports.base.record([{ kind: 'forget', path: big }], []);
  await until('the download is over', () => rows().length === 0);
  expect(stage()).toEqual([]);
});

test('the remote has another version: that one is fetched, from its beginning', async () => {
  fs.writeFileSync(path.join(pair.remote, 'big'), 'new');
  const row = pair.ports.base.get(big);
  const there = await lookAt(pair.ports.remote, big);
  if (row?.kind !== 'file' || row.form !== 'stub') throw new Error('no stub');
  const remote = remotePrint((there as FileEntry).stat);
  pair.ports.base.record([{ kind: 'put', record: { ...row, remote } }], []);
  await until('the new one is here', () => pair.tree('local').big === 'file new');
  await until('nothing is left', () => rows().length === 0 && stage().length === 0);
});

test('the version that is read already is read on', async () => {
  const [before] = rows();
  const row = pair.ports.base.get(big);
  if (row?.kind !== 'file' || row.form !== 'stub') throw new Error('no stub');
  // An old look said something else for a moment.
  pair.ports.base.record([{ kind: 'put', record: { ...row, remote: { ...row.remote, mode: 0o600 } } }], []);
  await until('it got on', () => (rows()[0]?.part?.bytes ?? 0) > (before?.part?.bytes ?? 0) + (512 << 10));
  expect(rows()[0]?.id).toBe(before?.id);
  pair.ports.base.record([{ kind: 'forget', path: big }], []);
  await until('the download is over', () => rows().length === 0);
});
