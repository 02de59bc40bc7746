/**
 * Numbered crash points. Every act of the worker that outlives its process counts two: just before it and just after
 * it. At point `at` the process dies: either really (`kill`), or by standing still (`freeze`): nothing that was begun
 * ever comes back, as if the process were gone, and the rest of the test goes on in the same process.
 */
export type Death = 'freeze' | 'kill';

/** Thrown by synchronous acts of a frozen process. Whoever catches it can do nothing any more. */
export class Dead extends Error {}

export interface Points {
  /** Points passed so far. */
  readonly count: number;
  /** What the acts were, one line each. */
  readonly acts: readonly string[];
  /** Acts that did not get as far as the kernel: the folder they were to be made in is not there. */
  readonly unmade: number;
  /** Writes of the base that only people read: they have no points. */
  readonly aside: number;
  readonly dead: boolean;
  /** Resolves when the process has died by standing still, and its last act has come back from the kernel. */
  readonly died: Promise<void>;
  /** An asynchronous act with its two points. */
  around<T>(what: string, act: () => Promise<T>): Promise<T>;
  /** A synchronous act with its two points. */
  aroundNow<T>(what: string, act: () => T): T;
  /** An act that changes nothing: no points, but a dead process makes none. */
  reading<T>(act: () => Promise<T>): Promise<T>;
  readingNow<T>(act: () => T): T;
  /** A write without points. */
  asideNow<T>(act: () => T): T;
}

const NEVER = new Promise<never>(() => undefined);

/** `at` null: nobody dies. */
export function createPoints(at: number | null, death: Death): Points {
  let count = 0;
  let unmade = 0;
  let aside = 0;
  let dead = false;
  let flying = 0;
  const acts: string[] = [];
  let settled: () => void = () => undefined;
  const died = new Promise<void>((resolve) => {
    settled = resolve;
  });

  const landed = (): void => {
    if (dead && flying === 0) settled();
  };
  /** True when this is the point. */
  const passes = (): boolean => {
    count++;
    if (count !== at) return false;
    if (death === 'kill') process.kill(process.pid, 'SIGKILL');
    dead = true;
    return true;
  };

  async function fly<T>(act: () => Promise<T>): Promise<T> {
    flying++;
    try {
      return await act();
    } finally {
      flying--;
      landed();
    }
  }

  return {
    get count() {
      return count;
    },
    acts,
    get unmade() {
      return unmade;
    },
    get aside() {
      return aside;
    },
    get dead() {
      return dead;
    },
    died,
    async around(what, act) {
      if (dead) return NEVER;
      acts.push(what);
      if (passes()) {
        landed();
        return NEVER;
      }
      let value: Awaited<ReturnType<typeof act>>;
      try {
        value = await fly(act);
      } catch (error) {
        if (dead) return NEVER;
        if (!what.includes(' unlink ') && (error as { code?: unknown }).code === 'ENOENT') unmade++;
        if (passes()) {
          landed();
          return NEVER;
        }
        throw error;
      }
      if (dead) return NEVER;
      if (passes()) {
        landed();
        return NEVER;
      }
      return value;
    },
    aroundNow(what, act) {
      if (dead) throw new Dead(what);
      acts.push(what);
      if (passes()) {
        landed();
        throw new Dead(what);
      }
      const value = act();
      if (passes()) {
        landed();
        throw new Dead(what);
      }
      return value;
    },
    async reading(act) {
      if (dead) return NEVER;
      try {
        const value = await fly(act);
        return dead ? await NEVER : value;
      } catch (error) {
        if (dead) return NEVER;
        throw error;
      }
    },
    readingNow(act) {
      if (dead) throw new Dead('read');
      return act();
    },
    asideNow(act) {
      if (dead) throw new Dead('aside');
      aside++;
      return act();
    },
  };
}
