/**
 * Who goes next. Every call on a file system waits here for its turn, so that between any two calls of the program a
 * user, another host, an outage or a kill may come. Time is simulated and moves only here.
 */
import type { Random } from './random.ts';

/** A process or thread of the program. What it still waits for when it dies never goes on: kill -9. */
export interface Owner {
  readonly name: string;
  dead: boolean;
}

interface Waiting {
  readonly owner: Owner;
  readonly run: () => void;
}

interface Timer {
  readonly owner: Owner;
  readonly due: number;
  readonly order: number;
  readonly call: () => void;
  cancelled: boolean;
}

/** Something a user, another host or fate does; due after a number of the program's calls, or when it is at rest. */
interface Deed {
  readonly due: number;
  readonly act: () => void;
}

export interface Scheduler {
  /** Simulated time, ms since 1970, with fractions. */
  now(): number;
  /** The program's calls so far. */
  readonly calls: number;
  advance(ms: number): void;
  /** A call of the program: waits for its turn, then happens at once. `cost` in ms. */
  turn<T>(owner: Owner, cost: number, call: () => T): Promise<T>;
  after(owner: Owner, ms: number, call: () => void): { cancel(): void };
  /** `gap` calls of the program from now, or earlier when it is at rest. */
  schedule(gap: number, act: () => void): void;
  /** Resolves when nothing is left to do; false: more calls than `limit` were made on the way. */
  rest(limit: number): Promise<boolean>;
  /** Asked before each call: may say that the caller is dead by now, or will be when the call is done. */
  fate: ((owner: Owner) => 'goes-on' | 'dies-before' | 'dies-after') | null;
}

export function createScheduler(random: Random, startMs: number): Scheduler {
  const waiting: Waiting[] = [];
  let timers: Timer[] = [];
  const deeds: Deed[] = [];
  let now = startMs;
  let calls = 0;
  let order = 0;
  let pumping = false;
  let resting: ((quiet: boolean) => void) | null = null;
  let limit = Infinity;

  const kick = (): void => {
    if (pumping) return;
    pumping = true;
    // A tick that is asked for in a microtask runs after all microtasks: whatever the last call set free waits here by
    // then. (Asked for in a tick, it would run before them.)
    queueMicrotask(() => process.nextTick(pump));
  };

  const nextTimer = (): Timer | null => {
    let first: Timer | null = null;
    timers = timers.filter((one) => !one.cancelled && !one.owner.dead);
    for (const one of timers) {
      if (first === null || one.due < first.due || (one.due === first.due && one.order < first.order)) first = one;
    }
    return first;
  };

  const fire = (timer: Timer): void => {
    timers = timers.filter((one) => one !== timer);
    now = Math.max(now, timer.due);
    timer.call();
  };

  const runDeed = (): void => {
    const deed = deeds.shift();
    deed?.act();
  };

  const whenQuiet = (): boolean => {
    const timer = nextTimer();
    const deed = deeds[0];
    if (timer === null && deed === undefined) return false;
    // Waiting counts, too: a program that only polls must come to its end.
    calls++;
    // A deed that is due within a few calls may as well come before the settle window closes.
    if (timer === null || (deed !== undefined && deed.due - calls < 10 && random.chance(0.5))) runDeed();
    else fire(timer);
    return true;
  };

  function pump(): void {
    pumping = false;
    for (;;) {
      while (deeds[0] !== undefined && deeds[0].due <= calls) {
        runDeed();
        // Deeds wake nobody directly, but a kill or an outage settles promises.
        return kick();
      }
      const timer = nextTimer();
      if (timer !== null && timer.due <= now) {
        fire(timer);
        return kick();
      }
      for (let i = waiting.length - 1; i >= 0; i--) if (waiting[i]?.owner.dead === true) waiting.splice(i, 1);
      if (waiting.length > 0) break;
      if (resting === null) return;
      if (calls >= limit) {
        const tell = resting;
        resting = null;
        return tell(false);
      }
      if (!whenQuiet()) {
        const tell = resting;
        resting = null;
        return tell(true);
      }
      return kick();
    }
    if (calls >= limit && resting !== null) {
      const tell = resting;
      resting = null;
      return tell(false);
    }
    calls++;
    const at = waiting.length === 1 ? 0 : random.below(waiting.length);
    const [one] = waiting.splice(at, 1);
    if (one !== undefined) one.run();
    kick();
  }

  const scheduler: Scheduler = {
    now: () => now,
    get calls() {
      return calls;
    },
    advance: (ms) => {
      now += ms;
    },
    fate: null,
    turn: (owner, cost, call) =>
      new Promise((resolve, reject) => {
        if (owner.dead) return;
        waiting.push({
          owner,
          run: () => {
            now += cost * (0.5 + random.below(100) / 100);
            const fate = scheduler.fate?.(owner) ?? 'goes-on';
            if (fate === 'dies-before') return;
            try {
              const result = call();
              if (fate === 'goes-on') resolve(result);
            } catch (error) {
              if (fate === 'goes-on') reject(error as Error);
            }
          },
        });
        kick();
      }),
    after(owner, ms, call) {
      const timer: Timer = { owner, due: now + ms, order: order++, call, cancelled: false };
      timers.push(timer);
      kick();
      return {
        cancel: () => {
          timer.cancelled = true;
        },
      };
    },
    schedule(gap, act) {
      const due = calls + gap;
      let at = deeds.length;
      while (at > 0 && (deeds[at - 1] as Deed).due > due) at--;
      deeds.splice(at, 0, { due, act });
      kick();
    },
    rest(most) {
      limit = calls + most;
      return new Promise((resolve) => {
        resting = resolve;
        kick();
      });
    },
  };
  return scheduler;
}
