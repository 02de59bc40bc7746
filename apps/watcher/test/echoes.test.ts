/** What the kernel tells of the worker's own making is no news; anything else is. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { BaseRecord, ChangeEvent, RelPath } from '@lazysync/event-model';
import { relPath } from '@lazysync/event-model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newsAmong } from '../src/echoes.ts';

let root: string;
let rows: Map<string, BaseRecord>;
let problems: Set<string>;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-echoes-'));
  rows = new Map();
  problems = new Set();
  fs.mkdirSync(path.join(root, 'd'));
  fs.symlinkSync('anywhere', path.join(root, 'd/stub'));
  fs.writeFileSync(path.join(root, 'd/copy'), 'content');
  for (const at of ['d', 'd/stub', 'd/copy']) record(at);
});
afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

function record(at: string): void {
  const stat = fs.lstatSync(path.join(root, at), { bigint: true });
  const { dev, ino, birthtimeNs: birthNs, mtimeNs, ctimeNs } = stat;
  const own = { dev, ino, birthNs };
  const mode = Number(stat.mode) & 0o7777;
  const remote = { size: 7, mtimeNs, mode };
  const name = relPath(at);
  if (stat.isDirectory()) {
    rows.set(at, { kind: 'directory', path: name, local: own, localMode: mode, remoteMode: mode });
  } else if (stat.isSymbolicLink()) {
    rows.set(at, { kind: 'file', form: 'stub', path: name, remote, link: own });
  } else {
    const local = { ...own, size: 7, mtimeNs, ctimeNs, mode };
    rows.set(at, { kind: 'file', form: 'copy', path: name, remote, local, hash: '', origin: 'local', racy: true });
  }
}

function news(side: ChangeEvent['side'] = 'local', kind: ChangeEvent['kind'] = 'create'): RelPath[] {
  const events = ['d', 'd/stub', 'd/copy'].map((at): ChangeEvent => ({ kind, side, path: relPath(at), seen: true }));
  const base = {
    get: (at: RelPath) => rows.get(at) ?? null,
    stub: (at: RelPath) => {
      const row = rows.get(at);
      return row?.kind === 'file' && row.form === 'stub' ? row.link : null;
    },
    isProblem: (at: RelPath) => problems.has(at),
    hasProblems: () => problems.size > 0,
    atOnce: <T>(act: () => T) => act(),
  };
  return newsAmong(events, root, base).map((event) => event.path);
}

test('a stub and a folder as their rows know them are none; a copy may have been written to since', () => {
  expect(news()).toEqual(['d/copy']);
  expect(news('local', 'modify')).toEqual(['d/copy']);
});

test('a delete, and whatever is told of the remote, is always news', () => {
  expect(news('local', 'delete')).toHaveLength(3);
  expect(news('remote')).toHaveLength(3);
});

test('another link under the name, a folder of another mode, something else, nothing', () => {
  const stub = path.join(root, 'd/stub');
  fs.renameSync(stub, `${stub}.away`);
  fs.symlinkSync('anywhere', stub);
  fs.chmodSync(path.join(root, 'd'), 0o700);
  expect(news()).toHaveLength(3);
  fs.rmSync(stub);
  expect(news()).toHaveLength(3);
  fs.mkdirSync(stub);
  expect(news()).toHaveLength(3);
});

test('what has no row, is a problem, or has an inode without a birth', () => {
  rows.delete('d/stub');
  problems.add('d');
  expect(news()).toHaveLength(3);
  record('d/stub');
  const stub = rows.get('d/stub');
  if (stub?.kind !== 'file' || stub.form !== 'stub') throw new Error('no stub');
  rows.set('d/stub', { ...stub, link: { ...stub.link, birthNs: 0n } });
  expect(news()).toHaveLength(3);
});
