/** Logs go to stderr: as JSON, or pretty where a person looks on. */
import { createRequire } from 'node:module';
import { pino } from 'pino';
import type pinoPretty from 'pino-pretty';

export type Logger = pino.Logger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LoggerOptions {
  /** The process's name, in every line. */
  readonly name: string;
  readonly level: LogLevel;
  /** Left out: pretty when stderr is a terminal. */
  readonly pretty?: boolean;
  /** Where lines go instead of stderr. */
  readonly destination?: pino.DestinationStream;
}

/** The text without passwords of URLs and without tokens in them. */
export function hideSecrets(text: string): string {
  return text.replace(/(:\/\/[^\s/:@]*):[^\s/@]+@/g, '$1:***@').replace(/([?&](?:token|password)=)[^\s&]+/g, '$1***');
}

function hideIn(fields: Record<string, unknown>): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (/password|token|secret/i.test(key)) clean[key] = '***';
    else clean[key] = typeof value === 'string' ? hideSecrets(value) : value;
  }
  return clean;
}

function describeError(error: Error): object {
  const plain = pino.stdSerializers.err(error);
  return { ...plain, message: hideSecrets(plain.message), stack: hideSecrets(plain.stack) };
}

export function createLogger({ name, level, pretty: wanted, destination }: LoggerOptions): Logger {
  const options: pino.LoggerOptions = {
    name,
    level,
    serializers: { err: describeError },
    formatters: { level: (label) => ({ level: label }), log: hideIn },
    hooks: {
      logMethod(args, method) {
        method.apply(
          this,
          args.map((one: unknown) => (typeof one === 'string' ? hideSecrets(one) : one)) as typeof args,
        );
      },
    },
  };
  const isPretty = wanted ?? (destination === undefined && process.stderr.isTTY === true);
  if (isPretty) {
    // Most processes write for another one, and do without it.
    const pretty = createRequire(import.meta.url)('pino-pretty') as typeof pinoPretty;
    return pino(
      options,
      pretty({ destination: destination ?? 2, sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' }),
    );
  }
  // Written at once: what a process says just before it dies is what one wants to read.
  return pino(options, destination ?? pino.destination({ fd: 2, sync: true }));
}
