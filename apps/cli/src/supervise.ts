/**
 * Keeps processes running. Each lives in a process group of its own, so that Ctrl-C reaches only us, and holds an IPC
 * channel to us, so that it ends when we are killed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { isAchieved, QUIET_MEMORY, SUPERVISED, systemClock, withDeadline } from '@lazysync/ops';
import { onLines } from './log-lines.ts';

export interface ChildSpec {
  readonly name: string;
  /** Of the program, and its arguments; asked before every start. */
  readonly command: () => Promise<readonly string[]>;
  readonly env: Readonly<Record<string, string>>;
  /** Resolves when it is needed, or when the signal is aborted; awaited before every start. Left out: at once. */
  readonly wanted?: (stop: AbortSignal) => Promise<void>;
  /** Of ours, for the process as its descriptor 4; asked before every start. Left out or null: none. */
  readonly descriptor?: () => number | null;
  /** A process of it was started, and can be talked to. */
  readonly started?: (child: ChildProcess) => void;
}

export interface SupervisorEvents {
  /** Of stderr or stdout. */
  readonly line: (name: string, line: string) => void;
  readonly restarting: (name: string, why: string, ms: number) => void;
  /** It ended with errors again and again, and got nowhere: it is not started any more. `lines`: the last ones it wrote. */
  readonly halted: (name: string, why: string, lines: readonly string[]) => void;
}

export interface Supervisor {
  pid(name: string): number | null;
  /** ms since the process that runs now was started; 0 when none runs. */
  uptime(name: string): number;
  /** SIGTERM to all, kill -9 to what is left after `ms`. */
  stop(ms: number): Promise<void>;
}

export interface SupervisorTimes {
  /** Waits before restarts, ms; the last one stays. */
  readonly backoff: readonly number[];
  /** Who has lived this long, ms, is started again without a wait. */
  readonly restedAfter: number;
  /** So many error exits within `within` ms are enough, when nothing was achieved in between. */
  readonly strikes: number;
  readonly within: number;
}

const TIMES: SupervisorTimes = {
  backoff: [100, 250, 500, 1000, 2000],
  restedAfter: 10_000,
  strikes: 5,
  within: 60_000,
};
/** A stack trace has room. */
const KEPT_LINES = 40;

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error: Error | null;
  readonly livedMs: number;
  /** It said that it got somewhere. */
  readonly achieved: boolean;
}

class Kept {
  readonly spec: ChildSpec;
  process: ChildProcess | null = null;
  since = 0;
  lines: string[] = [];
  constructor(spec: ChildSpec) {
    this.spec = spec;
  }
}

export function supervise(
  specs: readonly ChildSpec[],
  events: SupervisorEvents,
  over: Partial<SupervisorTimes> = {},
): Supervisor {
  const times = { ...TIMES, ...over };
  const stopping = new AbortController();
  const all = specs.map((spec) => new Kept(spec));
  const loops = all.map((kept) => keep(kept, events, times, stopping.signal));
  const find = (name: string): Kept | undefined => all.find((kept) => kept.spec.name === name);
  return {
    pid: (name) => find(name)?.process?.pid ?? null,
    uptime: (name) => {
      const kept = find(name);
      return kept?.process == null ? 0 : performance.now() - kept.since;
    },
    stop: async (ms) => {
      stopping.abort();
      for (const kept of all) signalTo(kept.process, 'SIGTERM');
      const ended = Promise.all(loops);
      const left = await withDeadline(ended, ms, 'the processes').then(
        () => false,
        () => true,
      );
      if (!left) return;
      for (const kept of all) if (kept.process?.pid !== undefined) killGroup(kept.process.pid);
      // A process stuck in a dead mount can not be killed: it is left behind.
      await withDeadline(ended, 500, 'the processes').catch(() => undefined);
    },
  };
}

async function keep(kept: Kept, events: SupervisorEvents, times: SupervisorTimes, stop: AbortSignal): Promise<void> {
  const { name } = kept.spec;
  let attempt = 0;
  let strikes: number[] = [];
  while (!stop.aborted) {
    const ending = await runOnce(kept, events, stop);
    if (ending === null || stop.aborted) return;
    const why = describe(ending);
    if (ending.achieved) strikes = [];
    if (ending.achieved || ending.livedMs >= times.restedAfter) attempt = 0;
    if (ending.error !== null || (ending.code !== null && ending.code !== 0)) {
      const now = performance.now();
      strikes = [...strikes.filter((at) => now - at < times.within), now];
      if (strikes.length >= times.strikes) {
        events.halted(name, why, kept.lines);
        return;
      }
    }
    const ms = times.backoff[Math.min(attempt, times.backoff.length - 1)] ?? 0;
    attempt++;
    events.restarting(name, why, ms);
    await systemClock.sleep(ms, stop);
  }
}

async function runOnce(kept: Kept, events: SupervisorEvents, stop: AbortSignal): Promise<Ending | null> {
  const { name, command, env, wanted, descriptor, started } = kept.spec;
  let since = performance.now();
  let args: readonly string[];
  try {
    await wanted?.(stop);
    since = performance.now();
    args = await command();
  } catch (error) {
    return notStarted(error, since);
  }
  if (stop.aborted) return null;
  const handed = descriptor?.() ?? null;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', QUIET_MEMORY, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...(handed === null ? [] : [handed])],
    env: { ...process.env, ...env, [SUPERVISED]: '1' },
  });
  kept.process = child;
  kept.since = since;
  kept.lines = [];
  const take = (line: string): void => {
    kept.lines.push(line);
    if (kept.lines.length > KEPT_LINES) kept.lines.shift();
    events.line(name, line);
  };
  // Without a free file descriptor there are none, whatever the types say.
  for (const stream of [child.stdout, child.stderr]) if (stream != null) onLines(stream, take);
  let achieved = false;
  child.on('message', (message) => {
    achieved ||= isAchieved(message);
  });
  started?.(child);
  return await new Promise((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null, error: Error | null): void => {
      kept.process = null;
      // What it started (its endpoints) has no owner any more.
      if (child.pid !== undefined) killGroup(child.pid);
      resolve({ code, signal, error, livedMs: performance.now() - since, achieved });
    };
    child.once('error', (error) => {
      if (child.pid === undefined) end(null, null, error);
    });
    // ORDER: `exit` may come before its last lines were read; whoever is killed leaves pipes open in its children.
    child.once('exit', (code, signal) => setImmediate(() => end(code, signal, null)));
  });
}

function notStarted(error: unknown, since: number): Ending {
  const reason = error instanceof Error ? error : new Error(String(error));
  return { code: null, signal: null, error: reason, livedMs: performance.now() - since, achieved: false };
}

function describe({ code, signal, error }: Ending): string {
  if (error !== null) return `could not be started: ${error.message}`;
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
}

function signalTo(child: ChildProcess | null, signal: NodeJS.Signals): void {
  if (child !== null && child.exitCode === null && child.signalCode === null) child.kill(signal);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
