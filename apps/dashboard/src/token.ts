/** Where the token comes from: the environment, a file, or, where the file is not there yet, from chance. */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { errnoOf } from '@lazysync/ops';

export type TokenPlace =
  | { readonly kind: 'none' }
  /** A person chose it. */
  | { readonly kind: 'given'; readonly token: string }
  /** It was made here, now or at an earlier start. */
  | { readonly kind: 'own'; readonly token: string }
  | { readonly kind: 'failed'; readonly message: string };

/** How tokens look that are made here. */
const OWN = /^own-[A-Za-z0-9_-]{32}$/;

export function readToken(env: NodeJS.ProcessEnv): TokenPlace {
  const { LAZYSYNC_DASHBOARD_TOKEN: token, LAZYSYNC_DASHBOARD_TOKEN_FILE: file } = env;
  if (token !== undefined && token !== '') return { kind: 'given', token };
  if (file === undefined || file === '') return { kind: 'none' };
  try {
    const known = readOrMake(file);
    return { kind: OWN.test(known) ? 'own' : 'given', token: known };
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    return { kind: 'failed', message: `the token can not be read from or made in ${file}: ${code}.` };
  }
}

function readOrMake(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  const made = `own-${randomBytes(24).toString('base64url')}`;
  const temp = `${file}.${randomBytes(4).toString('hex')}`;
  writeFileSync(temp, `${made}\n`, { mode: 0o600, flag: 'wx' });
  try {
    // Never half written, and of two that start at once the first one's stays.
    linkSync(temp, file);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  } finally {
    unlinkSync(temp);
  }
  return readFileSync(file, 'utf8').trim();
}
