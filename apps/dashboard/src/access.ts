/**
 * Who may look. Without a token only this machine may: the server listens on loopback and answers only requests that
 * name a loopback host (a page of another site could otherwise read us through a name that it points at 127.0.0.1).
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export type Access =
  | { readonly kind: 'loopback' }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'refused'; readonly message: string };

export interface AccessWish {
  readonly host: string;
  readonly token: string | null;
}

export function decideAccess({ host, token }: AccessWish): Access {
  if (token !== null) {
    if (token.length >= 16) return { kind: 'token', token };
    return { kind: 'refused', message: 'the dashboard refuses to start: its token must have at least 16 characters.' };
  }
  if (isLoopbackAddress(host)) return { kind: 'loopback' };
  return {
    kind: 'refused',
    message: `the dashboard refuses to listen on ${host} without a token: set LAZYSYNC_DASHBOARD_TOKEN (16 characters or more), or use --host 127.0.0.1.`,
  };
}

export type Verdict =
  | { readonly kind: 'allowed' }
  /** The token came in the address: it goes into a cookie, and the address is cleaned. */
  | { readonly kind: 'signed-in'; readonly location: string; readonly cookie: string }
  /** `guess`: a token was offered, and it was wrong. */
  | { readonly kind: 'denied'; readonly status: 401 | 403; readonly message: string; readonly guess: boolean };

export interface Asked {
  /** Path and query as they came. */
  readonly url: string;
  readonly host: string | undefined;
  readonly cookie: string | undefined;
  readonly authorization: string | undefined;
  /** `https` when a proxy before us says so. */
  readonly scheme: string | undefined;
}

export type Open = Exclude<Access, { kind: 'refused' }>;

export function judge(access: Open, asked: Asked): Verdict {
  if (access.kind === 'loopback') {
    if (isLoopbackName(asked.host)) return { kind: 'allowed' };
    return {
      kind: 'denied',
      status: 403,
      message: 'Without a token this dashboard answers only to localhost.',
      guess: false,
    };
  }
  const { token } = access;
  const url = urlOf(asked);
  const offered = url?.searchParams.get('token') ?? null;
  if (url !== null && offered !== null && same(offered, token)) {
    url.searchParams.delete('token');
    // A path that begins with // or /\\ would be read as another host.
    const location = `/${`${url.pathname}${url.search}`.replace(/^[/\\]+/, '')}`;
    return { kind: 'signed-in', location, cookie: sessionCookie(token, asked.scheme) };
  }
  const bearer = /^Bearer (\S+)$/i.exec(asked.authorization ?? '')?.[1];
  if (bearer !== undefined && same(bearer, token)) return { kind: 'allowed' };
  const kept = readCookie(asked.cookie, cookieName(token));
  if (kept !== null && same(kept, sessionOf(token))) return { kind: 'allowed' };
  return {
    kind: 'denied',
    status: 401,
    message: 'This dashboard needs its token: open the address that was printed at its start.',
    guess: offered !== null || bearer !== undefined || kept !== null,
  };
}

/** A token is being offered: how often that may fail is limited. */
export function isOffer(access: Open, asked: Asked): boolean {
  if (access.kind === 'loopback') return false;
  return (urlOf(asked)?.searchParams.get('token') ?? null) !== null || asked.authorization !== undefined;
}

export function isToken(access: Open, offered: string): boolean {
  return access.kind === 'token' && same(offered, access.token);
}

/** What is kept in the browser is not the token itself. */
export function sessionCookie(token: string, scheme: string | undefined): string {
  const secure = scheme === 'https' ? '; Secure' : '';
  return `${cookieName(token)}=${sessionOf(token)}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000${secure}`;
}

export function goneCookie(token: string): string {
  return `${cookieName(token)}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`;
}

const urlOf = ({ url }: Asked): URL | null => URL.parse(url, 'http://dashboard.invalid');

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

const sessionOf = (token: string): string =>
  createHmac('sha256', token).update('lazysync dashboard session').digest('hex');
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const same = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
