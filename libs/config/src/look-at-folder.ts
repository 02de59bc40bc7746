/** Looks at folders that may lie on a mount that does not answer. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mountAmong, parseMountinfo } from '@lazysync/ops';
import type { FolderFacts } from './folder-facts.ts';

export type { FolderFacts, Place } from './folder-facts.ts';

export type FolderLook =
  | FolderFacts
  /** No answer within the deadline. */
  | { readonly kind: 'silent'; readonly ms: number };

export const LOOK_MS = 10_000;
const START_MS = 60_000;

const CHILD = fileURLToPath(new URL('./folder-facts-child.ts', import.meta.url));

/** `file`: absolute. Rejects only if no process can be started. */
export async function lookWithin(file: string, ms = LOOK_MS, startMs = START_MS): Promise<FolderLook> {
  const [look] = await lookAtSome([file], ms, startMs);
  return look ?? { kind: 'silent', ms };
}

/** In the order of `files`: one process for each file system that they lie on, so that a dead one holds up only its own. */
export async function lookAtAll(files: readonly string[], ms = LOOK_MS): Promise<readonly FolderLook[]> {
  const mounts = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  const groups = Map.groupBy(files.keys(), (index) => {
    const mount = mountAmong(mounts, files[index] ?? '');
    return mount?.device ?? mount?.mountPoint ?? '';
  });
  const looks: FolderLook[] = [];
  await Promise.all(
    [...groups.values()].map(async (indexes) => {
      const found = await lookAtSome(
        indexes.map((index) => files[index] ?? ''),
        ms,
        START_MS,
      );
      for (const [at, index] of indexes.entries()) looks[index] = found[at] ?? { kind: 'silent', ms };
    }),
  );
  return looks;
}

/** A link may lead to a dead mount although its name does not tell: what comes after it is looked at by another process. */
async function lookAtSome(files: readonly string[], ms: number, startMs: number): Promise<readonly FolderLook[]> {
  const looks: FolderLook[] = [];
  while (looks.length < files.length) {
    const { answers, end } = await lookUntilSilent(files.slice(looks.length), ms, startMs);
    looks.push(...answers);
    if (looks.length < files.length) looks.push(end);
  }
  return looks;
}

interface Answered {
  readonly answers: readonly FolderLook[];
  /** What is to be said of the one that got no answer. */
  readonly end: FolderLook;
}

function lookUntilSilent(files: readonly string[], ms: number, startMs: number): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CHILD], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const answers: FolderLook[] = [];
    let out = '';
    const silent = (): void => {
      // Stuck in the kernel it can not even be killed: it is left behind, holding nothing.
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.unref();
      resolve({ answers, end: { kind: 'silent', ms } });
    };
    // Starting a process takes seconds on a busy machine, and says nothing of a mount.
    let timer = setTimeout(silent, startMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (out + text).split('\n');
      out = lines.pop() ?? '';
      for (const line of lines) if (line !== '') answers.push(JSON.parse(line) as FolderFacts);
      clearTimeout(timer);
      timer = setTimeout(silent, ms);
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ answers, end: { kind: 'error', code: `the look ended with ${code ?? 'a signal'}` } });
    });
    // Its early end is told by 'close'.
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify(files));
  });
}
