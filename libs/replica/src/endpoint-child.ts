/** One endpoint process: forked, listened to, ended. What to do about its end is the client's business. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { QUIET_MEMORY } from '@lazysync/ops';
import type { FromEndpoint, ToEndpoint } from './endpoint-protocol.ts';

export interface EndpointChildOptions {
  /** The endpoint app's main file. */
  readonly main: string | URL;
  readonly heard: (message: FromEndpoint) => void;
  /** It has ended and its resources are free. Of a process stuck in a dead mount this comes when the mount answers. */
  readonly ended: (how: string) => void;
  /** What it writes to stderr. */
  readonly said: (text: string) => void;
}

export interface EndpointChild {
  readonly pid: number | undefined;
  send(message: ToEndpoint): void;
  /** Asks it to end by itself. */
  disconnect(): void;
  kill(): void;
  /** Nobody waits for it any more: it keeps this process alive no longer. */
  abandon(): void;
}

/** Threads for calls on the mount: as many calls as these may hang at once. */
const THREADS = 64;

export function startEndpointChild(options: EndpointChildOptions): EndpointChild {
  const { main, heard, ended, said } = options;
  const child: ChildProcess = fork(typeof main === 'string' ? main : fileURLToPath(main), [], {
    serialization: 'advanced',
    execArgv: ['--disable-warning=ExperimentalWarning', QUIET_MEMORY],
    env: { ...process.env, UV_THREADPOOL_SIZE: String(THREADS) },
    // Its working directory must not keep a mount busy, and a stuck one must hold none of our streams open: whoever
    // reads our stderr to its end would wait for the mount.
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let over = false;
  const end = (how: string): void => {
    if (over) return;
    over = true;
    child.stderr?.destroy();
    ended(how);
  };
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', said);
  child.on('message', (message) => heard(message as FromEndpoint));
  child.on('error', (error) => {
    // Could not be started, or a message could not be sent: an 'exit' follows only in the second case.
    if (child.pid === undefined) end(error.message);
  });
  child.on('exit', (code, signal) => end(signal ?? `code ${code}`));
  return {
    pid: child.pid,
    send(message) {
      // Its end is told by 'exit'; what was not sent is rejected there.
      if (child.connected) child.send(message, () => undefined);
    },
    disconnect() {
      if (child.connected) child.disconnect();
    },
    kill: () => void child.kill('SIGKILL'),
    abandon() {
      child.stderr?.destroy();
      if (child.connected) child.disconnect();
      child.unref();
    },
  };
}
