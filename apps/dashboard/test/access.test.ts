import { expect, test } from 'vitest';
import { decideAccess, judge } from '../src/access.ts';

const TOKEN = 'a-token-of-some-length';

test.each([
  ['127.0.0.1', null, 'loopback'],
  ['127.8.9.1', null, 'loopback'],
  ['localhost', null, 'loopback'],
  ['::1', null, 'loopback'],
  ['0.0.0.0', null, 'refused'],
  ['::', null, 'refused'],
  ['192.168.1.5', null, 'refused'],
  ['127.0.0.1.example.org', null, 'refused'],
  ['0.0.0.0', TOKEN, 'token'],
  ['127.0.0.1', TOKEN, 'token'],
  ['0.0.0.0', 'short', 'refused'],
] as const)('listening on %s with token %s: %s', (host, token, kind) => {
  expect(decideAccess({ host, token }).kind).toBe(kind);
});

const nobody = { url: '/', host: 'localhost:1', cookie: undefined, authorization: undefined, scheme: undefined };

test.each([
  ['localhost:8080', 'allowed'],
  ['127.0.0.1:8080', 'allowed'],
  ['[::1]:8080', 'allowed'],
  ['LOCALHOST', 'allowed'],
  ['dash.localhost:80', 'allowed'],
  ['evil.example:8080', 'denied'],
  ['localhost.evil.example', 'denied'],
  ['192.168.1.5:8080', 'denied'],
  [undefined, 'denied'],
] as const)('without a token a request to host %s is %s', (host, kind) => {
  expect(judge({ kind: 'loopback' }, { ...nobody, host }).kind).toBe(kind);
});

test('a token in the address becomes a cookie, and the cookie opens the door', () => {
  const access = { kind: 'token', token: TOKEN } as const;
  expect(judge(access, nobody)).toMatchObject({ kind: 'denied', status: 401 });
  expect(judge(access, { ...nobody, url: '/?token=wrong' })).toMatchObject({ kind: 'denied' });
  const signedIn = judge(access, { ...nobody, url: `/queues/queue/a?x=1&token=${TOKEN}`, host: 'anything.example' });
  if (signedIn.kind !== 'signed-in') throw new Error(`expected a cookie, got ${signedIn.kind}`);
  expect(signedIn.location).toBe('/queues/queue/a?x=1');
  expect(signedIn.cookie).toContain('HttpOnly');
  const cookie = `other=1; ${signedIn.cookie.split(';')[0]}`;
  expect(judge(access, { ...nobody, cookie }).kind).toBe('allowed');
  expect(judge(access, { ...nobody, cookie: cookie.replace(/.$/, 'x') }).kind).toBe('denied');
  expect(judge(access, { ...nobody, authorization: `Bearer ${TOKEN}` }).kind).toBe('allowed');
  expect(judge(access, { ...nobody, authorization: 'Bearer no' }).kind).toBe('denied');
});

test('signing in never leads to another host', () => {
  const verdict = judge({ kind: 'token', token: TOKEN }, { ...nobody, url: `//evil.example/?token=${TOKEN}` });
  if (verdict.kind === 'signed-in') expect(verdict.location).toMatch(/^\/(?!\/)/);
});
