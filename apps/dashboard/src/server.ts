/** All addresses of the dashboard. */
import { type FastifyError, type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import type { Open } from './access.ts';
import { openApiOf } from './api/openapi.ts';
import type { ApiRequest, ApiRoute } from './api/route.ts';
import { apiRoutes } from './api/routes.ts';
import { readAssets, registerPages } from './assets.ts';
import { createAttempts, LIMITS } from './attempts.ts';
import { registerBoard } from './board.ts';
import { registerEvents } from './events.ts';
import { API, askedBy, guard, securityHeaders } from './guard.ts';
import { createPairMetrics, type PairReading } from './metrics.ts';
import type { Pairs } from './pairs.ts';

export interface ServerParts {
  readonly access: Open;
  readonly pairs: Pairs;
  /** Does Redis answer? */
  readonly ping: () => Promise<boolean>;
  /** Pause between two looks at the pairs while somebody watches, ms. */
  readonly everyMs: number;
  readonly error: (error: unknown) => void;
}

const MAX_BODY = 64 * 1024;

export async function createServer(parts: ServerParts): Promise<FastifyInstance> {
  const { access, pairs } = parts;
  const server = fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: MAX_BODY,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    // What is not in a schema is refused, not dropped.
    ajv: { customOptions: { removeAdditional: false } },
    frameworkErrors: (_error, _request, reply) => {
      (reply as FastifyReply).code(400).headers(securityHeaders('')).send({ error: 'The address is not usable.' });
    },
  });
  const assets = await readAssets();
  const attempts = createAttempts(LIMITS, () => performance.now());
  guard(server, access, attempts, assets.page('login'));
  server.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 400 && status < 500) return reply.code(status).send({ error: `${error.message}.` });
    parts.error(error);
    return reply.code(500).send({ error: 'The dashboard could not answer. Its log says why.' });
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'There is nothing here.' }));

  registerPages(server, assets, (id) => pairs.ids.includes(id));
  registerApi(server, apiRoutes(pairs, { access, attempts }));
  registerEvents(server, parts);
  registerHealth(server, parts);
  const show = await registerBoard(server, pairs.queues);
  pairs.onOthers(() => show(pairs.queues));
  return server;
}

function registerApi(server: FastifyInstance, routes: readonly ApiRoute[]): void {
  const document = openApiOf(routes);
  server.get(`${API}/openapi.json`, async () => document);
  for (const route of routes) {
    const { handle } = route;
    if (handle === null) continue;
    server.route({
      method: route.method,
      url: `${API}${route.path.replace(/\{(\w+)\}/g, ':$1')}`,
      schema: {
        ...(route.query === undefined
          ? {}
          : { querystring: { type: 'object', properties: route.query, additionalProperties: false } }),
        ...(route.body === undefined ? {} : { body: route.body }),
      },
      // The schemas would read null as an empty text, and an empty path is everything.
      preValidation: async (request, reply) => {
        if (route.body === undefined || isTexts(request.body)) return undefined;
        return reply.code(400).send({ error: 'The body must be a JSON object with texts in it.' });
      },
      handler: async (request, reply) => {
        const answer = await handle({
          params: request.params as ApiRequest['params'],
          query: request.query as ApiRequest['query'],
          body: (request.body ?? {}) as ApiRequest['body'],
          address: request.ip,
          scheme: askedBy(request).scheme,
        });
        return reply
          .code(answer.status)
          .headers(answer.headers ?? {})
          .send(answer.body);
      },
    });
  }
}

function isTexts(body: unknown): boolean {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return false;
  return Object.values(body).every((value) => typeof value === 'string');
}

function registerHealth(server: FastifyInstance, { pairs, ping }: ServerParts): void {
  server.get('/healthz', async (_request, reply) => {
    const up = await ping();
    return reply.code(up ? 200 : 503).send(up ? { redis: 'up' } : { redis: 'down' });
  });
  // Names no pair: it is answered without a token.
  server.get('/readyz', async (_request, reply) => {
    const reports = await pairs.reports();
    const waiting = reports.filter(({ status }) => ['stopped', 'starting', 'halted'].includes(status.state));
    const redis = (await ping()) ? 'up' : 'down';
    const ready = redis === 'up' && waiting.length === 0;
    return reply.code(ready ? 200 : 503).send({ ready, redis, pairs: reports.length, notReady: waiting.length });
  });
  const metrics = createPairMetrics();
  server.get('/metrics', async (_request, reply) => {
    const readings = (await pairs.reports()).map((report): PairReading => {
      const { id } = report.status;
      const tally = pairs.tally(id);
      return {
        report,
        totals: pairs.history(id).totals(),
        events: tally.counts(),
        lastFullScan: tally.lastFullScan(),
      };
    });
    return reply.type(metrics.contentType).send(await metrics.render(readings, await pairs.leases()));
  });
}
