/**
 * The dashboard as a process: `main.ts --effective FILE [--port N] [--host H] [--log-level L]`; with `--door` in place of
 * port and host, it serves the connections that its parent accepts at the configuration's port.
 */
import { parseArgs } from 'node:util';
import { type EffectiveConfig, readEffective } from '@lazysync/config/effective';
import { type FollowOptions, followEffective, sourceOf } from '@lazysync/config/follow-effective';
import {
  createShutdown,
  exitWithParent,
  HEALTH_FILE,
  keepHealthFile,
  keepMemorySmall,
  type LogLevel,
  tellAchieved,
} from '@lazysync/ops';
import { createLogger } from '@lazysync/ops/logger';
import { followFile } from '@lazysync/watch/follow-file';
import { decideAccess } from './access.ts';
import { type Dashboard, startDashboard } from './dashboard.ts';
import { readToken } from './token.ts';

export interface DashboardArgs {
  readonly effective: string;
  /** 0: any free one. */
  readonly port: number | null;
  readonly host: string;
  /** Connections come from the parent. */
  readonly door: boolean;
  readonly logLevel: LogLevel;
  /** The user's file and the command that plans it, where no `up` does. */
  readonly source: FollowOptions['source'];
}

const LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] satisfies LogLevel[];

/** A message when the arguments are not usable. */
export function parseDashboardArgs(args: readonly string[]): DashboardArgs | string {
  let values: Partial<Record<'effective' | 'port' | 'host' | 'log-level' | 'config' | 'plan', string>>;
  let door: boolean;
  try {
    const text = { type: 'string' } as const;
    const options = { effective: text, port: text, host: text, 'log-level': text, config: text, plan: text };
    ({
      values: { door = false, ...values },
    } = parseArgs({ args: [...args], options: { ...options, door: { type: 'boolean' } }, allowPositionals: false }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { effective, port, host = '127.0.0.1', 'log-level': logLevel = 'info' } = values;
  if (effective === undefined) return '--effective FILE is missing.';
  if (door && (port ?? values.host) !== undefined) return '--door goes without --port and --host.';
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) return `--port ${port} is no port.`;
  if (!LEVELS.includes(logLevel)) return `--log-level is one of ${LEVELS.join(', ')}.`;
  return {
    effective,
    port: port === undefined ? null : Number(port),
    host,
    door,
    logLevel: logLevel as LogLevel,
    source: sourceOf(values),
  };
}

const FAILED = 1;
const USAGE = 2;

async function main(): Promise<void> {
  const args = parseDashboardArgs(process.argv.slice(2));
  const logger = createLogger({ name: 'dashboard', level: typeof args === 'string' ? 'info' : args.logLevel });
  const fail = (code: number, message: string): never => {
    logger.error(message);
    process.exit(code);
  };
  if (typeof args === 'string') return fail(USAGE, args);
  if (args.door && process.send === undefined) return fail(USAGE, '--door needs a parent that passes connections on.');
  const config: EffectiveConfig = readEffective(args.effective);
  const token = readToken(process.env);
  if (token.kind === 'failed') return fail(USAGE, token.message);
  const access = decideAccess({ host: args.host, token: token.kind === 'none' ? null : token.token });
  if (access.kind === 'refused') return fail(USAGE, access.message);

  const shutdown = createShutdown({ logger, deadlineMs: 800 });
  exitWithParent(shutdown);
  let dashboard: Dashboard;
  try {
    dashboard = await startDashboard({
      pairs: config.pairs,
      redis: config.redis,
      host: args.host,
      port: args.port ?? config.port ?? 0,
      passed: args.door,
      access,
      log: logger,
    });
  } catch (error) {
    return fail(FAILED, listenProblem(error, args));
  }
  shutdown.own('memory', keepMemorySmall().stop);
  shutdown.own('dashboard', () => dashboard.close());
  const following = followEffective({
    effective: args.effective,
    source: args.source,
    follow: followFile,
    changed: ({ pairs }) => dashboard.serve(pairs),
    logger,
  });
  shutdown.own('configuration', () => following.close());
  const health = process.env[HEALTH_FILE];
  if (health !== undefined && health !== '')
    shutdown.own(
      'health',
      keepHealthFile(health, () => dashboard.isHealthy()),
    );
  const shown = args.host.includes(':') ? `[${args.host}]` : args.host;
  logger.info({ port: dashboard.port }, `dashboard http://${shown}:${dashboard.port}/`);
  const url = process.env.LAZYSYNC_DASHBOARD_URL;
  // Only a token that nobody chose is shown, and only where somebody asked for the address to be said.
  if (token.kind === 'own' && url !== undefined && url !== '')
    process.stdout.write(`dashboard ${url.replace(/\/+$/, '')}/?token=${token.token}\n`);
  process.send?.({ kind: 'listening', port: dashboard.port });
  tellAchieved();
}

function listenProblem(error: unknown, { host, port }: DashboardArgs): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return `port ${port ?? ''} of ${host} is taken: choose another with --port.`;
  if (code === 'EACCES') return `this user may not listen on port ${port ?? ''}: choose one above 1023 with --port.`;
  return `the dashboard could not start: ${message}`;
}

if (import.meta.main) await main();
