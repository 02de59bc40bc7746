/** The watcher on the file server, beside the folder behind the mount. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Place } from './place.ts';
import { type ProcessUse, processesOf } from './processes.ts';
import type { Program } from './program.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../../lazysync');
const LIMIT_MS = 120_000;

export interface ServerWatcher {
  processes(): readonly ProcessUse[];
  /** Answers how many jobs it put into the lane. */
  stop(): Promise<number>;
}

/** Resolves when the pair's own watcher knows of it, and has looked at everything once more. */
export async function startServerWatcher(place: Place, program: Program): Promise<ServerWatcher> {
  const pair = JSON.parse(fs.readFileSync(path.join(place.local, '.lazysync/pair.json'), 'utf8')) as { redis: string };
  const args = ['watch', '--side', 'remote', '--root', place.backing, '--redis', pair.redis];
  const child = spawn(PROGRAM, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString()).slice(-5_000);
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<number> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await gone;
    return Number(/"jobs":(\d+)/.exec(said)?.[1] ?? Number.NaN);
  };
  const end = performance.now() + LIMIT_MS;
  while (program.status().remoteScan?.pushed !== true) {
    if (child.exitCode !== null || performance.now() > end) {
      await stop();
      throw new Error(`the watcher on the server: ${said}`);
    }
    await pause(500);
  }
  await program.rest();
  return { processes: () => processesOf(child.pid ?? -1), stop };
}
