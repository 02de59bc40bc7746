/** Runs a worker as a process of its own, which is killed at a point. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Ended, World } from './world.ts';

const CHILD = path.join(import.meta.dirname, 'child.ts');
const LIMIT_MS = 60_000;

export async function killedAt(world: World, at: number | null, around: readonly string[] = []): Promise<Ended> {
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', CHILD];
  const [program = '', ...args] = [...around, ...node, world.top, world.abilities, at === null ? 'none' : String(at)];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
  let out = '';
  let err = '';
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    err += bytes.toString();
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...how) => resolve(how));
  });
  if (signal === 'SIGKILL') return { kind: 'died', acts: [] };
  if (code !== 0) throw new Error(`the worker ended with ${code ?? signal}: ${err}`);
  return JSON.parse(out) as Ended;
}
