/** What strace saw of an uncrashed run: calls that change something below one of the two roots. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { killedAt } from './killed.ts';
import type { World } from './world.ts';

const CALLS = [
  'mkdir,mkdirat,rmdir,unlink,unlinkat,symlink,symlinkat,link,linkat,rename,renameat,renameat2',
  'chmod,fchmod,fchmodat,utimensat,truncate,ftruncate,open,openat,openat2,creat,write,pwrite64,pwritev,writev,access,faccessat,faccessat2,statx',
].join(',');

export const hasStrace = spawnSync('strace', ['-V'], { encoding: 'utf8' }).status === 0;

/** Acts go by way of descriptors: `/proc/self/fd/N/name`, or a descriptor that strace shows with its path. */
function isInTrees(line: string, world: World): boolean {
  return ['/proc/self/fd/', `${world.local}/`, `${world.remote}/`, `${world.local}>`, `${world.remote}>`].some((part) =>
    line.includes(part),
  );
}

/** The lines in which a call that changes a tree begins. (A call that another thread interrupts ends in a later line.) */
function actsIn(text: string, world: World): string[] {
  const lines = text.split('\n');
  const from = lines.findIndex((line) => line.includes('/lazysync-crash-begin'));
  const to = lines.findIndex((line) => line.includes('/lazysync-crash-end'));
  if (from < 0 || to < 0) throw new Error('strace did not see the run begin and end');
  return lines.slice(from, to).filter((line) => {
    const call = /^\d+ +(\w+)\(/.exec(line)?.[1];
    if (call === undefined || !isInTrees(line, world)) return false;
    if (/access|statx/.test(call)) return false;
    return call.startsWith('open') ? line.includes('O_CREAT') : true;
  });
}

export interface TracedRun {
  /** Acts on the trees with a point before and after each, as the wrapped ports count them. */
  readonly counted: readonly string[];
  /** The same as the kernel was asked for them. */
  readonly seen: readonly string[];
  readonly unmade: number;
}

export async function tracedRun(world: World): Promise<TracedRun> {
  const file = path.join(world.top, 'strace.txt');
  const strace = ['strace', '-f', '-y', '-qq', '-s', '0', '-e', `trace=${CALLS}`, '-o', file];
  const ended = await killedAt(world, null, strace);
  if (ended.kind !== 'rest') throw new Error('nobody was to die');
  const counted = ended.acts.filter((act) => !act.startsWith('base ') && !act.startsWith('lane '));
  return { counted, seen: actsIn(fs.readFileSync(file, 'utf8'), world), unmade: ended.unmade };
}
