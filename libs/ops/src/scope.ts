/** What was acquired for one purpose: released together, what came last first. */
import type { Logger } from './logger.ts';

export interface Scope {
  /** Aborted as soon as the end begins. */
  readonly signal: AbortSignal;
  /** Registers a releaser right after its thing was acquired. The answer takes it back. */
  own(what: string, release: () => Promise<void> | void): () => void;
}

export interface OwnedScope extends Scope {
  /** Only tells that the end is near: whoever still acquires things is to leave off. */
  abort(why: string): void;
  /** Releases everything in reverse order; false: something could not be. Later calls wait for the first. */
  end(why: string): Promise<boolean>;
  /** What is not released yet. */
  left(): readonly string[];
}

interface Owned {
  readonly what: string;
  readonly release: () => Promise<void> | void;
}

export function createScope(logger: Logger): OwnedScope {
  const controller = new AbortController();
  const owned: Owned[] = [];
  let ending: Promise<boolean> | undefined;

  const abort = (why: string): void => controller.abort(new Error(why));

  const release = async (why: string): Promise<boolean> => {
    abort(why);
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

  return {
    signal: controller.signal,
    abort,
    own(what, release) {
      const one: Owned = { what, release };
      owned.push(one);
      return () => {
        const at = owned.indexOf(one);
        if (at >= 0) owned.splice(at, 1);
      };
    },
    end(why) {
      ending ??= release(why);
      return ending;
    },
    left: () => owned.map(({ what }) => what),
  };
}
