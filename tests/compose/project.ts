/** A compose project of its own, made from a copy of the checkout: own name, own image, own port. */
import { type ExecFileOptions, execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');

/** null, or why no compose test can run here. */
export async function whyNot(): Promise<string | null> {
  try {
    await run('docker', ['compose', 'version'], { timeout: 20_000 });
    await run('docker', ['info'], { timeout: 20_000 });
    return null;
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    return (stderr || message).trim().split('\n')[0] ?? 'no Docker engine answers';
  }
}

export interface ProcessState {
  readonly Service: string;
  readonly State: string;
  readonly Health: string;
  readonly ExitCode: number;
  readonly ID: string;
}

export interface Project {
  readonly name: string;
  /** The copy of the checkout. */
  readonly folder: string;
  readonly address: string;
  /** Asks the dashboard, with the token that it said at its start. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** `docker compose ARGS`; rejects with what it said when it fails. */
  compose(args: readonly string[], timeoutMs?: number): Promise<string>;
  /** `docker ARGS` with the same environment. */
  docker(args: readonly string[], timeoutMs?: number): Promise<string>;
  /** A shell line in a running service. */
  inside(service: string, line: string): Promise<string>;
  states(): Promise<readonly ProcessState[]>;
  readonly image: string;
  remove(): Promise<void>;
}

export async function createProject(): Promise<Project> {
  const id = randomBytes(4).toString('hex');
  const folder = mkdtempSync(join(tmpdir(), 'lazysync-compose-'));
  await copyCheckout(folder);
  const port = await freePort();
  const name = `lazysync-test-${id}`;
  const image = `lazysync:test-${id}`;
  const { LAZYSYNC_UID: _uid, LAZYSYNC_GID: _gid, COMPOSE_FILE: _file, ...outside } = process.env;
  const env = { ...outside, COMPOSE_PROJECT_NAME: name, LAZYSYNC_IMAGE: image, LAZYSYNC_PORT: String(port) };
  const docker = async (args: readonly string[], timeout = 60_000): Promise<string> => {
    const options: ExecFileOptions = { cwd: folder, env, timeout, maxBuffer: 64 * 1024 * 1024 };
    try {
      return String((await run('docker', [...args], options)).stdout);
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      throw new Error(`docker ${args.join(' ')} failed:\n${stdout}${stderr}`.slice(-6000), { cause: error });
    }
  };
  const compose: Project['compose'] = (args, timeoutMs) => docker(['compose', ...args], timeoutMs);
  const address = `http://127.0.0.1:${port}`;
  let token: string | null = null;
  /** As a person would: from the log. */
  const readToken = async (): Promise<string> => {
    const said = await compose(['logs', '--no-log-prefix', 'dashboard']);
    const found = new RegExp(`dashboard ${address}/\\?token=(\\S+)`).exec(said)?.[1];
    if (found === undefined) throw new Error(`the dashboard did not say its address:\n${said.slice(-2000)}`);
    return found;
  };
  return {
    name,
    folder,
    image,
    address,
    fetch: async (path, init = {}) => {
      token ??= await readToken();
      const headers = { authorization: `Bearer ${token}`, ...init.headers };
      return await fetch(`${address}${path}`, { signal: AbortSignal.timeout(5_000), ...init, headers });
    },
    docker,
    compose,
    inside: (service, line) => compose(['exec', '-T', service, 'sh', '-c', line]),
    states: async () => {
      const lines = (await compose(['ps', '-a', '--format', 'json'])).split('\n').filter((line) => line !== '');
      return lines.map((line) => JSON.parse(line) as ProcessState);
    },
    remove: async () => {
      await compose(['down', '-v', '--remove-orphans', '--timeout', '20'], 120_000);
      await docker(['image', 'rm', '-f', image]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What git knows or would take: what a clone has, and what is being worked on. */
async function copyCheckout(to: string): Promise<void> {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const { stdout } = await run('git', list, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });
  for (const file of stdout.split('\0')) {
    if (file === '') continue;
    mkdirSync(dirname(join(to, file)), { recursive: true });
    try {
      cpSync(join(ROOT, file), join(to, file), { verbatimSymlinks: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // deleted, and not yet committed
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => found(port));
    });
  });
}
