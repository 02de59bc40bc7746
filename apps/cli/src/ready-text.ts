/** The lines that `up` shows. */
import path from 'node:path';
import type { BaseReader, Counts } from '@lazysync/base';
import { type RelPath, ROOT } from '@lazysync/event-model';
import type { Readiness } from './until-ready.ts';
import { bytes, plural, shellPath } from './words.ts';

/** One line that begins with `ready`. */
export function readyLine(readiness: Extract<Readiness, { counts: Counts }>): string {
  const there = countsText(readiness.counts);
  const waits = waitsText(readiness);
  return `ready  ${waits === null ? '' : `${waits}; `}${there}`;
}

/** The same for several pairs together: those that do not just work are named. */
export function readyLineOf(all: readonly { readonly id: string; readonly readiness: Readiness }[]): string {
  const sum: Record<keyof Counts, number> = {
    entries: 0,
    directories: 0,
    stubs: 0,
    copies: 0,
    cachedBytes: 0,
    remoteBytes: 0,
  };
  const named: string[] = [];
  for (const { id, readiness } of all) {
    if (readiness.kind === 'halted') named.push(`${id} halted (${readiness.why.replace(/\.$/, '')})`);
    else {
      for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += readiness.counts[key];
      const waits = waitsText(readiness);
      if (waits !== null) named.push(`${id} ${waits}`);
    }
  }
  const shown = [...named.slice(0, 10), ...(named.length > 10 ? [`and ${named.length - 10} more`] : [])];
  return `ready  ${[plural(all.length, 'pair'), ...shown].join('; ')}; ${countsText(sum)}`;
}

function waitsText(readiness: Exclude<Readiness, { kind: 'halted' }>): string | null {
  if (readiness.kind === 'ready') return null;
  const because = readiness.why === '' ? '' : ` (${readiness.why.replace(/\.$/, '')})`;
  return readiness.state === 'held'
    ? `held until you say so${because}`
    : `remote offline${because}: copies work, changes wait`;
}

function countsText(counts: Counts): string {
  const here = counts.copies === 0 ? '0 B downloaded' : `${bytes(counts.cachedBytes)} here`;
  return `${plural(counts.stubs, 'stub')}, ${plural(counts.directories, 'folder')}, ${here} (${bytes(counts.remoteBytes)} remote)`;
}

export function tryLine(local: string, stub: RelPath): string {
  const file = shellPath(path.join(local, stub));
  return `try    cat ${file}   then   ls -l ${file}`;
}

export function statusLine(program: string, local: string, url: string | null): string {
  const queue = url === null ? '' : `    queue  ${url}/queues`;
  return `status  ${program} status --local ${shellPath(local)}${queue}    Ctrl-C stops, files stay readable`;
}

/** A stub that a person may try, as near to the root as there is one; null if all are copies. */
export function someStub(base: BaseReader): RelPath | null {
  const folders: RelPath[] = [ROOT];
  for (let looked = 0; folders.length > 0 && looked < 200; looked++) {
    const children = base.children(folders.shift() ?? ROOT);
    const stub = children.find((row) => row.kind === 'file' && row.form === 'stub' && !row.path.includes('/.'));
    if (stub !== undefined) return stub.path;
    for (const row of children) if (row.kind === 'directory') folders.push(row.path);
  }
  return null;
}
