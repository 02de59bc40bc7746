/**
 * Connections that one process accepts and another serves. They go over one at a time, and one has gone over when the
 * other process says so: until then it lies unread with whoever accepted it, who may give it to another process.
 */
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';

const TAKES = 'takes-connections';
const CONNECTION = 'connection';
const TAKEN = 'connection-taken';

const kindOf = (message: unknown): unknown =>
  typeof message === 'object' && message !== null ? (message as { kind?: unknown }).kind : undefined;

/** In the process that serves: tells the parent that it may begin. */
export function takeConnections(take: (connection: Socket) => void): void {
  // RACE: a parent that is just being killed is told nothing any more.
  const tell = (kind: string): unknown => process.send?.({ kind }, undefined, undefined, () => undefined);
  process.on('message', (message, connection: unknown) => {
    if (kindOf(message) !== CONNECTION) return;
    // ORDER: before a byte of it is read here; afterwards nobody else could answer it.
    tell(TAKEN);
    if (connection instanceof Socket) take(connection);
  });
  tell(TAKES);
}

/** In the process that accepts: `ready` is called when `child` takes connections. */
export function whenItTakes(child: ChildProcess, ready: () => void): void {
  const listen = (message: unknown): void => {
    if (kindOf(message) !== TAKES) return;
    child.off('message', listen);
    ready();
  };
  child.on('message', listen);
}

/** Gives `child` a connection that was never read; false: it ended before it took it. One at a time. */
export async function passConnection(child: ChildProcess, connection: Socket): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const listen = (message: unknown): void => {
    if (kindOf(message) === TAKEN) resolve(true);
  };
  const gone = (): void => resolve(false);
  child.on('message', listen);
  // ORDER: the last that it said was read before. (With a connection under way Node emits no `disconnect`.)
  child.once('close', gone);
  child.send({ kind: CONNECTION }, connection, { keepOpen: true }, (error) => {
    if (error !== null) gone();
  });
  try {
    return await promise;
  } finally {
    child.off('message', listen);
    child.off('close', gone);
  }
}
