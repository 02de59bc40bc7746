/**
 * Keeps things running that are wanted, each in a scope of its own: started when it is wanted, stopped when it is not,
 * stopped and started again when it is wanted otherwise. One act per thing at a time; things do not wait for each other.
 */
import { systemClock } from './clock.ts';
import type { Logger } from './logger.ts';
import { createScope, type OwnedScope, type Scope } from './scope.ts';

export interface KeeperOptions<T> {
  readonly logger: Logger;
  /** Resolves when it runs. When it rejects, what it owned is released, and it is tried again later. */
  readonly start: (name: string, wish: T, scope: Scope) => Promise<void>;
  /** Two wishes for the same thing that need no new start. */
  readonly same: (a: T, b: T) => boolean;
  /** Nothing of it runs any more. */
  readonly stopped: (name: string) => void;
  /** Pauses between tries, ms: the first one, doubling up to the last. Default 1 s and 30 s. */
  readonly retryMs?: readonly [first: number, longest: number];
}

export interface Keeper<T> {
  /** From now on these. */
  want(wishes: ReadonlyMap<string, T>): void;
  /** Stops everything, side by side. */
  close(): Promise<void>;
}

interface Kept {
  /** Ends what runs now. */
  scope: OwnedScope | null;
  /** Told when what is wanted has changed. */
  wake: () => void;
  done: Promise<void>;
}

export function createKeeper<T>(options: KeeperOptions<T>): Keeper<T> {
  const { logger, start, same, stopped } = options;
  const [firstMs, longestMs] = options.retryMs ?? [1_000, 30_000];
  const kept = new Map<string, Kept>();
  let wanted: ReadonlyMap<string, T> = new Map();
  let turn: Promise<unknown> = Promise.resolve();

  /** One beginning in each round of the event loop: a thousand of them must not hold up everything else. */
  const nextTurn = async (): Promise<void> => {
    turn = turn.then(() => new Promise(setImmediate));
    await turn;
  };

  /** Runs one wish until another is wanted. */
  const run = async (name: string, wish: T, one: Kept): Promise<void> => {
    for (let pause = firstMs; wanted.get(name) === wish; pause = Math.min(pause * 2, longestMs)) {
      const scope = createScope(logger);
      one.scope = scope;
      let failed = false;
      try {
        await start(name, wish, scope);
      } catch (error) {
        failed = true;
        if (!scope.signal.aborted) logger.error({ pair: name, err: error, againInMs: pause }, 'could not be started');
      }
      if (!failed) await untilOther(name, wish, one);
      await scope.end('not wanted any more');
      one.scope = null;
      if (failed) await pauseUnlessOther(name, wish, one, pause);
    }
  };

  const untilOther = async (name: string, wish: T, one: Kept): Promise<void> => {
    while (wanted.get(name) === wish) {
      await new Promise<void>((resolve) => {
        one.wake = resolve;
      });
    }
  };

  const pauseUnlessOther = async (name: string, wish: T, one: Kept, ms: number): Promise<void> => {
    const woken = new AbortController();
    one.wake = () => woken.abort();
    if (wanted.get(name) === wish) await systemClock.sleep(ms, woken.signal);
  };

  const keep = async (name: string, one: Kept): Promise<void> => {
    await nextTurn();
    for (let wish = wanted.get(name); wish !== undefined; wish = wanted.get(name)) await run(name, wish, one);
    kept.delete(name);
    stopped(name);
  };

  const want = (wishes: ReadonlyMap<string, T>): void => {
    const before = wanted;
    wanted = new Map(
      [...wishes].map(([name, wish]): [string, T] => {
        const known = before.get(name);
        return [name, known !== undefined && same(known, wish) ? known : wish];
      }),
    );
    for (const [name, one] of kept) {
      if (before.get(name) === wanted.get(name)) continue;
      // A start that still waits for something leaves off; what it owns is released when it has.
      one.scope?.abort('not wanted any more');
      one.wake();
    }
    for (const name of wishes.keys()) {
      if (kept.has(name)) continue;
      const one: Kept = { scope: null, wake: () => undefined, done: Promise.resolve() };
      kept.set(name, one);
      one.done = keep(name, one);
    }
  };

  return {
    want,
    async close() {
      const ending = [...kept.values()].map(({ done }) => done);
      want(new Map());
      await Promise.all(ending);
    },
  };
}
