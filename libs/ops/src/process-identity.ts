/**
 * Which process this is, so that another one on the same machine can prove that it is gone: its pid may be given to
 * somebody else, and containers have pids of their own.
 */
import { readFileSync, readlinkSync } from 'node:fs';

export interface ProcessIdentity {
  /** The boot of the machine and the namespace in which `pid` means something. */
  readonly space: string;
  readonly pid: number;
  /** When the process began, in the kernel's own count. */
  readonly began: string;
}

/** null: /proc is not to be read here, and nothing can be proved. */
export function ownIdentity(): ProcessIdentity | null {
  const space = spaceOf();
  const began = beganAt(process.pid);
  return space === null || began === null ? null : { space, pid: process.pid, began };
}

/** True only where it is certain: same machine, same pids, and that process has ended. */
export function isGone(one: ProcessIdentity): boolean {
  const space = spaceOf();
  return space !== null && space === one.space && beganAt(one.pid) !== one.began;
}

let known: string | null | undefined;

function spaceOf(): string | null {
  if (known !== undefined) return known;
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    known = `${boot}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    known = null; // hidden here: then only time tells
  }
  return known;
}

/** null: there is no such process, or only what is left of one. */
function beganAt(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null; // there is none
  }
  // The name may hold spaces and brackets: what counts begins after the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
}
