/**
 * Waits for quiet: hints of one path become one event, and what belongs together leaves together. Pure but for the
 * timers that are passed in.
 */
import { ancestorsOf, type ChangeEvent, type ChangeKind, type RelPath, type Side } from '@lazysync/event-model';
import type { Hint } from './hint.ts';

export interface Timers {
  /** ms, never going backwards. */
  now(): number;
  after(ms: number, call: () => void): { cancel(): void };
}

export interface SettleOptions {
  readonly timers: Timers;
  /** The paths of one window, in the order of their first hints. */
  readonly onDue: (events: readonly ChangeEvent[]) => void;
  /** Too many paths: all were let go of, a rescan of that side stands for them. */
  readonly onCollapse: (side: Side) => void;
  /** A path leaves after this much quiet, ms. Default 200. */
  readonly quietMs?: number;
  /** A path leaves at the latest this long after its first hint, ms; not while it is being written. Default 10 s. */
  readonly ceilingMs?: number;
  /**
   * A new folder of local leaves when nothing has come into it for `quietMs`, with all that has, and at the latest this long
   * after its first hint, ms: what is filled goes as one. Default 1 s.
   */
  readonly gatherMs?: number;
  /** A file that is open for writing leaves when nothing was written for this long, ms. Default 60 s. */
  readonly writeQuietMs?: number;
  /**
   * Has somebody the file open for writing? Asked once it is quiet: the kernel tells of a write also when only an mtime
   * was set (`touch -m`, and our own carrying over), and nobody closes such a file. Left out: yes.
   */
  readonly stillWriting?: (side: Side, path: RelPath) => boolean;
  /** What is due this soon goes along, ms. Default 50. */
  readonly alongMs?: number;
  /** Paths that may wait at once. Default 200,000. */
  readonly limit?: number;
}

export interface Settle {
  hint(hint: Hint): void;
  /** A file is being written to (true), or its writer closed it (false). */
  writing(side: Side, path: RelPath, writing: boolean): void;
  /** Lets everything go at once, except files that are being written. Answers how many of those stay. */
  flush(): number;
  /** Paths that wait. */
  size(): number;
  /** Does the path, or a folder above it, wait? */
  waits(side: Side, path: RelPath): boolean;
  stop(): void;
}

interface Waiting {
  readonly side: Side;
  readonly path: RelPath;
  /** Was there nothing before the first hint? */
  readonly fresh: boolean;
  last: ChangeKind;
  first: number;
  latest: number;
  /** When it was last written to, while nobody has closed it since. */
  written: number | null;
  /** The kernel was asked about it since. */
  asked: boolean;
  seen: boolean;
  /** The outermost new folder that it lies in, if that waits. */
  readonly within: Waiting | null;
  /** The last hint of something in it. */
  inside: number;
  gone: boolean;
}

/** What a window came to: it began with nothing or something, and ends so. */
function net(one: Waiting): ChangeKind {
  if (one.fresh) return one.last === 'delete' ? 'modify' : 'create';
  return one.last === 'create' ? 'modify' : one.last;
}

export function createSettle(options: SettleOptions): Settle {
  const { timers, onDue, onCollapse } = options;
  const quiet = options.quietMs ?? 200;
  const ceiling = options.ceilingMs ?? 10_000;
  const writeQuiet = options.writeQuietMs ?? 60_000;
  const gather = options.gatherMs ?? 1_000;
  const along = options.alongMs ?? 50;
  const limit = options.limit ?? 200_000;
  // In the order of their first hints.
  const waiting: Record<Side, Map<RelPath, Waiting>> = { local: new Map(), remote: new Map() };
  let timer: { cancel(): void } | undefined;
  let timerAt = Infinity;
  let stopped = false;

  const size = (): number => waiting.local.size + waiting.remote.size;

  const dueAt = (one: Waiting): number => {
    if (one.written !== null) return one.written + (one.asked ? writeQuiet : Math.min(quiet, writeQuiet));
    const due = Math.min(one.latest + quiet, one.first + ceiling);
    if (one.within !== null && !one.within.gone) return Math.max(due, dueAt(one.within));
    return Math.max(due, Math.min(one.inside + quiet, one.first + gather));
  };

  /** The outermost folder above that is new and waits. */
  const newFolderAbove = (path: RelPath): Waiting | null => {
    for (const above of ancestorsOf(path)) {
      const one = waiting.local.get(above);
      if (one?.fresh === true) return one;
    }
    return null;
  };

  const wakeAt = (at: number): void => {
    if (at >= timerAt || stopped) return;
    timer?.cancel();
    timerAt = at;
    // With very many paths a round is not free: rounds get rarer.
    const pause = Math.max(at - timers.now(), size() / 2_000, 1);
    timer = timers.after(pause, round);
  };

  const round = (): void => {
    timer = undefined;
    timerAt = Infinity;
    if (stopped) return;
    const now = timers.now();
    for (const side of ['local', 'remote'] as const) letGo(side, now);
    let next = Infinity;
    for (const side of ['local', 'remote'] as const) {
      for (const one of waiting[side].values()) next = Math.min(next, dueAt(one));
    }
    if (next !== Infinity) wakeAt(next);
  };

  const ask = (one: Waiting, now: number): void => {
    if (one.written === null || one.asked || now < dueAt(one)) return;
    one.asked = true;
    if (options.stillWriting?.(one.side, one.path) === false) one.written = null;
  };

  const letGo = (side: Side, now: number): void => {
    const all = waiting[side];
    for (const one of all.values()) ask(one, now);
    const leaving = new Set<RelPath>();
    for (const one of all.values()) if (dueAt(one) <= now) leaving.add(one.path);
    if (leaving.size === 0) return;
    for (const one of all.values()) if (one.written === null && dueAt(one) <= now + along) leaving.add(one.path);
    // ORDER: what is made inside a folder never leaves before the folder does.
    for (const path of [...leaving]) for (const above of ancestorsOf(path)) if (all.has(above)) leaving.add(above);
    send(all, (path) => leaving.has(path));
  };

  const send = (all: Map<RelPath, Waiting>, leaves: (path: RelPath, one: Waiting) => boolean): void => {
    const events: ChangeEvent[] = [];
    for (const [path, one] of all) {
      if (!leaves(path, one)) continue;
      all.delete(path);
      one.gone = true;
      events.push({ kind: net(one), side: one.side, path, seen: one.seen });
    }
    if (events.length > 0) onDue(events);
  };

  const collapse = (): void => {
    const sides = (['local', 'remote'] as const).filter((side) => waiting[side].size > 0);
    for (const side of sides) waiting[side].clear();
    for (const side of sides) onCollapse(side);
  };

  const put = (side: Side, path: RelPath, kind: ChangeKind, seen: boolean): Waiting => {
    const now = timers.now();
    const known = waiting[side].get(path);
    const within = side === 'local' && waiting.local.size > 0 ? (known?.within ?? newFolderAbove(path)) : null;
    if (within !== null) within.inside = now;
    if (known !== undefined) {
      known.latest = now;
      if (kind !== 'modify' || known.last === 'delete') known.last = kind === 'modify' ? 'create' : kind;
      known.seen ||= seen;
      return known;
    }
    const made: Waiting = {
      side,
      path,
      fresh: kind === 'create',
      last: kind,
      first: now,
      latest: now,
      written: null,
      asked: false,
      seen,
      within,
      inside: -Infinity,
      gone: false,
    };
    waiting[side].set(path, made);
    return made;
  };

  return {
    hint(hint) {
      if (stopped) return;
      const one = put(hint.side, hint.path, hint.kind, hint.seen);
      // Whoever wrote to it writes to another name now, or to none.
      if (hint.kind === 'delete') one.written = null;
      if (size() > limit) collapse();
      else wakeAt(dueAt(one));
    },
    writing(side, path, writing) {
      if (stopped) return;
      if (writing) {
        const busy = put(side, path, 'modify', true);
        busy.written = timers.now();
        busy.asked = options.stillWriting === undefined;
        wakeAt(dueAt(busy));
        return;
      }
      const one = waiting[side].get(path);
      if (one === undefined || one.written === null) return;
      one.written = null;
      // It could not leave before: its ceiling counts from now.
      one.first = one.latest = timers.now();
      wakeAt(dueAt(one));
    },
    flush() {
      for (const side of ['local', 'remote'] as const) send(waiting[side], (_, one) => one.written === null);
      return size();
    },
    size,
    waits(side, path) {
      const all = waiting[side];
      return all.size > 0 && (all.has(path) || ancestorsOf(path).some((above) => all.has(above)));
    },
    stop() {
      stopped = true;
      timer?.cancel();
      for (const side of ['local', 'remote'] as const) waiting[side].clear();
    },
  };
}
