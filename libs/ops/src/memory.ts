/**
 * Gives memory back after a burst. V8 lets a heap grow by what the machine has rather than by what is needed, and keeps
 * it while little happens: a process that watches a quiet folder would hold for hours what a storm of changes took.
 */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { errnoOf } from './errno.ts';
import { letGoOfCode } from './program-code.ts';

/**
 * For the command line of Node: V8's own way of giving memory back marks all that is held again and again while nothing
 * happens, in threads of its own, 2 % of a core at 600 MB. Processes that stay keep their memory small themselves.
 */
export const QUIET_MEMORY = '--no-memory-reducer';

export interface MemoryKeeper {
  stop(): void;
}

const MB = 1024 * 1024;
/** Below this a process that is at work keeps what it has, MB. */
const MUCH = 200;
/** Below this it always does: Node itself takes as much. */
const LITTLE = 10;
/** A process that takes less than this share of a core for so long, ms, is at rest. */
const REST_SHARE = 0.05;
const REST_MS = 5_000;
/** What it holds then has to grow by this before it is worth another collection. */
const GROWN = 1.3;
/** Above this nobody waits. */
const VERY_MUCH = 350;
const LOOK_MS = 1_000;
/** From one collection to the next; one that gave little back doubles it until there is more again, ms. */
const PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 300_000;
/** Share of a core, V8's threads included, that may be spent where all that is held is needed: one takes 2.5 s at 600 MB. */
const MOST_OF_THE_TIME = 0.01;
/** The same for the first one after work: what was needed for that is not needed any more. */
const MOST_AFTER_WORK = 0.05;

/**
 * A full collection: some 100 ms at 100 MB of live objects, and as much in three further threads. The last resort is the
 * only one that also gives back the pages that V8 pools for its next burst: 590 of 790 MB of a watcher after a storm.
 */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  return () => collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/**
 * What the process holds without what comes from files, bytes; null: no descriptor is left to ask the kernel with. All that it
 * holds is told at a quarter of the price: as long as that is as before, so is the rest.
 */
function createHeld(): () => number | null {
  let all = -Infinity;
  let own = 0;
  return () => {
    try {
      const now = process.memoryUsage.rss();
      if (Math.abs(now - all) < MB) return own;
      own = Number(/^RssAnon:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1024;
      all = now;
      return own;
    } catch (error) {
      if (errnoOf(error) === null) throw error;
      return null;
    }
  };
}

export function keepMemorySmall(): MemoryKeeper {
  const collect = collector();
  const held = createHeld();
  let pause = PAUSE_MS;
  let last = -Infinity;
  let left = 0;
  /** Of the last collection, ms. */
  let cost = 0;
  /** The last time that it came to rest, nothing much could be given back, and it has not grown since. */
  let inVain = false;
  let used = process.cpuUsage();
  let looked = performance.now();
  let atWork = looked;
  const timer = setInterval(() => {
    const before = held();
    if (before === null) return;
    const now = performance.now();
    const spent = process.cpuUsage(used);
    if (spent.user + spent.system > (now - looked) * 1_000 * REST_SHARE) atWork = now;
    looked = now;
    used = process.cpuUsage();
    const hasGrown = before > left * GROWN;
    const isMuch = before >= MUCH * MB || (before >= LITTLE * MB && hasGrown && now - atWork >= REST_MS);
    if (hasGrown) {
      pause = before > VERY_MUCH * MB ? 0 : PAUSE_MS;
      inVain = false;
    }
    const afterWork = !inVain && last < atWork && now - atWork >= REST_MS;
    const wait = afterWork ? Math.min(pause, Math.max(PAUSE_MS, cost / MOST_AFTER_WORK)) : pause;
    if (!isMuch || now < last + wait) return;
    collect();
    // What can't be let go of now can be the next time.
    if (now - atWork >= REST_MS) letGoOfCode();
    const { user, system } = process.cpuUsage(used);
    used = process.cpuUsage();
    cost = (user + system) / 1_000;
    last = performance.now();
    left = held() ?? before;
    const isLittle = left > before * 0.9;
    if (afterWork) inVain = isLittle;
    const patience = isLittle ? Math.min(Math.max(pause, PAUSE_MS) * 2, LONGEST_PAUSE_MS) : PAUSE_MS;
    pause = Math.max(patience, cost / MOST_OF_THE_TIME);
  }, LOOK_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
