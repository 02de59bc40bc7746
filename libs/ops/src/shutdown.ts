/** The orderly end of a process: what was acquired last is released first, and the end has a deadline. */
import { withDeadline } from './deadline.ts';
import type { Logger } from './logger.ts';

export interface Shutdown {
  /** Aborted as soon as the end begins. */
  readonly signal: AbortSignal;
  /** Registers a releaser right after its thing was acquired. The answer takes it back. */
  own(what: string, release: () => Promise<void> | void): () => void;
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

interface Owned {
  readonly what: string;
  readonly release: () => Promise<void> | void;
}

export function createShutdown(options: ShutdownOptions): Shutdown {
  const { logger, deadlineMs } = options;
  const exit = options.exit ?? ((code: number) => process.exit(code));
  const controller = new AbortController();
  const owned: Owned[] = [];
  let ending: Promise<void> | undefined;

  const releaseAll = async (): Promise<boolean> => {
    let clean = true;
    for (let one = owned.pop(); one !== undefined; one = owned.pop()) {
      try {
        await one.release();
      } catch (error) {
        clean = false;
        logger.error({ err: error, what: one.what }, 'could not be released');
      }
    }
    return clean;
  };

  const run = async (code: number, why: string): Promise<void> => {
    logger.debug({ why }, 'ending');
    controller.abort(new Error(why));
    let clean = false;
    try {
      clean = await withDeadline(releaseAll(), deadlineMs, 'ending');
    } catch (error) {
      logger.error({ err: error, left: owned.map((one) => one.what) }, 'ends without having released everything');
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
    signal: controller.signal,
    own(what, release) {
      const one: Owned = { what, release };
      owned.push(one);
      return () => {
        const at = owned.indexOf(one);
        if (at >= 0) owned.splice(at, 1);
      };
    },
    end,
  };
}
