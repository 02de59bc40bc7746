/**
 * Who may look. Without a token only this machine may: the server listens on loopback and answers only requests that
 * name a loopback host (a page of another site could otherwise read us through a name that it points at 127.0.0.1).
 */
import { createHash, timingSafeEqual } from 'node:crypto';

export type Access =
  | { readonly kind: 'loopback' }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'refused'; readonly message: string };

export interface AccessWish {
  readonly host: string;
  readonly token: string | null;
  /** Listens on all addresses of a container whose port is published on the host's loopback only. */
  readonly openInContainer: boolean;
}

export function decideAccess({ host, token, openInContainer }: AccessWish): Access {
  if (token !== null) {
    if (token.length >= 16) return { kind: 'token', token };
    return { kind: 'refused', message: 'the dashboard refuses to start: its token must have at least 16 characters.' };
  }
  if (isLoopbackAddress(host) || openInContainer) return { kind: 'loopback' };
  return {
    kind: 'refused',
    message: `the dashboard refuses to listen on ${host} without a token: set LAZYSYNC_DASHBOARD_TOKEN (16 characters or more), or use --host 127.0.0.1.`,
  };
}

export type Verdict =
  | { readonly kind: 'allowed' }
  /** The token came in the address: it goes into a cookie, and the address is cleaned. */
  | { readonly kind: 'signed-in'; readonly location: string; readonly cookie: string }
  | { readonly kind: 'denied'; readonly status: 401 | 403; readonly message: string };

export interface Asked {
  /** Path and query as they came. */
  readonly url: string;
  readonly host: string | undefined;
  readonly cookie: string | undefined;
  readonly authorization: string | undefined;
}

export function judge(access: Exclude<Access, { kind: 'refused' }>, asked: Asked): Verdict {
  if (access.kind === 'loopback') {
    if (isLoopbackName(asked.host)) return { kind: 'allowed' };
    return { kind: 'denied', status: 403, message: 'Without a token this dashboard answers only to localhost.' };
  }
  const url = new URL(asked.url, 'http://dashboard.invalid');
  const offered = url.searchParams.get('token');
  if (offered !== null && same(offered, access.token)) {
    url.searchParams.delete('token');
    // A path that begins with // would be read as another host.
    const location = `/${`${url.pathname}${url.search}`.replace(/^\/+/, '')}`;
    const cookie = `${cookieName(access.token)}=${access.token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000`;
    return { kind: 'signed-in', location, cookie };
  }
  const bearer = /^Bearer (\S+)$/i.exec(asked.authorization ?? '')?.[1];
  if (bearer !== undefined && same(bearer, access.token)) return { kind: 'allowed' };
  const kept = readCookie(asked.cookie, cookieName(access.token));
  if (kept !== null && same(kept, access.token)) return { kind: 'allowed' };
  return {
    kind: 'denied',
    status: 401,
    message: 'This dashboard needs its token: open the address that was printed at its start.',
  };
}

export function isLoopbackAddress(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function isLoopbackName(header: string | undefined): boolean {
  if (header === undefined) return false;
  const name = header
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return isLoopbackAddress(name) || name.endsWith('.localhost');
}

/** Cookies know no ports: two dashboards of one machine must not overwrite each other's. */
function cookieName(token: string): string {
  return `lazysync_${digest(token).toString('hex').slice(0, 8)}`;
}

function readCookie(header: string | undefined, name: string): string | null {
  for (const part of (header ?? '').split(';')) {
    const cut = part.indexOf('=');
    if (cut > 0 && part.slice(0, cut).trim() === name) return part.slice(cut + 1).trim();
  }
  return null;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const same = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
