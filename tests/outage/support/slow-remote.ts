/** A real network mount whose link can be cut: `remote` is the mount, `backing` the folder behind it. */
import { execFile, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll } from 'vitest';

const LAB = process.env.LAZYSYNC_LAB ?? path.resolve(import.meta.dirname, '../../../../shared/lab');
const PROGRAM = path.join(LAB, 'slow-remote');

function whyNot(): string | null {
  if (!fs.existsSync(PROGRAM)) return 'there is no slow-remote';
  try {
    fs.closeSync(fs.openSync('/dev/fuse', 'r+'));
  } catch {
    return '/dev/fuse can not be used by this user';
  }
  return null;
}

/** null: mounts can be made here; else why not. */
export const noMounts: string | null = whyNot();

/** Mounts that come to their end while the next test is at work: they wait seconds for init to bury their processes. */
const ending: Promise<void>[] = [];
afterAll(async () => {
  await Promise.all(ending);
}, 120_000);

export class SlowRemote {
  readonly dir: string;
  readonly remote: string;
  readonly backing: string;

  constructor(...options: readonly string[]) {
    this.dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-slow-')));
    this.remote = path.join(this.dir, 'remote');
    this.backing = path.join(this.dir, 'backing');
    this.#run('up', ...options);
  }

  #run(command: string, ...options: readonly string[]): string {
    const ran = spawnSync(PROGRAM, [command, this.dir, ...options], { encoding: 'utf8', timeout: 60_000 });
    if (ran.status !== 0) throw new Error(`slow-remote ${command}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  b(...rel: string[]): string {
    return path.join(this.backing, ...rel);
  }

  cut(): void {
    this.#run('cut');
  }

  heal(): void {
    this.#run('heal');
  }

  /** Resets the connections. */
  drop(): void {
    this.#run('drop');
  }

  /** Bytes sent to the server since `resetStats`. */
  sent(): number {
    return (JSON.parse(this.#run('stats')) as { up_bytes: number }).up_bytes;
  }

  /** Bytes that the server sent since `resetStats`. */
  received(): number {
    return (JSON.parse(this.#run('stats')) as { down_bytes: number }).down_bytes;
  }

  resetStats(): void {
    this.#run('reset-stats');
  }

  /** Waited for at the end of the file. */
  down(): void {
    const end = async (): Promise<void> => {
      await promisify(execFile)(PROGRAM, ['down', this.dir], { timeout: 60_000 });
      fs.rmSync(this.dir, { recursive: true, force: true });
    };
    const ended = end();
    ended.catch(() => undefined);
    ending.push(ended);
  }

  /** Does the mount answer? Asked by a process of its own, which may hang. */
  answers(): boolean {
    return spawnSync('stat', ['-f', this.remote], { timeout: 500, killSignal: 'SIGKILL' }).status === 0;
  }
}
