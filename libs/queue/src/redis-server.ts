/** One run of redis-server, and what can be learned of one that somebody else started. */
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { systemClock, withDeadline } from '@lazysync/ops';

/** flock's answer when another process holds the lock. */
export const IN_USE = 75;

export interface ServerRun {
  /** Of redis-server itself: flock turns into it. */
  readonly pid: number;
  /** Its exit code, 128 if it was killed, null while it runs. */
  exit(): number | null;
  readonly exited: Promise<void>;
  /** Its last lines. */
  output(): readonly string[];
  failure(): { readonly message: string; readonly isDamaged: boolean };
  /** SIGTERM: it writes its file out. True when it is gone within `ms`. */
  end(ms: number): Promise<boolean>;
}

export interface ServerWish {
  readonly program: string;
  readonly dir: string;
  readonly socket: string;
}

const LOG_BYTES = 1024 * 1024;

export function runServer({ program, dir, socket }: ServerWish): ServerRun {
  // A file, not a pipe: the server may outlive us, and must never wait for us to read.
  const log = join(dir, 'redis.log');
  const fd = openSync(log, 'a', 0o600);
  if (fstatSync(fd).size > LOG_BYTES) ftruncateSync(fd, 0);
  const from = fstatSync(fd).size;
  const settings: Readonly<Record<string, string>> = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir,
    pidfile: join(dir, 'redis.pid'),
    appendonly: 'yes',
    // CRASH: what is acknowledged is in the kernel's hands, and outlives a kill -9. `everysec` would hold its writes back for
    // up to 2 s while the disk is busy. A power cut costs hints, which the scan of the next start finds again.
    appendfsync: 'no',
    'aof-load-truncated': 'yes',
    save: '',
    'maxmemory-policy': 'noeviction',
    // How often it looks after itself, per second: ten times is most of what it takes at rest. What we ask of it does not wait
    // for that, but for a blocking call that finds nothing, and keys that nobody asks for; a signal does, and so does a stop.
    hz: '2',
    daemonize: 'no',
    logfile: '',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  // RACE: two servers on one folder would write the same file. The lock is held by the server itself, until it is dead.
  const guard = ['--nonblock', '--no-fork', '--conflict-exit-code', String(IN_USE), join(dir, 'redis.lock')];
  const child = spawn('flock', [...guard, program, ...args], { detached: true, stdio: ['ignore', fd, fd] });
  closeSync(fd);
  child.unref();
  let code: number | null = null;
  let missing: string | null = null;
  let crash = false;
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => {
      missing = 'flock';
      code = 127;
      resolve();
    });
    child.once('exit', (status, signal) => {
      code = status ?? 128;
      crash = signal !== null && CRASHES.has(signal);
      resolve();
    });
  });
  const output = (): readonly string[] => tailOf(log, from);
  return {
    pid: child.pid ?? 0,
    exit: () => code,
    exited,
    output,
    failure: () => describeFailure(program, missing, crash, output()),
    end: async (ms) => {
      if (code !== null) return true;
      child.kill('SIGTERM');
      try {
        await withDeadline(exited, ms, 'redis-server');
        return true;
      } catch {
        return false;
      }
    },
  };
}

function tailOf(file: string, from: number): string[] {
  const fd = openSync(file, 'r');
  try {
    const size = fstatSync(fd).size;
    const begin = Math.max(from, size - 8192);
    const bytes = Buffer.alloc(Math.max(0, size - begin));
    const read = readSync(fd, bytes, 0, bytes.length, begin);
    return bytes
      .toString('utf8', 0, read)
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-20);
  } finally {
    closeSync(fd);
  }
}

const DAMAGED = /bad file format|append.only file|AOF|manifest|Wrong signature|\bRDB\b|short read|Unknown command/i;
/** What it reads is trusted: a flipped length or a wrong type ends in a failed assertion, or in one of these. */
const CRASHES: ReadonlySet<NodeJS.Signals> = new Set(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE']);
/** Not all that it says then is among its last lines. */
const CRASHED = /REDIS BUG REPORT|ASSERTION FAILED|crashed by signal|Redis \S+ crashed|check-system/i;
const SURROUNDINGS =
  /No space left|Permission denied|Read-only file system|Input\/output error|Too many open files|Bad directive|FATAL CONFIG/i;

function describeFailure(
  program: string,
  missing: string | null,
  crash: boolean,
  lines: readonly string[],
): { message: string; isDamaged: boolean } {
  const text = lines.join('\n');
  if (missing !== null)
    return { message: `Redis can not be started: ${missing} is not installed (package util-linux).`, isDamaged: false };
  if (/failed to execute/i.test(text)) {
    const mend = 'Install it (apt-get install redis-server), or name a running one with --redis URL';
    return { message: `Redis can not be started: ${program} is not installed. ${mend}.`, isDamaged: false };
  }
  const surroundings = SURROUNDINGS.exec(text)?.[0];
  if (surroundings !== undefined) return { message: `Redis ended at its start: ${surroundings}.`, isDamaged: false };
  if (crash || CRASHED.test(text))
    return { message: 'Redis ended at its start: it crashed over what its file holds.', isDamaged: true };
  const errors = lines.filter((line) => / # /.test(line) && !/WARNING|Configuration loaded|oO0Oo/.test(line));
  const last = (errors.at(-1) ?? lines.at(-1) ?? 'it said nothing').replace(/^.* [#*] /, '');
  return {
    message: `Redis ended at its start: ${last.replace(/\.?$/, '.')}`,
    isDamaged: DAMAGED.test(errors.join('\n')),
  };
}

/** Who serves a socket. */
export type Probe =
  | { readonly kind: 'server'; readonly pid: number; readonly loading: boolean }
  | { readonly kind: 'nobody' }
  /** Somebody holds the socket and says nothing. */
  | { readonly kind: 'silent' };

export async function probeSocket(path: string, deadlineMs: number): Promise<Probe> {
  return await new Promise<Probe>((resolve) => {
    const socket = connect(path);
    let text = '';
    let connected = false;
    const finish = (probe: Probe): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(probe);
    };
    const timer = setTimeout(() => finish({ kind: connected ? 'silent' : 'nobody' }), deadlineMs);
    socket.setEncoding('utf8');
    socket.once('connect', () => {
      connected = true;
      socket.write('INFO\r\n'); // answered while the file is still loading, too
    });
    socket.on('data', (chunk: string) => {
      text += chunk;
      const pid = /^process_id:(\d+)/m.exec(text)?.[1];
      const loading = /^loading:(\d)/m.exec(text)?.[1];
      if (pid !== undefined && loading !== undefined)
        finish({ kind: 'server', pid: Number(pid), loading: loading !== '0' });
    });
    socket.once('error', () => finish({ kind: connected ? 'silent' : 'nobody' }));
    socket.once('close', () => finish({ kind: connected ? 'silent' : 'nobody' }));
  });
}

/** The redis-server that works in `dir`, as its pid file says and the kernel confirms, or null. */
export function serverOf(dir: string): number | null {
  try {
    const pid = Number(readFileSync(join(dir, 'redis.pid'), 'utf8').trim());
    return Number.isInteger(pid) && pid > 1 && isServerOf(pid, dir) ? pid : null;
  } catch {
    return null; // no file: it ended in order
  }
}

function isServerOf(pid: number, dir: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === dir && /server/.test(readFileSync(`/proc/${pid}/comm`, 'utf8'));
  } catch {
    return false; // dead
  }
}

/** SIGTERM to a server that works in `dir`. True when it is gone within `ms`. */
export async function endServer(pid: number, dir: string, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  if (!isServerOf(pid, dir)) return true;
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    return !isServerOf(pid, dir);
  }
  while (isServerOf(pid, dir)) {
    if (performance.now() > end) return false;
    await systemClock.sleep(20);
  }
  return true;
}
