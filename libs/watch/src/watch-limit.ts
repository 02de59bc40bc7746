/** The kernel's limits of inotify, and the command that raises them. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { errnoOf } from '@lazysync/ops';
import type { Lost } from './hint.ts';

export type LimitName = 'watches' | 'instances';

/** What is asked for at least. */
const ENOUGH: Readonly<Record<LimitName, number>> = { watches: 524_288, instances: 512 };
/** More than this part of a limit in use is worth a word before it is reached. */
const NEAR = 0.8;

interface Limit {
  /** As `sysctl` calls it. */
  readonly name: string;
  readonly now: number;
}

/** ms: a thousand pairs ask in turn. */
const KNOWN_MS = 5_000;
const known = new Map<LimitName, { readonly at: number; readonly limit: Limit | null }>();

function limitOf(what: LimitName): Limit | null {
  const before = known.get(what);
  if (before !== undefined && performance.now() - before.at < KNOWN_MS) return before.limit;
  const limit = readLimit(what);
  known.set(what, { at: performance.now(), limit });
  return limit;
}

/** The lower one of the machine's limit and that of a user namespace (a container may have its own); null: not known. */
function readLimit(what: LimitName): Limit | null {
  const found: Limit[] = [];
  for (const name of [`fs.inotify.max_user_${what}`, `user.max_inotify_${what}`]) {
    try {
      found.push({ name, now: Number(readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8')) });
    } catch (error) {
      if (errnoOf(error) === null) throw error;
    }
  }
  return found.reduce<Limit | null>((low, one) => (low === null || one.now < low.now ? one : low), null);
}

function mendOf({ name, now }: Limit, what: LimitName): string {
  return `sudo sysctl ${name}=${Math.max(ENOUGH[what], 2 * now)}`;
}

/** `means`: what the kernel does not do any more. */
export function limitReached(what: LimitName, means: string): Lost {
  const limit = limitOf(what);
  if (limit === null) return { kind: 'watch-limit', message: means, mend: null };
  return { kind: 'watch-limit', message: `${means} (${limit.name} is ${limit.now})`, mend: mendOf(limit, what) };
}

/** inotify_init answers EMFILE for both: the user has no more instances, or the process no more descriptors. */
export function noInstance(errno: string): Lost {
  if (errno === 'EMFILE' && hasNoDescriptor()) {
    const message = 'this process has no file descriptor left for inotify';
    return { kind: 'watch-limit', message, mend: 'ulimit -n 65536' };
  }
  return limitReached('instances', `inotify can not be used: ${errno}`);
}

function hasNoDescriptor(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return false;
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return true;
  }
}

/** null: there is room. */
export function nearWatchLimit(needed: number): Pick<Lost, 'message' | 'mend'> | null {
  const limit = limitOf('watches');
  if (limit === null || needed <= limit.now * NEAR) return null;
  return {
    message: `${needed} of the ${limit.now} watches that the kernel allows are needed (${limit.name})`,
    mend: mendOf({ ...limit, now: Math.max(limit.now, needed) }, 'watches'),
  };
}
