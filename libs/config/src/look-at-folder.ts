/** Looks at a folder that may lie on a mount that does not answer. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FolderFacts } from './folder-facts.ts';

export type { FolderFacts, Place } from './folder-facts.ts';

export type FolderLook =
  | FolderFacts
  /** No answer within the deadline. */
  | { readonly kind: 'silent'; readonly ms: number };

export const LOOK_MS = 10_000;

const CHILD = fileURLToPath(new URL('./folder-facts-child.ts', import.meta.url));

/** `file`: absolute. Rejects only if no process can be started. */
export function lookWithin(file: string, ms = LOOK_MS): Promise<FolderLook> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CHILD, file], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let out = '';
    const timer = setTimeout(() => {
      // Stuck in the kernel it can not even be killed: it is left behind, holding nothing.
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.unref();
      resolve({ kind: 'silent', ms });
    }, ms);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(JSON.parse(out) as FolderFacts);
      else resolve({ kind: 'error', code: `the look ended with ${code ?? 'a signal'}` });
    });
  });
}
