/**
 * What strace saw of an uncrashed run: calls that change something below one of the two roots, transactions of the base,
 * and words to the lane.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { killedAt } from './killed.ts';
import type { World } from './world.ts';

const CALLS = [
  'mkdir,mkdirat,rmdir,unlink,unlinkat,symlink,symlinkat,link,linkat,rename,renameat,renameat2',
  'chmod,fchmod,fchmodat,utimensat,truncate,ftruncate,open,openat,openat2,creat,write,pwrite64,pwritev,writev,access,faccessat,faccessat2,statx,fcntl',
].join(',');
/** SQLite takes this lock of the write-ahead log once for each transaction that writes. What is put together is padded. */
const WRITES_BASE = /base\.db-shm>, F_SETLK, \{l_type=F_WRLCK, l_whence=SEEK_SET, l_start=120, l_len=1\}\) += 0/;
/** The lane of this test is a file that is renamed into place. */
const TELLS_LANE = / rename\w*\(.*lane\.json\.new/;

export const hasStrace = spawnSync('strace', ['-V'], { encoding: 'utf8' }).status === 0;

/** Acts go by way of descriptors: `/proc/self/fd/N/name`, or a descriptor that strace shows with its path. */
function isInTrees(line: string, world: World): boolean {
  return ['/proc/self/fd/', `${world.local}/`, `${world.remote}/`, `${world.local}>`, `${world.remote}>`].some((part) =>
    line.includes(part),
  );
}

function linesOfRun(text: string): string[] {
  const lines = text.split('\n');
  const from = lines.findIndex((line) => line.includes('/lazysync-crash-begin'));
  const to = lines.findIndex((line) => line.includes('/lazysync-crash-end'));
  if (from < 0 || to < 0) throw new Error('strace did not see the run begin and end');
  return whole(lines.slice(from, to));
}

/** A call that another thread's interrupts is written in two lines: put together, where it began. */
function whole(lines: readonly string[]): string[] {
  const calls: string[] = [];
  const begun = new Map<string, number>();
  for (const line of lines) {
    const [, pid = '', start] = /^(\d+) +(.*) <unfinished \.\.\.>$/.exec(line) ?? [];
    const [, by = '', end] = /^(\d+) +<\.\.\. \w+ resumed>(.*)$/.exec(line) ?? [];
    const at = begun.get(by);
    if (end !== undefined && at !== undefined) calls[at] += end;
    else if (start !== undefined) begun.set(pid, calls.push(`${pid} ${start}`) - 1);
    else calls.push(line);
  }
  return calls;
}

/** The calls that change a tree. */
function actsIn(lines: readonly string[], world: World): string[] {
  return lines.filter((line) => {
    const call = /^\d+ +(\w+)\(/.exec(line)?.[1];
    if (call === undefined || !isInTrees(line, world)) return false;
    if (/access|statx|fcntl/.test(call)) return false;
    return call.startsWith('open') ? line.includes('O_CREAT') : true;
  });
}

/** The same acts, as the wrapped ports count them (each with a point before and after) and as the kernel saw them. */
export interface Counted {
  readonly points: readonly string[];
  readonly seen: readonly string[];
}

export interface TracedRun {
  /** Calls that change a tree. Some were counted and never made: the folder they were to be made in is not there. */
  readonly trees: Counted & { readonly unmade: number };
  /** Transactions of the base; some have no points. */
  readonly base: Counted & { readonly aside: number };
  readonly lane: Counted;
}

export async function tracedRun(world: World): Promise<TracedRun> {
  const file = path.join(world.top, 'strace.txt');
  const strace = ['strace', '-f', '-y', '-qq', '-s', '300', '-e', `trace=${CALLS}`, '-o', file];
  const ended = await killedAt(world, null, strace);
  if (ended.kind !== 'rest') throw new Error('nobody was to die');
  const { acts, unmade, aside } = ended;
  const lines = linesOfRun(fs.readFileSync(file, 'utf8'));
  const of = (kind: string): string[] => acts.filter((act) => act.startsWith(`${kind} `));
  return {
    trees: { points: [...of('local'), ...of('remote')], seen: actsIn(lines, world), unmade },
    base: { points: of('base'), seen: lines.filter((line) => WRITES_BASE.test(line)), aside },
    lane: { points: of('lane'), seen: lines.filter((line) => TELLS_LANE.test(line)) },
  };
}
