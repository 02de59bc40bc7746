/** The program as a person starts it, and as its own commands tell of it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Place } from './place.ts';
import { type ProcessUse, processesOf } from './processes.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../../lazysync');
const READY_MS = 30 * 60_000;
const STOP_MS = 20_000;

export interface PairState {
  readonly state: string;
  readonly queued: number;
  readonly transfers: number;
  readonly entries: number;
  readonly stubs: number;
  readonly copies: number;
  readonly remoteScan: { readonly pushed: boolean; readonly duty: number; readonly oldestMs: number } | null;
}

export interface Program {
  readonly pid: number;
  /** ms from the start to the line `ready`. */
  readonly readyMs: number;
  processes(): readonly ProcessUse[];
  status(): PairState;
  /** Runs a command of it to its end; throws when it fails. */
  run(...args: readonly string[]): string;
  /** Until nothing is left to do, as its status says. */
  rest(): Promise<void>;
  stop(): Promise<void>;
}

function env(place: Place): NodeJS.ProcessEnv {
  const { REDIS_URL: _url, ...rest } = process.env;
  return { ...rest, XDG_STATE_HOME: place.top, NO_COLOR: '1' };
}

export interface StartOptions {
  readonly more?: readonly string[];
  /** Called again and again, every few ms, until it is ready. */
  readonly meanwhile?: (ms: number) => void;
}

/** Starts `up` and waits for its `ready`. */
export async function startProgram(place: Place, { more = [], meanwhile }: StartOptions = {}): Promise<Program> {
  const begun = performance.now();
  const folders = ['--remote', place.remote, '--local', place.local, '--state', place.state];
  const child: ChildProcess = spawn(PROGRAM, ['up', ...folders, '--port', '17420', ...more], {
    env: env(place),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let readyMs = Number.NaN;
  child.stdout?.on('data', (bytes: Buffer) => {
    said += bytes.toString();
    if (Number.isNaN(readyMs) && /^ready/m.test(said)) readyMs = performance.now() - begun;
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString()).slice(-20_000);
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(late);
  };
  while (Number.isNaN(readyMs)) {
    if (child.exitCode !== null) throw new Error(`up ended with ${child.exitCode}: ${said}`);
    if (performance.now() - begun > READY_MS) {
      await stop();
      throw new Error(`up was not ready: ${said}`);
    }
    meanwhile?.(performance.now() - begun);
    await pause(5);
  }
  const pid = child.pid ?? -1;
  const run = (...args: readonly string[]): string => {
    const ran = spawnSync(PROGRAM, args, {
      cwd: place.local,
      env: env(place),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    if (ran.status !== 0)
      throw new Error(`lazysync ${args.join(' ')} ended with ${ran.status}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  };
  const status = (): PairState => {
    const { pairs } = JSON.parse(run('status', '--json', '--local', place.local)) as { pairs: PairState[] };
    const [pair] = pairs;
    if (pair === undefined) throw new Error('status names no pair');
    return pair;
  };
  return {
    pid,
    readyMs,
    processes: () => processesOf(pid),
    status,
    run,
    async rest() {
      for (;;) {
        const { state, queued, transfers } = status();
        if (state === 'idle' && queued === 0 && transfers === 0) return;
        await pause(200);
      }
    },
    stop,
  };
}
