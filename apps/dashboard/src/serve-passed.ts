/** Serves connections that the parent has accepted: as the server does with those of a port of its own. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { takeConnections } from '@lazysync/ops';

/** Node looks for slow requests only where it listens; here whoever is silent for so long is let go. */
const SILENT_MS = 300_000;

/** The answer ends them all. */
export function servePassed(server: Server): () => void {
  const open = new Set<Socket>();
  let closed = false;
  server.timeout = SILENT_MS;
  takeConnections((connection) => {
    if (closed) {
      connection.destroy();
      return;
    }
    open.add(connection);
    connection.once('close', () => open.delete(connection));
    connection.allowHalfOpen = true;
    connection.setNoDelay(true);
    server.emit('connection', connection);
  });
  return () => {
    closed = true;
    for (const connection of open) connection.destroy();
  };
}
