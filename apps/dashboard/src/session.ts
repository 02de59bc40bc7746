/** Signing in with the token, and out again. */
import { goneCookie, isToken, type Open, sessionCookie } from './access.ts';
import { type ApiRoute, closed, ok, refusedWith, text } from './api/route.ts';
import { said } from './api/schemas.ts';
import type { Attempts } from './attempts.ts';

export interface SessionDesk {
  readonly access: Open;
  readonly attempts: Attempts;
}

export function sessionRoutes({ access, attempts }: SessionDesk): readonly ApiRoute[] {
  return [
    {
      method: 'GET',
      path: '/session',
      summary: 'Is this request signed in?',
      answer: said,
      handle: () => ok({ message: 'Yes.' }),
    },
    {
      method: 'POST',
      path: '/session',
      summary: 'Sign in with the token: answers with a cookie',
      body: closed({ token: text('', { maxLength: 1000 }) }, ['token']),
      answer: said,
      handle: ({ body, address, scheme }) => {
        if (access.kind === 'loopback') return ok({ message: 'No token is needed here.' });
        if (!isToken(access, body.token ?? '')) {
          attempts.failed(address);
          return refusedWith(401, 'This is not the token.');
        }
        return { ...ok({ message: 'Welcome.' }), headers: { 'set-cookie': sessionCookie(access.token, scheme) } };
      },
    },
    {
      method: 'DELETE',
      path: '/session',
      summary: 'Sign out',
      answer: said,
      handle: () => {
        const bye = ok({ message: 'Bye.' });
        return access.kind === 'loopback' ? bye : { ...bye, headers: { 'set-cookie': goneCookie(access.token) } };
      },
    },
  ];
}
