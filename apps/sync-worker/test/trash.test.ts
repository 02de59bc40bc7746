/** What stays in the trash, for how long, and what never gets there. */
import fs from 'node:fs';
import path from 'node:path';
import type { RelPath } from '@lazysync/event-model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { emptyTrash } from '../src/trash.ts';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let pair: TwoFolders;
beforeEach(async () => {
  pair = await twoFolders();
});
afterEach(async () => {
  await pair.close();
});

/** A slot as a step makes it, of a removal that long ago. */
function slot(side: 'local' | 'remote', ago: number, n: number, bytes: number, suffix = ''): string {
  const stamp = new Date(Date.now() - ago).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase();
  const name = `${stamp}-abc123-${n}${suffix}`;
  const folder = path.join(pair[side], '.lazysync/trash', name, 'd');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'f'), Buffer.alloc(bytes));
  return name;
}
const slots = (side: 'local' | 'remote'): string[] => fs.readdirSync(path.join(pair[side], '.lazysync/trash')).sort();

test.each(['local', 'remote'] as const)(
  'of too much in %s the oldest goes first, and nothing of the last day',
  async (side) => {
    slot(side, 9 * DAY, 1, 400);
    const newer = slot(side, 3 * DAY, 2, 400);
    const young = [slot(side, 20 * HOUR, 3, 400), slot(side, 1 * HOUR, 4, 100)];
    expect(await emptyTrash(pair.ports, Number.POSITIVE_INFINITY, 900)).toBe('1 removed for good');
    expect(slots(side)).toEqual([newer, ...young].sort());
    expect(await emptyTrash(pair.ports, Number.POSITIVE_INFINITY, 10)).toBe('1 removed for good');
    expect(slots(side)).toEqual([...young].sort());
  },
);

test('by age, and what is no folder of ours stays', async () => {
  slot('remote', 31 * DAY, 1, 10);
  slot('remote', 31 * DAY, 2, 10, 'x');
  const stays = slot('remote', 29 * DAY, 3, 10);
  fs.mkdirSync(path.join(pair.remote, '.lazysync/trash/somebody'));
  expect(await emptyTrash(pair.ports, 30 * DAY, Number.POSITIVE_INFINITY)).toBe('2 removed for good');
  expect(slots('remote')).toEqual([stays, 'somebody'].sort());
});

test('the keeper asks for both limits in one command', async () => {
  slot('remote', 31 * DAY, 1, 10);
  slot('remote', 3 * DAY, 2, 500);
  const young = slot('remote', HOUR, 3, 500);
  const event = { kind: 'command', side: 'local', path: '' as RelPath, id: 'k', command: 'empty-trash' } as const;
  expect(await pair.work({ ...event, arg: `${30 * DAY},600` })).toEqual(['2 removed for good']);
  expect(slots('remote')).toEqual([young]);
});

async function edited(): Promise<void> {
  fs.writeFileSync(path.join(pair.remote, 'f'), 'one');
  fs.writeFileSync(path.join(pair.remote, 'g'), 'other');
  await pair.rescan();
  await pair.open('f');
  fs.writeFileSync(path.join(pair.local, 'f'), 'two two');
  await pair.change('local', 'modify', 'f');
  fs.writeFileSync(path.join(pair.remote, 'f'), 'three three');
  await pair.change('remote', 'modify', 'f');
}

test('overwritten versions of both sides are in the trash', async () => {
  await edited();
  expect([...pair.trash('remote'), ...pair.trash('local')].map((at) => at.split('/').pop())).toEqual(['f', 'f']);
});

test('trash.overwritten: off leaves no overwritten version there, but what was deleted', async () => {
  Object.assign(pair.ports, { keepOverwritten: false });
  await edited();
  expect([...pair.trash('remote'), ...pair.trash('local')]).toEqual([]);
  expect(slots('remote')).toEqual([]);
  fs.rmSync(path.join(pair.local, 'g'));
  await pair.change('local', 'delete', 'g');
  expect(pair.trash('remote').length).toBe(1);
});

test('trash.overwritten: off keeps what a stub that was put aside stands for', async () => {
  Object.assign(pair.ports, { keepOverwritten: false });
  fs.writeFileSync(path.join(pair.remote, 'f'), 'one');
  await pair.rescan();
  fs.renameSync(path.join(pair.local, 'f'), path.join(pair.local, 'f~'));
  fs.writeFileSync(path.join(pair.local, 'f'), 'new');
  await pair.change('local', 'modify', 'f');
  await pair.change('local', 'create', 'f~');
  expect(pair.tree('remote')).toEqual({ f: 'file new', 'f~': 'file one' });
  expect(pair.tree('local')).toEqual({ f: 'file new', 'f~': 'stub f~' });
});
