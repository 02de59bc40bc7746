/** CPU and memory of a process and of all that it started, one line for each program. */
import fs from 'node:fs';

export interface ProcessUse {
  /** Such as `watcher`, `sync-worker`, `endpoint`, `redis`. */
  readonly name: string;
  /** Seconds so far. */
  readonly cpu: number;
  /** MiB in memory now, and the most it ever was. */
  readonly rss: number;
  readonly peak: number;
  /** MiB, pages that several processes share (Node itself) counted once among them. */
  readonly pss: number;
}

/** Of /proc/PID/stat, from the state on. */
function statOf(pid: number): readonly string[] {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function nameOf(pid: number): string {
  const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  const app = /apps\/([a-z-]+)\//.exec(line.join(' '))?.[1];
  return app ?? (line[0]?.includes('redis') === true ? 'redis' : (line[0]?.split('/').pop() ?? '?'));
}

/** MiB, of a line of /proc/PID/status. */
function mib(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024;
}

/** The kernel tells it of one's own processes only. */
function pssOf(pid: number): number {
  return mib(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss');
}

export function processesOf(ancestor: number): readonly ProcessUse[] {
  const parents = new Map<number, number>();
  for (const pid of fs.readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      parents.set(Number(pid), Number(statOf(Number(pid))[1]));
    } catch {
      continue; // ended meanwhile
    }
  }
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at))
      if (at === ancestor) return true;
    return false;
  };
  const found: ProcessUse[] = [];
  for (const pid of parents.keys()) {
    if (!isBelow(pid)) continue;
    try {
      const fields = statOf(pid);
      const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
      const cpu = (Number(fields[11]) + Number(fields[12])) / 100;
      found.push({ name: nameOf(pid), cpu, rss: mib(status, 'VmRSS'), peak: mib(status, 'VmHWM'), pss: pssOf(pid) });
    } catch {
      continue; // ended meanwhile
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function sum(of: readonly ProcessUse[], what: 'cpu' | 'rss' | 'peak' | 'pss'): number {
  return of.reduce((all, one) => all + one[what], 0);
}

/** What was used between two looks, each process by its name. */
export function usedBetween(before: readonly ProcessUse[], after: readonly ProcessUse[]): readonly ProcessUse[] {
  const left = [...before];
  return after.map((one) => {
    const at = left.findIndex(({ name }) => name === one.name);
    const [was] = at < 0 ? [] : left.splice(at, 1);
    return { ...one, cpu: one.cpu - (was?.cpu ?? 0) };
  });
}
