/** The command as a user starts it, with a home of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { programFile } from '@lazysync/programs';

const MAIN = programFile('cli');
/** Another than root, where rights count. */
const NOBODY = 65_534;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface Running {
  readonly process: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The line that begins with `ready`. */
  ready(): Promise<string>;
  readonly ended: Promise<Ended>;
  /** Ctrl-C. */
  stop(): Promise<Ended>;
}

export interface Home {
  readonly top: string;
  path(...parts: string[]): string;
  folder(...parts: string[]): string;
  start(args: readonly string[], options?: StartOptions): Running;
  run(args: readonly string[], options?: StartOptions): Promise<Ended>;
  /** Processes that were started with something of this home on their command line. */
  processes(): readonly number[];
  /** Kills what is left and removes everything. */
  remove(): Promise<void>;
}

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export function makeHome({ asNobody = false } = {}): Home {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'lazysync-cli-')));
  const own = (folder: string): string => {
    if (asNobody && process.getuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
    return folder;
  };
  own(top);
  const folder = (...parts: string[]): string => {
    let at = top;
    for (const part of parts.flatMap((one) => one.split('/'))) {
      at = join(at, part);
      if (lstatSync(at, { throwIfNoEntry: false }) === undefined) {
        mkdirSync(at);
        own(at);
      }
    }
    return at;
  };
  folder('home');
  // What is compiled once is kept for all, as by ./lazysync.
  const outside = Object.entries(process.env).filter(
    ([name]) => name === 'NODE_COMPILE_CACHE' || !/^(LAZYSYNC_|REDIS_URL|XDG_|HOME|NODE_|VITEST)/.test(name),
  );
  const running = new Set<Running>();

  const start = (args: readonly string[], { cwd = top, env = {} }: StartOptions = {}): Running => {
    const since = performance.now();
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
      cwd,
      env: { ...Object.fromEntries(outside), HOME: join(top, 'home'), XDG_STATE_HOME: join(top, 'xdg'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(asNobody && process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}),
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    const ended = once(child, 'close').then(
      ([code]): Ended => ({ code: code as number | null, stdout: out, stderr: err, ms: performance.now() - since }),
    );
    const one: Running = {
      process: child,
      stdout: () => out,
      stderr: () => err,
      ended,
      ready: async () => {
        return await until('ready', () => {
          if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${out}${err}`);
          return /^ready .*$/m.exec(out)?.[0];
        }).catch((error: Error) => {
          throw new Error(`${error.message}\n${out}${err}`);
        });
      },
      stop: async () => {
        child.kill('SIGINT');
        return await ended;
      },
    };
    running.add(one);
    return one;
  };

  const processes = (): number[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => commandLine(pid).includes(top));

  return {
    top,
    path: (...parts) => join(top, ...parts),
    folder,
    start,
    run: async (args, options) => await start(args, options).ended,
    processes,
    remove: async () => {
      for (const one of running) {
        if (one.process.exitCode === null && one.process.signalCode === null) one.process.kill('SIGINT');
        await one.ended;
      }
      // What outlives a killed command by design (Redis) or by mistake.
      for (const pid of processes()) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
        }
      }
      await until('the end of all processes', () => processes().length === 0 || null);
      rmSync(top, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function commandLine(pid: number): string {
  try {
    return readLink(`/proc/${pid}/cwd`) + readText(`/proc/${pid}/cmdline`);
  } catch {
    return ''; // ended
  }
}

function readText(file: string): string {
  return readFileSync(file, 'utf8').replaceAll('\0', ' ');
}

/** redis-server changes into its folder and is told nothing else. */
function readLink(file: string): string {
  try {
    const cwd = readlinkSync(file);
    return /redis/.test(cwd) ? cwd : '';
  } catch {
    return '';
  }
}

export async function until<T>(what: string, ask: () => T | Promise<T>, ms = 60_000): Promise<NonNullable<T>> {
  const end = performance.now() + ms;
  for (;;) {
    const begun = performance.now();
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer as NonNullable<T>;
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    // A look by a process of its own takes from what is waited for: half of the time is left to that.
    await pause(Math.min(500, Math.max(20, performance.now() - begun)));
  }
}

/** Everything below a folder: kinds, sizes, times. Equal before and after = nothing was touched. */
export function snapshot(folder: string): Record<string, string> {
  const seen: Record<string, string> = {};
  const walk = (at: string, name: string): void => {
    const stat = lstatSync(at);
    seen[name] = `${stat.mode.toString(8)} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`;
    if (stat.isDirectory()) for (const child of readdirSync(at)) walk(join(at, child), `${name}/${child}`);
  };
  walk(folder, '.');
  return seen;
}
