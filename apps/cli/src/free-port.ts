/** A port of this machine that nobody listens on. */
import net from 'node:net';

const TRIES = 100;

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** `wish`, or the next one that is free; null if a hundred are taken. RACE: somebody may take it before it is used. */
export async function freePort(wish: number, host = '127.0.0.1'): Promise<number | null> {
  for (let port = wish; port < Math.min(wish + TRIES, 65_536); port++) if (await isFree(port, host)) return port;
  return null;
}
