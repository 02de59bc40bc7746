/**
 * The pages of a program's own code and constants, which each process that runs it shares with the others. What a start
 * went through stays in a process's memory, as `ps` and `top` show it, though at rest hardly half of it is needed again.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { errnoOf } from './errno.ts';
import { call, failed, libc, type Result } from './libc.ts';

/** See madvise(2): the pages come back from the file, or the kernel's cache of it, when they are needed. */
const MADV_DONTNEED = 4;

/** From `start` to `end`, addresses in bytes. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Parts of a process that come from its `program`, can't be written, and are exactly as that file has them: whatever was
 * changed in memory (by the dynamic linker, say) would be lost. `smaps`: the text of /proc/PID/smaps, see proc_pid_smaps(5).
 * RACE: libraries are left alone. What another thread has just unloaded may be its memory by now; the program itself stays.
 */
export function codeIn(smaps: string, program: string): readonly Range[] {
  const found: Range[] = [];
  let range: Range | undefined;
  for (const line of smaps.split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ +(.*)$/.exec(line);
    if (head !== null) {
      const [, start = '', end = '', may, file] = head;
      const isCode = (may === 'r-xp' || may === 'r--p') && file === program;
      range = isCode ? { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) } : undefined;
    } else if (range !== undefined && /^Anonymous: +0 kB$/.test(line)) found.push(range);
  }
  return found;
}

/** Lets go of this process's code; what is needed of it comes back by itself. Answers why it could not. */
export function letGoOfCode(): Result<void> {
  let smaps: string;
  let program: string;
  try {
    program = realpathSync(process.execPath);
    smaps = readFileSync('/proc/self/smaps', 'utf8');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === null) throw error;
    return errno;
  }
  const c = libc();
  for (const { start, end } of codeIn(smaps, program)) {
    const done = call(c.madvise, c.numbers.madvise, start, end - start, MADV_DONTNEED);
    if (failed(done)) return done;
  }
}
