import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ping, type RedisAddress } from '@lazysync/queue';
import { until } from './until.ts';

export interface TestRedis {
  readonly address: RedisAddress;
  stop(): Promise<void>;
}

/** A redis-server of the test's own, on a socket in `folder`. */
export async function startRedis(folder: string): Promise<TestRedis> {
  const path = join(folder, 'r.sock');
  const address: RedisAddress = { kind: 'socket', path };
  const child: ChildProcess = spawn(
    'redis-server',
    ['--port', '0', '--unixsocket', path, '--save', '', '--dir', folder],
    { stdio: 'ignore' },
  );
  const failed = once(child, 'error').then(([error]) => Promise.reject(error as Error));
  const stop = async (): Promise<void> => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const answers = async (): Promise<boolean> => (await ping(address, 500)).kind === 'ok';
  try {
    await Promise.race([until('redis', answers, (yes) => yes), failed]);
    return { address, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
