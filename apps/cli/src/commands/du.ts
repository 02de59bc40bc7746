/** `lazysync du`: how much of each folder is here, and how much there is. Reads the base only. */
import type { BaseReader, Counts } from '@lazysync/base';
import { showPath } from '@lazysync/config';
import { nameOf, type RelPath, ROOT } from '@lazysync/event-model';
import { usage } from '../exit.ts';
import { baseFile, findPairOnly, type PairChoice } from '../find-pairs.ts';
import { bytes, count, safe, table } from '../words.ts';
import { openIfThere } from './ls.ts';

export interface Usage {
  /** Of a folder with a slash at its end; `.` for all of them together. */
  readonly name: string;
  readonly stubs: number;
  readonly copies: number;
  /** Bytes. */
  readonly here: number;
  /** Bytes. */
  readonly remote: number;
}

export async function du(options: PairChoice & { readonly json?: boolean }): Promise<void> {
  const pair = await findPairOnly(options);
  const base = openIfThere(baseFile(pair));
  try {
    const rows = base === null ? null : usageBelow(base, pair.at);
    if (rows === null) throw usage(`Nothing is known of ${showPath(options.path ?? pair.local)} yet.`);
    if (options.json === true) process.stdout.write(`${JSON.stringify({ version: 1, usage: rows }, null, 2)}\n`);
    else process.stdout.write(`${shown(rows)}\n`);
  } finally {
    base?.close();
  }
}

const usageOf = (name: string, counts: Counts): Usage => ({
  name,
  stubs: counts.stubs,
  copies: counts.copies,
  here: counts.cachedBytes,
  remote: counts.remoteBytes,
});

/** Each folder in `at` with all that is in it, the largest here first, then the whole. null: there is no such path. */
export function usageBelow(base: BaseReader, at: RelPath): Usage[] | null {
  const row = base.get(at);
  if (row === null && at !== ROOT) return null;
  if (row?.kind === 'file') {
    const copy = row.form === 'copy';
    const { size } = row.remote;
    return [{ name: nameOf(at), stubs: copy ? 0 : 1, copies: copy ? 1 : 0, here: copy ? size : 0, remote: size }];
  }
  const folders = base
    .children(at)
    .filter((child) => child.kind === 'directory')
    .map((child) => usageOf(`${nameOf(child.path)}/`, base.countsBelow(child.path)))
    .sort((a, b) => b.here - a.here || b.remote - a.remote);
  return [...folders, usageOf('.', base.countsBelow(at))];
}

function shown(rows: readonly Usage[]): string {
  const cells = rows.map(({ name, stubs, copies, here, remote }) => [
    bytes(here).padStart(8),
    bytes(remote).padStart(8),
    count(copies).padStart(7),
    count(stubs).padStart(7),
    safe(name),
  ]);
  return table([['HERE'.padStart(8), 'REMOTE'.padStart(8), ' COPIES', '  STUBS', ''], ...cells]);
}
