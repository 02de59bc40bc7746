/**
 * Looks at one folder, in a process of its own: a dead mount hangs only this process. The path comes as the argument, the
 * answer goes to stdout as one line of JSON. Only built-in modules, so that it starts quickly. Writes nothing.
 */
import fs from 'node:fs';
import path from 'node:path';

export interface Place {
  readonly real: string;
  /** `dev:ino` of the folder itself and of each folder above it, up to the root. */
  readonly chain: readonly string[];
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** Mounted read-only. */
  readonly readOnly: boolean;
}

export type FolderFacts =
  | ({
      readonly kind: 'directory';
      /** The pair named in its marker, if it has one. */
      readonly marker: string | null;
    } & Place)
  /** Not there; `parent` is where it could be made. */
  | { readonly kind: 'absent'; readonly parent: FolderFacts | null; readonly dangling: boolean }
  | { readonly kind: 'not-a-directory' }
  | { readonly kind: 'error'; readonly code: string };

function codeOf(error: unknown): string {
  const { code, errno } = error as NodeJS.ErrnoException;
  if (code === 'UNKNOWN' || code?.startsWith('Unknown') === true) return errno === -116 ? 'ESTALE' : `errno ${errno}`;
  return code ?? String(error);
}

function may(file: string, mode: number): string | null {
  try {
    fs.accessSync(file, mode);
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

function markerOf(folder: string): string | null {
  try {
    const { pair } = JSON.parse(fs.readFileSync(path.join(folder, '.lazysync', 'root.json'), 'utf8')) as {
      pair?: unknown;
    };
    return typeof pair === 'string' ? pair : null;
  } catch {
    return null; // none, or none that can be read: only who can name its pair is believed
  }
}

/** Names the folders by what they are, so that bind mounts and links do not hide that two are one. */
function chainOf(real: string): string[] {
  const chain: string[] = [];
  for (let at = real; ; at = path.dirname(at)) {
    const { dev, ino } = fs.statSync(at, { bigint: true });
    chain.push(`${dev}:${ino}`);
    if (at === path.dirname(at)) return chain;
  }
}

export function lookAtFolder(file: string, isParent = false): FolderFacts {
  try {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat === undefined) {
      const dangling = fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined;
      return { kind: 'absent', parent: isParent ? null : lookAtFolder(path.dirname(file), true), dangling };
    }
    if (!stat.isDirectory()) return { kind: 'not-a-directory' };
    const real = fs.realpathSync(file);
    const reading = may(real, fs.constants.R_OK | fs.constants.X_OK);
    if (reading !== null && reading !== 'EACCES') return { kind: 'error', code: reading };
    const canRead = reading === null;
    const writing = may(real, fs.constants.W_OK);
    return {
      kind: 'directory',
      real,
      chain: chainOf(real),
      canRead,
      canWrite: writing === null,
      readOnly: writing === 'EROFS',
      marker: isParent ? null : markerOf(real),
    };
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOTDIR' && !isParent
      ? { kind: 'absent', parent: { kind: 'not-a-directory' }, dangling: false }
      : { kind: 'error', code };
  }
}
