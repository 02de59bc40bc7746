/** Is there a usable Redis? Answers with a value, in one sentence, within a deadline. */
import { DeadlinePassed, withDeadline } from '@lazysync/ops';
import { createClient, showAddress } from './connect.ts';
import type { RedisAddress } from './lane.ts';

export type PingOutcome =
  | {
      readonly kind: 'ok';
      readonly version: string;
      readonly pid: number;
      /** Settings under which events can get lost: one sentence each. */
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'unreachable'; readonly message: string };

const OLDEST = [6, 2] as const;

export async function ping(address: RedisAddress, deadlineMs: number): Promise<PingOutcome> {
  const shown = showAddress(address);
  const down = (why: string): PingOutcome => ({
    kind: 'unreachable',
    message: `Redis at ${shown} is not reachable: ${why}.`,
  });
  let lastError: Error | null = null;
  let client: ReturnType<typeof createClient>;
  try {
    client = createClient(address, { onceMs: deadlineMs });
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    return down(path === undefined ? 'the address is not usable' : `${path} can not be read (${code})`);
  }
  client.on('error', (error: Error) => {
    lastError = error;
  });
  try {
    const info = await withDeadline(askInfo(client), deadlineMs, 'Redis');
    const version = field(info, 'redis_version') ?? '0';
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
      return {
        kind: 'unreachable',
        message: `Redis at ${shown} is too old: ${version}, and ${OLDEST.join('.')} is needed.`,
      };
    }
    return { kind: 'ok', version, pid: Number(field(info, 'process_id') ?? 0), warnings: warningsOf(info, shown) };
  } catch (error) {
    if (error instanceof DeadlinePassed && lastError === null)
      return down(`it does not answer within ${deadlineMs} ms`);
    return down(reasonOf(lastError ?? error));
  } finally {
    client.disconnect();
  }
}

async function askInfo(client: ReturnType<typeof createClient>): Promise<string> {
  await client.ping();
  return client.info();
}

function field(info: string, name: string): string | null {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null;
}

function warningsOf(info: string, shown: string): string[] {
  const warnings: string[] = [];
  const policy = field(info, 'maxmemory_policy');
  if (policy !== null && policy !== 'noeviction' && field(info, 'maxmemory') !== '0') {
    warnings.push(
      `Redis at ${shown} may throw queued events away when its memory is full (maxmemory-policy ${policy}): set it to noeviction.`,
    );
  }
  if (field(info, 'aof_enabled') === '0') {
    warnings.push(
      `Redis at ${shown} keeps no append-only file: after its restart folders are scanned again (set appendonly yes).`,
    );
  }
  return warnings;
}

/** The last part of the sentence. Answers of Redis are shown only as far as they are known to hold no secret. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  const { code, message = '' } = (error ?? {}) as { code?: unknown; message?: string };
  switch (code) {
    case 'ENOENT':
      return 'there is no such socket';
    case 'ECONNREFUSED':
      return 'nobody listens there';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name is not known';
    case 'EACCES':
      return 'this user may not open the socket';
    case 'ETIMEDOUT':
      return 'it does not answer';
  }
  if (/^(NOAUTH|WRONGPASS|ERR AUTH|ERR invalid password)|without any password configured/i.test(message)) {
    return 'the password (or user) is wrong or missing';
  }
  if (/^NOPERM/.test(message)) return 'this user lacks rights there';
  if (/certificate|self.signed|SSL|TLS|EPROTO|wrong version number/i.test(`${message} ${String(code)}`))
    return `no secure connection (${String(code ?? 'TLS')})`;
  if (/^LOADING/.test(message)) return 'it is still loading its data';
  if (/^Protocol error/.test(message)) return 'what answers is no Redis';
  if (/sentinel/i.test(message)) return 'no sentinel names a master';
  if (/slots cache/i.test(message)) return 'no node of the cluster answers';
  return typeof code === 'string' ? code : 'the connection was closed';
}
