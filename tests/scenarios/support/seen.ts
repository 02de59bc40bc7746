/** What a scenario's folder holds on one side, in words that can be compared. Reads no stub: that would download it. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Place } from './place.ts';

/** Path -> `file TEXT`, `dir`, `link TARGET`, `strange ...`. */
export type Tree = Record<string, string>;

const STUB = '/.lazysync/remote/';

function fileText(full: string): string {
  const bytes = fs.readFileSync(full);
  const text = bytes.toString('utf8');
  if (bytes.length <= 200 && Buffer.from(text).equals(bytes)) return `file ${text}`;
  return `file of ${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
}

function walk(root: string, found: string[] = [], rel = ''): string[] {
  for (const entry of fs.readdirSync(path.join(root, rel), { withFileTypes: true })) {
    const at = rel === '' ? entry.name : `${rel}/${entry.name}`;
    // What is not UTF-8 can not be asked for by this name: the scenario's own check looks at it.
    if ((rel === '' && at === '.lazysync') || at.includes('\ufffd')) continue;
    found.push(at);
    if (entry.isDirectory()) walk(root, found, at);
  }
  return found;
}

function describe(place: Place, full: string, rel: string): string {
  const stat = fs.lstatSync(full);
  if (stat.isDirectory()) return 'dir';
  if (stat.isFile()) return fileText(full);
  if (!stat.isSymbolicLink()) return 'strange pipe or so';
  const target = fs.readlinkSync(full);
  if (!target.includes(STUB)) return `link ${target}`;
  const own = path.join(place.roots.local, '.lazysync/remote', place.folder, rel);
  if (target !== own) return `strange stub to ${target}`;
  const far = fs.lstatSync(place.far(rel), { throwIfNoEntry: false });
  return far?.isFile() === true ? fileText(place.far(rel)) : 'stub that leads nowhere';
}

export function treeOf(place: Place, where: 'local' | 'far'): Tree {
  const root = place.at(where);
  if (!fs.existsSync(root)) return {};
  return Object.fromEntries(
    walk(root)
      .sort()
      .map((rel) => [rel, describe(place, path.join(root, rel), rel)]),
  );
}

/** Modes of what lies on both sides, where they differ; a stub has none of its own. */
export function modesThatDiffer(place: Place): string[] {
  const found: string[] = [];
  for (const rel of walk(place.l())) {
    const here = fs.lstatSync(place.l(rel));
    const there = fs.lstatSync(place.far(rel), { throwIfNoEntry: false });
    if (there === undefined || here.isSymbolicLink() || there.isSymbolicLink()) continue;
    if ((here.mode & 0o7777) !== (there.mode & 0o7777))
      found.push(`${rel}: ${(here.mode & 0o7777).toString(8)} / ${(there.mode & 0o7777).toString(8)}`);
  }
  return found;
}

/** What lies in a side's trash for this scenario: paths as they were, sorted. */
export function trashOf(place: Place, side: 'local' | 'far'): Tree {
  const root = path.join(place.roots[side], '.lazysync/trash');
  const found: Tree = {};
  for (const slot of fs.existsSync(root) ? fs.readdirSync(root).sort() : []) {
    const folder = path.join(root, slot, place.folder);
    if (!fs.existsSync(folder)) continue;
    if (!fs.lstatSync(folder).isDirectory()) found[''] = 'the whole folder';
    else
      for (const rel of walk(folder)) {
        const stat = fs.lstatSync(path.join(folder, rel));
        // The folders on the way to a file are only there for it.
        if (stat.isFile()) found[rel] = fileText(path.join(folder, rel));
        else if (stat.isSymbolicLink()) found[rel] = `link ${fs.readlinkSync(path.join(folder, rel))}`;
      }
  }
  return found;
}

/** Links of the remote whose text holds a path of the local side: such a link poisons the share for everybody else. */
export function localPathsIn(root: string, local: string): string[] {
  return walk(root).filter((rel) => {
    const full = path.join(root, rel);
    return fs.lstatSync(full).isSymbolicLink() && fs.readlinkSync(full).includes(local);
  });
}
