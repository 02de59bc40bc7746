/** How much memory processes hold: the most that was seen since the start, and what they hold now. */
import fs from 'node:fs';

export interface MemoryWatch {
  /** MB at most, by name. */
  most(): ReadonlyMap<string, number>;
  /** MB now, by name; of several of a name the one that holds most. */
  now(): ReadonlyMap<string, number>;
  stop(): void;
}

const EVERY_MS = 250;

function residentMb(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // ended meanwhile
  }
}

/** `find`: the processes of the moment, by name. */
export function watchMemory(find: () => ReadonlyMap<string, readonly number[]>): MemoryWatch {
  const most = new Map<string, number>();
  const now = (): Map<string, number> =>
    new Map([...find()].map(([name, pids]) => [name, Math.round(Math.max(0, ...pids.map(residentMb)))]));
  const look = (): void => {
    for (const [name, mb] of now()) most.set(name, Math.max(most.get(name) ?? 0, mb));
  };
  const timer = setInterval(look, EVERY_MS);
  return { most: () => most, now, stop: () => clearInterval(timer) };
}
