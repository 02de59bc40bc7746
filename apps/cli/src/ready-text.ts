/** The lines that `up` shows. */
import path from 'node:path';
import type { BaseReader, Counts } from '@lazysync/base';
import { type RelPath, ROOT } from '@lazysync/event-model';
import type { Readiness } from './until-ready.ts';
import { bytes, plural, shellPath } from './words.ts';

/** One line that begins with `ready`. `name`: of the pair, where there are several. */
export function readyLine(readiness: Extract<Readiness, { counts: Counts }>, name: string | null): string {
  const head = name === null ? 'ready  ' : `ready  ${name}: `;
  const there = countsText(readiness.counts);
  if (readiness.kind === 'ready') return `${head}${there}`;
  const because = readiness.why === '' ? '' : ` (${readiness.why.replace(/\.$/, '')})`;
  const what =
    readiness.state === 'held'
      ? `held until you say so${because}`
      : `remote offline${because}: copies work, changes wait`;
  return `${head}${what}; ${there}`;
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
