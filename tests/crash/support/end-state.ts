/** What a pair came to: compared between a run without a crash and runs with some. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { openBase } from '@lazysync/base';
import { type BaseRecord, ROOT } from '@lazysync/event-model';
import type { World } from './world.ts';

const STUB = '/.lazysync/remote/';

export function sha(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex').slice(0, 16);
}

function filesIn(root: string): string[] {
  return fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
}

function show(root: string, rel: string): string {
  const full = path.join(root, rel);
  const stat = fs.lstatSync(full, { bigint: true });
  const mode = (stat.mode & 0o7777n).toString(8);
  if (stat.isDirectory()) return `directory ${mode}`;
  if (stat.isSymbolicLink()) {
    const target = fs.readlinkSync(full);
    return target.includes(STUB) ? `stub ${target.split(STUB)[1]}` : `link ${target}`;
  }
  return `file ${mode} ${stat.mtimeNs} ${sha(full)}`;
}

export function treeOf(root: string): string[] {
  return filesIn(root)
    .filter((rel) => rel !== '.lazysync' && !rel.startsWith('.lazysync/'))
    .map((rel) => `${rel}: ${show(root, rel)}`);
}

/** The trash without the names of its slots, each thing once. */
function trashOf(root: string): string[] {
  const trash = path.join(root, '.lazysync/trash');
  const found = filesIn(trash)
    .filter((rel) => rel.includes('/') && !fs.lstatSync(path.join(trash, rel)).isDirectory())
    .map((rel) => `${rel.slice(rel.indexOf('/') + 1)}: ${show(trash, rel)}`);
  return [...new Set(found)].sort();
}

/** What the base says, without what differs between two runs of the same thing: inodes and times of inodes. */
function rowOf(row: BaseRecord): string {
  switch (row.kind) {
    case 'file':
      return row.form === 'stub'
        ? `${row.path}: stub ${row.remote.size} ${row.remote.mtimeNs} ${row.remote.mode}`
        : `${row.path}: copy ${row.hash.slice(0, 16)} ${row.local.mtimeNs} ${row.remote.size} ${row.remote.mtimeNs} ${row.remote.mode}`;
    case 'directory':
      return `${row.path}: directory ${row.localMode.toString(8)} ${row.remoteMode.toString(8)}`;
    case 'symlink':
      return `${row.path}: link ${row.localTarget} ${row.remoteTarget}`;
    case 'residual':
      return `${row.path}: residual ${row.side} ${row.why}`;
  }
}

export interface EndState {
  readonly local: readonly string[];
  readonly remote: readonly string[];
  readonly base: readonly string[];
  readonly conflicts: readonly string[];
  readonly problems: readonly string[];
  readonly trash: { readonly local: readonly string[]; readonly remote: readonly string[] };
  readonly left: readonly string[];
}

function stagedIn(root: string): string[] {
  const stage = path.join(root, '.lazysync/stage');
  return filesIn(stage).filter((rel) => !fs.lstatSync(path.join(stage, rel)).isDirectory());
}

export function endState(world: World): EndState {
  const base = openBase(path.join(world.top, 'base.db'));
  try {
    return {
      local: treeOf(world.local),
      remote: treeOf(world.remote),
      base: base.below(ROOT).map(rowOf).sort(),
      conflicts: base.conflicts().map(({ path: of, conflict }) => `${of} -> ${conflict}`),
      problems: base.problems().map(({ path: of, message }) => `${of}: ${message}`),
      trash: { local: trashOf(world.local), remote: trashOf(world.remote) },
      left: [
        ...stagedIn(world.local).map((rel) => `local stage ${rel}`),
        ...stagedIn(world.remote).map((rel) => `remote stage ${rel}`),
        ...[...base.intents(), ...base.leftovers()].map(({ slot, step }) => `intent ${slot} ${step.kind}`),
        ...base.transfers().map(({ id }) => `transfer ${id}`),
      ],
    };
  } finally {
    base.close();
  }
}

/** Contents that can be found anywhere in either root; `.lazysync` included unless `seen` only. */
export function contents(world: World, which: 'anywhere' | 'in sight'): Set<string> {
  const found = new Set<string>();
  for (const root of [world.local, world.remote]) {
    for (const rel of filesIn(root)) {
      if (which === 'in sight' && (rel === '.lazysync' || rel.startsWith('.lazysync/'))) continue;
      const full = path.join(root, rel);
      if (fs.lstatSync(full).isFile() && rel !== '.lazysync/root.json') found.add(sha(full));
    }
  }
  return found;
}
