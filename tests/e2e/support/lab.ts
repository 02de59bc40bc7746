/** A pair in a temp folder and the real program around it: `lazysync up` as a person starts it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { programFile } from '@lazysync/programs';
import { waitFor } from './wait-for.ts';

const CLI = programFile('cli');

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Status {
  readonly id: string;
  readonly state: string;
  readonly queued: number;
  readonly transfers: number;
  readonly transferList: readonly {
    readonly path: string;
    readonly direction: string;
    readonly state: string;
    readonly bytes: number;
    readonly size: number;
  }[];
  readonly entries: number;
  readonly directories: number;
  readonly stubs: number;
  readonly copies: number;
  readonly conflicts: number;
  readonly problems: number;
  readonly held: number;
  readonly cachedBytes: number;
  readonly lastChange: string | null;
  readonly redis: string;
  readonly watchers: readonly { readonly pid: number }[];
  readonly worker: readonly { readonly pid: number }[] | { readonly pid: number } | null;
}

export class Lab {
  readonly top: string;
  readonly local: string;
  readonly remote: string;
  /** May be another one, before `up`. */
  state: string;
  #up: ChildProcess | null = null;
  /** What `up` is started by: a program that runs the rest of its arguments in its own place. */
  before: readonly string[] = [];
  /** Of the pair, before `up`: it is started by a file of settings then. */
  settings: Readonly<Record<string, unknown>> | null = null;
  out = '';
  err = '';

  /** `remote`, `local`: folders made by somebody else (a mount, a disk). */
  constructor(name: string, remote?: string, local?: string) {
    this.top = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), `lazysync-${name}-`)));
    this.local = local ?? path.join(this.top, 'local');
    this.remote = remote ?? path.join(this.top, 'remote');
    this.state = path.join(this.top, 'state');
    if (local === undefined) fs.mkdirSync(this.local);
    if (remote === undefined) fs.mkdirSync(this.remote);
  }

  l(...rel: string[]): string {
    return path.join(this.local, ...rel);
  }

  r(...rel: string[]): string {
    return path.join(this.remote, ...rel);
  }

  #env(): NodeJS.ProcessEnv {
    const { REDIS_URL: _url, ...env } = process.env;
    return { ...env, XDG_STATE_HOME: this.top, NO_COLOR: '1' };
  }

  /** Runs a command of the CLI to its end. */
  run(args: readonly string[], options: { readonly timeout?: number; readonly cwd?: string } = {}): Ran {
    const ran = spawnSync(process.execPath, [CLI, ...args], {
      cwd: options.cwd ?? this.local,
      env: this.#env(),
      encoding: 'utf8',
      timeout: options.timeout ?? 60_000,
    });
    return { code: ran.status, out: ran.stdout, err: ran.stderr };
  }

  /** Starts a command of the CLI; how it ended. */
  async start(...args: readonly string[]): Promise<Ran> {
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd: this.local,
      env: this.#env(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (bytes: Buffer) => {
      out += bytes.toString();
    });
    child.stderr.on('data', (bytes: Buffer) => {
      err += bytes.toString();
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, out, err };
  }

  #pair(): readonly string[] {
    if (this.settings === null) return ['--remote', this.remote, '--local', this.local];
    const file = path.join(this.top, 'lazysync.yaml');
    // JSON is YAML, too.
    fs.writeFileSync(file, JSON.stringify({ pairs: [{ remote: this.remote, local: this.local, ...this.settings }] }));
    return ['-c', file];
  }

  /** Starts `up` and waits for its `ready`. */
  async up(...more: string[]): Promise<void> {
    this.out = '';
    this.err = '';
    const args = [CLI, 'up', ...this.#pair(), '--state', this.state, '--no-dashboard', ...more];
    const [program = '', ...rest] = [...this.before, process.execPath, ...args];
    const child = spawn(program, rest, { env: this.#env(), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#up = child;
    child.stdout?.on('data', (bytes: Buffer) => {
      this.out += bytes.toString();
    });
    child.stderr?.on('data', (bytes: Buffer) => {
      this.err += bytes.toString();
    });
    await waitFor('ready of up', 240_000, () => child.exitCode !== null || /^ready/m.test(this.out)).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\n${this.out}\n${this.err.slice(-4000)}`);
      },
    );
    if (child.exitCode !== null) throw new Error(`up ended with ${child.exitCode}: ${this.out}${this.err}`);
  }

  /** Ctrl-C; answers how long it took, ms. */
  async down(): Promise<number> {
    const child = this.#up;
    if (child === null || child.exitCode !== null) return 0;
    const begun = Date.now();
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(timer);
    this.#up = null;
    return Date.now() - begun;
  }

  get pid(): number {
    return this.#up?.pid ?? -1;
  }

  status(): Status {
    const ran = this.run(['status', '--json', '--local', this.local]);
    const answer = JSON.parse(ran.out) as { pairs: Status[] };
    const pair = answer.pairs[0];
    if (pair === undefined) throw new Error(`no pair in ${ran.out}`);
    return pair;
  }

  /** `lazysync wait`: both sides at rest. */
  wait(seconds = 120): void {
    const ran = this.run(['wait', '--timeout', `${seconds}s`, '--local', this.local], {
      timeout: (seconds + 10) * 1000,
    });
    if (ran.code !== 0)
      throw new Error(
        `wait ended with ${ran.code}: ${ran.out} ${ran.err}\n${JSON.stringify(this.status())}\n${this.err.slice(-3000)}`,
      );
  }

  /** Processes of this `up`: all whose command line names its state folder, and what they forked. */
  pids(folder: string): number[] {
    const found: number[] = [];
    for (const pid of fs.readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
      try {
        const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        if (line.includes(`apps/${folder}/`) && isBelow(Number(pid), this.pid)) found.push(Number(pid));
      } catch {
        continue; // ended meanwhile
      }
    }
    return found;
  }

  async close(): Promise<void> {
    await this.down();
    fs.rmSync(this.top, { recursive: true, force: true });
  }
}

function isBelow(pid: number, ancestor: number): boolean {
  for (let at = pid; at > 1; ) {
    if (at === ancestor) return true;
    const stat = fs.readFileSync(`/proc/${at}/stat`, 'utf8');
    at = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  }
  return false;
}

/** CPU seconds used so far by a process and all below it. */
export function cpuSeconds(ancestor: number): number {
  let ticks = 0;
  for (const pid of fs.readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      if (!isBelow(Number(pid), ancestor)) continue;
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      continue; // ended meanwhile
    }
  }
  return ticks / 100;
}
