/**
 * Who comes in, and with what. Everything that changes something has to come from our own page (or from a program that
 * names itself): a page of another site can neither set the header nor get a same-origin request sent.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Asked, isOffer, judge, type Open } from './access.ts';
import type { Attempts } from './attempts.ts';
import { BOARD_PATH } from './board.ts';

/** A page may ask its own host for scripts, styles, images and answers, and nobody for anything else. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'";
/** Bull Board sets styles from its scripts and has its images in them. */
const BOARD_POLICY =
  "default-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:";

export const API = '/api/v1';
/** Every request that changes something carries it. */
export const OWN_HEADER = 'x-lazysync';
const OPEN_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/favicon.ico']);

const pathOf = (url: string): string => url.split(/[?#]/, 1)[0] ?? '';
const isBoard = (path: string): boolean => path === BOARD_PATH || path.startsWith(`${BOARD_PATH}/`);

export function guard(server: FastifyInstance, access: Open, attempts: Attempts, login: string): void {
  server.addHook('onRequest', async (request, reply) => {
    const path = pathOf(request.url);
    reply.headers(securityHeaders(path));
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      const refusal = changeRefused(request, path);
      if (refusal !== null) return refusal.status === 405 ? methodRefused(reply) : refuse(reply, refusal);
    }
    if (OPEN_PATHS.has(path)) return undefined;
    return letIn(request, reply, path, access, attempts, login);
  });
}

export function securityHeaders(path: string): Readonly<Record<string, string>> {
  return {
    'content-security-policy': isBoard(path) ? BOARD_POLICY : POLICY,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': 'no-store',
  };
}

interface Refusal {
  readonly status: 401 | 403 | 405 | 429;
  readonly message: string;
}

function refuse(reply: FastifyReply, { status, message }: Refusal): FastifyReply {
  return reply.code(status).send({ error: message });
}

function methodRefused(reply: FastifyReply): FastifyReply {
  reply.header('allow', 'GET, HEAD');
  return refuse(reply, { status: 405, message: 'Here is nothing to be changed.' });
}

function changeRefused({ headers, method }: FastifyRequest, path: string): Refusal | null {
  if (!path.startsWith(`${API}/`) || (method !== 'POST' && method !== 'DELETE')) return { status: 405, message: '' };
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  const foreign = (site !== undefined && site !== 'same-origin') || (origin !== undefined && !isOrigin(origin, host));
  if (foreign) return { status: 403, message: 'Changes are taken only from the pages of this dashboard.' };
  if (headers[OWN_HEADER] !== undefined) return null;
  return { status: 403, message: `A request that changes something carries the header "${OWN_HEADER}: 1".` };
}

function isOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && URL.parse(origin)?.host === host.toLowerCase();
}

const LOGIN = `${API}/session`;
const isLogin = (path: string, { method }: FastifyRequest): boolean => path === LOGIN && method === 'POST';

function letIn(
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  access: Open,
  attempts: Attempts,
  login: string,
): FastifyReply | undefined {
  const asked = askedBy(request);
  const waitMs = attempts.waitMs(request.ip);
  const offers = isOffer(access, asked) || isLogin(path, request);
  if (offers && waitMs > 0) {
    reply.header('retry-after', Math.ceil(waitMs / 1000));
    return refuse(reply, { status: 429, message: 'The token was wrong too often: wait a minute.' });
  }
  const verdict = judge(access, asked);
  switch (verdict.kind) {
    case 'allowed':
      return undefined;
    case 'signed-in':
      return reply.header('set-cookie', verdict.cookie).redirect(verdict.location, 303);
    case 'denied': {
      if (verdict.guess) attempts.failed(request.ip);
      // The page that asks for the token needs its style, and its way to offer one.
      if (verdict.status === 401 && (path.startsWith('/assets/') || isLogin(path, request))) return undefined;
      if (verdict.status === 401 && wantsPage(request))
        return reply.code(401).type('text/html; charset=utf-8').send(login);
      return refuse(reply, verdict);
    }
  }
}

function wantsPage({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && (headers.accept ?? '').includes('text/html');
}

export function askedBy({ url, headers }: FastifyRequest): Asked {
  const scheme = headers['x-forwarded-proto'];
  return {
    url,
    host: headers.host,
    cookie: headers.cookie,
    authorization: headers.authorization,
    scheme: typeof scheme === 'string' ? scheme : undefined,
  };
}
