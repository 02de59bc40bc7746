/**
 * The dashboard's door: holds its port from the start to the end, and passes each connection on to the process that is
 * started at the first one ("socket activation"). Who comes while none is ready waits here.
 */
import type { ChildProcess } from 'node:child_process';
import net from 'node:net';
import { passConnection, whenItTakes } from '@lazysync/ops';

export interface Door {
  readonly port: number;
  /** Resolves when somebody waits, or when `signal` is aborted. */
  knocked(signal: AbortSignal): Promise<void>;
  /** As soon as this process takes connections, and until it ends, it gets them. */
  leadTo(child: ChildProcess): void;
  /** Whoever waits is sent away. */
  close(): void;
}

export interface DoorOptions {
  readonly host: string;
  /** The next free one is taken where this one is not. */
  readonly port: number;
  readonly failed: (error: Error) => void;
}

const TRIES = 100;
/** Who comes after these is sent away: our descriptors are needed for other things. */
const MOST_WAITING = 256;

/** null: a hundred ports are taken. */
export async function openDoor({ host, port: wish, failed }: DoorOptions): Promise<Door | null> {
  for (let port = wish; port < Math.min(wish + TRIES, 65_536); port++) {
    const server = await listen(host, port);
    if (server !== null) return doorAt(server, port, failed);
  }
  return null;
}

function listen(host: string, port: number): Promise<net.Server | null> {
  return new Promise((resolve) => {
    const server = net.createServer({ pauseOnConnect: true });
    const refused = (): void => resolve(null);
    server.once('error', refused);
    server.listen({ port, host, exclusive: true }, () => {
      server.off('error', refused);
      resolve(server);
    });
  });
}

function doorAt(server: net.Server, port: number, failed: (error: Error) => void): Door {
  const waiting = new Set<net.Socket>();
  let ready: ChildProcess | null = null;
  let passing = false;

  const passAll = async (): Promise<void> => {
    if (passing) return;
    passing = true;
    try {
      while (ready !== null) {
        const child: ChildProcess = ready;
        const [connection] = waiting;
        if (connection === undefined) return;
        if (await passConnection(child, connection)) {
          // Ours is one of two descriptors now: the connection lives on in the other.
          connection.destroy();
          waiting.delete(connection);
        } else if (ready === child) return; // its end is near, and the next one asks anew
      }
    } finally {
      passing = false;
    }
  };
  const pass = (): void => void passAll().catch(failed);

  server.maxConnections = MOST_WAITING;
  server.on('error', failed);
  server.on('connection', (connection) => {
    waiting.add(connection);
    connection.on('error', failed);
    pass();
  });
  return {
    port,
    knocked: (signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          server.off('connection', done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        server.on('connection', done);
        signal.addEventListener('abort', done);
        if (waiting.size > 0 || signal.aborted) done();
      }),
    leadTo: (child) => {
      whenItTakes(child, () => {
        ready = child;
        pass();
      });
      child.once('close', () => {
        if (ready === child) ready = null;
      });
    },
    close: () => {
      server.close();
      for (const connection of waiting) connection.destroy();
      waiting.clear();
    },
  };
}
