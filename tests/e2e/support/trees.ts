/** What two folders hold, in a form that can be compared. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

export interface Shown {
  readonly kind: 'file' | 'directory' | 'link' | 'stub' | 'other';
  readonly mode?: number;
  readonly hash?: string;
  readonly target?: string;
}

const STUB = '/.lazysync/remote/';

function show(full: string): Shown {
  const stat = fs.lstatSync(full);
  if (stat.isDirectory()) return { kind: 'directory', mode: stat.mode & 0o7777 };
  if (stat.isSymbolicLink()) {
    const target = fs.readlinkSync(full);
    if (!target.includes(STUB)) return { kind: 'link', target };
    const file = fs.statSync(full);
    return { kind: 'stub', mode: file.mode & 0o7777, hash: hashFile(full) };
  }
  if (!stat.isFile()) return { kind: 'other' };
  return { kind: 'file', mode: stat.mode & 0o7777, hash: hashFile(full) };
}

export function hashFile(full: string): string {
  return createHash('sha256').update(fs.readFileSync(full)).digest('hex');
}

/** Every path but those of the own folder. */
export function pathsOf(root: string): string[] {
  const found: string[] = [];
  const walk = (rel: string): void => {
    for (const entry of fs.readdirSync(path.join(root, rel), { withFileTypes: true })) {
      const at = rel === '' ? entry.name : `${rel}/${entry.name}`;
      if (at === '.lazysync') continue;
      found.push(at);
      if (entry.isDirectory()) walk(at);
    }
  };
  walk('');
  return found.sort();
}

export function treeOf(root: string): Map<string, Shown> {
  return new Map(pathsOf(root).map((rel) => [rel, show(path.join(root, rel))]));
}

/** Differences in kind, mode, content and link target; a stub counts as the file it stands for. */
export function differences(a: string, b: string): string[] {
  const left = treeOf(a);
  const right = treeOf(b);
  const found: string[] = [];
  for (const rel of new Set([...left.keys(), ...right.keys()])) {
    const one = left.get(rel);
    const two = right.get(rel);
    if (one === undefined || two === undefined) found.push(`${rel}: only in ${one === undefined ? b : a}`);
    else {
      const kind = (it: Shown): string => (it.kind === 'stub' ? 'file' : it.kind);
      for (const [what, x, y] of [
        ['kind', kind(one), kind(two)],
        ['mode', one.mode, two.mode],
        ['content', one.hash, two.hash],
        ['target', one.target, two.target],
      ] as const) {
        if (x !== y) found.push(`${rel}: ${what} ${String(x)} / ${String(y)}`);
      }
    }
  }
  return found;
}

/** Files under a folder, of any depth; [] when it is not there. */
export function filesUnder(root: string): string[] {
  if (!fs.existsSync(root)) return [];
  return fs
    .readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.join(entry.parentPath, entry.name));
}
