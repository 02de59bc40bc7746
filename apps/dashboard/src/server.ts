/** All addresses of the dashboard. It only shows: whatever is not a GET is refused. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PairReport, statusOf } from '@lazysync/status';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type Access, judge } from './access.ts';
import { BOARD_PATH, type Lane, registerBoard } from './board.ts';
import { createLive } from './live.ts';
import { createPairMetrics } from './metrics.ts';
import { livePair, type PairView, renderPage } from './overview.ts';

export interface ServerParts {
  readonly access: Exclude<Access, { kind: 'refused' }>;
  readonly lanes: readonly Lane[];
  readonly reports: () => Promise<readonly PairReport[]>;
  readonly views: () => Promise<readonly PairView[]>;
  /** Does Redis answer? */
  readonly ping: () => Promise<boolean>;
  /** Pause between two looks at the pairs while somebody watches, ms. */
  readonly everyMs: number;
  readonly error: (error: unknown) => void;
}

/** A page may ask its own host for things, and nobody else for anything. */
const POLICY = "default-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
/** Bull Board sets styles from its scripts and has its images in them. */
const BOARD_POLICY = `${POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:`;

const ASSETS = { 'overview.js': 'text/javascript', 'overview.css': 'text/css', 'icon.svg': 'image/svg+xml' } as const;

export async function createServer(parts: ServerParts): Promise<FastifyInstance> {
  const server = fastify({ logger: false, forceCloseConnections: true, routerOptions: { ignoreTrailingSlash: true } });
  guard(server, parts.access);
  server.setErrorHandler((error, _request, reply) => {
    parts.error(error);
    return reply.code(500).type('text/plain').send('The dashboard could not answer. Its log says why.\n');
  });

  server.get('/', async (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(renderPage(await parts.views())),
  );
  server.get('/favicon.ico', async (_request, reply) => reply.redirect('/assets/icon.svg', 308));
  await registerAssets(server);
  server.get('/api/v1/pairs', async () => statusOf(await parts.reports()));
  registerEvents(server, parts);
  server.get('/healthz', async (_request, reply) => {
    const up = await parts.ping();
    return reply.code(up ? 200 : 503).send(up ? { redis: 'up' } : { redis: 'down' });
  });
  const metrics = createPairMetrics();
  server.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.render(statusOf(await parts.reports()).pairs)),
  );
  await registerBoard(server, parts.lanes);
  return server;
}

const isBoard = (url: string): boolean =>
  url === BOARD_PATH || url.startsWith(`${BOARD_PATH}/`) || url.startsWith(`${BOARD_PATH}?`);

function guard(server: FastifyInstance, access: ServerParts['access']): void {
  server.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'content-security-policy': isBoard(request.url) ? BOARD_POLICY : POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return reply
        .code(405)
        .header('allow', 'GET, HEAD')
        .send({ error: 'The dashboard only shows. Changes go through the lazysync command.' });
    }
    if (request.url === '/healthz') return undefined;
    return answer(reply, judge(access, askedBy(request)));
  });
}

function askedBy({ url, headers }: FastifyRequest): Parameters<typeof judge>[1] {
  return { url, host: headers.host, cookie: headers.cookie, authorization: headers.authorization };
}

function answer(reply: FastifyReply, verdict: ReturnType<typeof judge>): FastifyReply | undefined {
  switch (verdict.kind) {
    case 'allowed':
      return undefined;
    case 'signed-in':
      return reply.header('set-cookie', verdict.cookie).redirect(verdict.location, 303);
    case 'denied':
      return reply.code(verdict.status).type('text/plain').send(`${verdict.message}\n`);
  }
}

async function registerAssets(server: FastifyInstance): Promise<void> {
  for (const [name, type] of Object.entries(ASSETS)) {
    const body = await readFile(join(import.meta.dirname, '../public', name), 'utf8');
    server.get(`/assets/${name}`, async (_request, reply) => reply.type(`${type}; charset=utf-8`).send(body));
  }
}

/** A watcher that does not read what it is sent is let go at this many bytes. */
const TOO_SLOW = 1_000_000;

function registerEvents(server: FastifyInstance, parts: ServerParts): void {
  const live = createLive({
    read: async () => JSON.stringify((await parts.views()).map(livePair)),
    everyMs: parts.everyMs,
    error: parts.error,
  });
  const open = new Set<() => void>();
  server.addHook('preClose', async () => {
    live.close();
    for (const end of [...open]) end();
  });
  server.get('/api/v1/events', { exposeHeadRoute: false }, (request, reply) => {
    reply.hijack();
    const { raw } = reply;
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    raw.write('retry: 1000\n\n');
    const stop = live.subscribe((message) => {
      if (raw.writableLength > TOO_SLOW) end();
      else raw.write(`event: pairs\ndata: ${message}\n\n`);
    });
    const beat = setInterval(() => raw.write(':\n\n'), 15_000);
    const end = (): void => {
      stop();
      clearInterval(beat);
      open.delete(end);
      raw.destroy();
    };
    open.add(end);
    request.raw.on('close', end);
    raw.on('error', end);
  });
}
