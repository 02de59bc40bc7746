/** The same tree each time: folders in folders, files of the same names and contents. */
import fs from 'node:fs';
import path from 'node:path';
import { seeded } from './numbers.ts';

export interface TreeShape {
  readonly files: number;
  readonly folders: number;
  /** Bytes of each file. */
  readonly bytes: number;
}

const WORDS =
  'alpha budget contract draft export final graph holiday invoice journal kitchen ledger minutes notes'.split(' ');
/** Long past: nothing in it looks as if it had just been written. */
const WHEN = 1_600_000_000;

/** Folders of a tree, parents first. */
export function foldersOf(count: number, seed = 1): string[] {
  const random = seeded(seed);
  const all = [''];
  for (let at = 1; at < count; at++) {
    const parent = all[Math.floor(random() * Math.min(all.length, 1 + count / 10))] as string;
    const name = `${WORDS[at % WORDS.length]}-${at}`;
    all.push(parent === '' ? name : `${parent}/${name}`);
  }
  return all;
}

export function makeTree(root: string, { files, folders, bytes }: TreeShape): void {
  const all = foldersOf(folders);
  fs.mkdirSync(root, { recursive: true });
  for (const folder of all) if (folder !== '') fs.mkdirSync(path.join(root, folder));
  const content = Buffer.alloc(bytes, 'The quick brown fox. ');
  for (let at = 0; at < files; at++) {
    const file = `${root}/${all[at % all.length]}/${WORDS[at % WORDS.length]}-${at}.txt`;
    fs.writeFileSync(file, content);
    fs.utimesSync(file, WHEN, WHEN);
  }
}

/** Entries below a folder, without the program's own; links are counted, never followed. */
export function countBelow(root: string): number {
  let count = 0;
  const left = [root];
  for (let folder = left.pop(); folder !== undefined; folder = left.pop()) {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      if (entry.name === '.lazysync') continue;
      count++;
      if (entry.isDirectory()) left.push(`${folder}/${entry.name}`);
    }
  }
  return count;
}
