/** `lazysync ls`: what is a stub and what is a copy. Reads local and the base only, and follows no link. */
import fs from 'node:fs';
import path from 'node:path';
import { type BaseReader, openBaseReader } from '@lazysync/base';
import { showPath } from '@lazysync/config';
import { isStubShaped, joinPath, nameOf, OWN_FOLDER, type RelPath, ROOT } from '@lazysync/event-model';
import { errnoOf } from '@lazysync/ops';
import { usage } from '../exit.ts';
import { baseFile, findPairOnly, type PairChoice } from '../find-pairs.ts';
import { bytes, safe, table } from '../words.ts';

export interface LsOptions extends PairChoice {
  readonly l?: boolean;
  readonly json?: boolean;
}

/** `new`: a file that was not uploaded yet. */
type Kind = 'stub' | 'copy' | 'new' | 'link' | 'directory' | 'other';

export interface Line {
  readonly name: string;
  readonly kind: Kind;
  /** Bytes; of a stub: of the file that it stands for. null: not known. */
  readonly size: number | null;
  /** ISO; of a stub: of the file that it stands for. */
  readonly modified: string | null;
}

export async function ls(options: LsOptions): Promise<void> {
  const pair = await findPairOnly(options);
  const base = openIfThere(baseFile(pair));
  try {
    const lines = linesOf(pair.local, pair.at, base);
    if (lines === null) throw usage(`${showPath(options.path ?? pair.local)} does not exist.`);
    if (options.json === true) process.stdout.write(`${JSON.stringify(lines, null, 2)}\n`);
    else if (lines.length > 0) process.stdout.write(`${options.l === true ? long(lines) : short(lines)}\n`);
  } finally {
    base?.close();
  }
}

/** null: there is no base yet. */
export function openIfThere(file: string): BaseReader | null {
  return fs.existsSync(file) ? openBaseReader(file) : null;
}

/** The names in a folder, or the one that is no folder; null if there is nothing. */
export function linesOf(local: string, at: RelPath, base: BaseReader | null): Line[] | null {
  const stat = statOf(path.join(local, at));
  if (stat === null) return null;
  if (!stat.isDirectory())
    return [lineOf(local, at, base) ?? { name: nameOf(at), kind: 'other', size: null, modified: null }];
  return fs
    .readdirSync(path.join(local, at))
    .filter((name) => at !== ROOT || name !== OWN_FOLDER)
    .sort()
    .map((name) => lineOf(local, joinPath(at, name), base))
    .filter((line) => line !== null);
}

function statOf(file: string): fs.Stats | null {
  try {
    return fs.lstatSync(file);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return null;
    throw error;
  }
}

function lineOf(local: string, at: RelPath, base: BaseReader | null): Line | null {
  const file = path.join(local, at);
  const name = nameOf(at);
  const stat = statOf(file);
  if (stat === null) return null; // went away just now
  const modified = stat.mtime.toISOString();
  if (stat.isDirectory()) return { name, kind: 'directory', size: null, modified };
  const row = base?.get(at) ?? null;
  if (stat.isSymbolicLink()) {
    if (!isStubShaped(fs.readlinkSync(file))) return { name, kind: 'link', size: null, modified };
    if (row?.kind !== 'file') return { name, kind: 'stub', size: null, modified: null };
    const { size, mtimeNs } = row.remote;
    return { name, kind: 'stub', size, modified: new Date(Number(mtimeNs / 1_000_000n)).toISOString() };
  }
  if (!stat.isFile()) return { name, kind: 'other', size: null, modified };
  return { name, kind: row?.kind === 'file' && row.form === 'copy' ? 'copy' : 'new', size: stat.size, modified };
}

const MARKS: Readonly<Record<Kind, string>> = { stub: '@', copy: '', new: '', link: '@', directory: '/', other: '=' };

function short(lines: readonly Line[]): string {
  return lines.map(({ name, kind }) => `${safe(name)}${MARKS[kind]}`).join('\n');
}

function long(lines: readonly Line[]): string {
  return table(
    lines.map(({ name, kind, size, modified }) => [
      kind,
      (size === null ? '-' : bytes(size)).padStart(8),
      modified === null ? '-'.padEnd(16) : modified.slice(0, 16).replace('T', ' '),
      `${safe(name)}${kind === 'directory' ? '/' : ''}`,
    ]),
  );
}
