/** The orderly end of a process: what was acquired last is released first, and the end has a deadline. */
import { withDeadline } from './deadline.ts';
import type { Logger } from './logger.ts';
import { createScope, type Scope } from './scope.ts';

export interface Shutdown extends Scope {
  /** Releases everything in reverse order, then exits with `code`. Later calls wait for the first. */
  end(code: number, why: string): Promise<void>;
}

export interface ShutdownOptions {
  readonly logger: Logger;
  /** ms after which the process exits although something is not released yet. */
  readonly deadlineMs: number;
  /** Default: SIGTERM and SIGINT. */
  readonly signals?: readonly NodeJS.Signals[];
  /** Default: process.exit. */
  readonly exit?: (code: number) => void;
}

export function createShutdown(options: ShutdownOptions): Shutdown {
  const { logger, deadlineMs } = options;
  const exit = options.exit ?? ((code: number) => process.exit(code));
  const scope = createScope(logger);
  let ending: Promise<void> | undefined;

  const run = async (code: number, why: string): Promise<void> => {
    logger.debug({ why }, 'ending');
    let clean = false;
    try {
      clean = await withDeadline(scope.end(why), deadlineMs, 'ending');
    } catch (error) {
      logger.error({ err: error, left: scope.left() }, 'ends without having released everything');
    }
    exit(code === 0 && !clean ? 1 : code);
  };

  const end = (code: number, why: string): Promise<void> => {
    ending ??= run(code, why);
    return ending;
  };

  for (const signal of options.signals ?? ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      if (ending !== undefined) {
        // Whoever asks twice does not want to wait.
        if (signal === 'SIGINT') exit(130);
        return;
      }
      end(0, signal).catch((error: unknown) => logger.error({ err: error }, 'ending failed'));
    });
  }

  return {
    signal: scope.signal,
    own: scope.own,
    end,
  };
}
