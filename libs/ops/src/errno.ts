/** Errno names, as values. Node's own error codes are not enough: it calls ESTALE "Unknown system error -116". */
import { constants } from 'node:os';

/** Such as `ENOENT`. */
export type Errno = `E${string}`;

/** Numbers that Node's list lacks (Linux, the same on x86_64 and arm64). */
const MORE: Readonly<Record<number, Errno>> = {
  112: 'EHOSTDOWN',
  117: 'EUCLEAN',
  121: 'EREMOTEIO',
  123: 'ENOMEDIUM',
  126: 'ENOKEY',
  127: 'EKEYEXPIRED',
};

let names: Map<number, Errno> | undefined;

function table(): Map<number, Errno> {
  if (names !== undefined) return names;
  const found = new Map<number, Errno>();
  for (const [name, number] of Object.entries(constants.errno)) {
    // Where two names share a number, the first one is the usual one (EAGAIN, EOPNOTSUPP aside).
    if (!found.has(number)) found.set(number, name as Errno);
  }
  for (const [number, name] of Object.entries(MORE)) if (!found.has(Number(number))) found.set(Number(number), name);
  found.set(constants.errno.ENOTSUP, 'ENOTSUP');
  names = found;
  return found;
}

/** The name of a positive errno. */
export function errnoName(number: number): Errno {
  return table().get(number) ?? `E${number}`;
}

/** The errno name of what a call of node:fs threw, or null when that was no system error. */
export function errnoOf(error: unknown): Errno | null {
  if (!(error instanceof Error)) return null;
  const { errno, code } = error as NodeJS.ErrnoException;
  if (typeof errno === 'number' && errno < 0) return errnoName(-errno);
  // The rm/cp helpers of Node invent codes of their own (ERR_...): those are not errnos.
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? (code as Errno) : null;
}
