/**
 * What watches the local folder: chokidar with inotify beside it, or inotify alone where chokidar would cost too much: 66 us
 * and 3.3 kB for each entry when it starts, 702 MB at a million entries, half of the watcher's work in a burst of changes. So
 * `auto` leaves it out of a big folder, goes on without it when a folder becomes big or a burst comes, and takes it up again
 * when it is quiet. inotify tells of all that it tells of, whether it is there or not.
 */
import type { RelPath } from '@lazysync/event-model';
import { createChokidarSource } from './chokidar-source.ts';
import type { HintListener, HintSource } from './hint.ts';
import type { InotifyHub } from './inotify-hub.ts';
import { createInotifySource } from './inotify-source.ts';
import type { Timers } from './settle.ts';
import { systemTimers } from './timers.ts';

export type LocalWatch = 'auto' | 'chokidar' | 'inotify';

export interface LocalSourceOptions {
  /** Absolute, its real path. */
  readonly root: string;
  readonly watch: LocalWatch;
  readonly listener: HintListener;
  readonly hub?: InotifyHub;
  readonly ignored?: (path: RelPath, directory: boolean) => boolean;
  /** Above this many entries `auto` leaves chokidar out. Default 50,000. */
  readonly chokidarLimit?: number;
  /** Above this many changes within `ROUND_MS` `auto` goes on without it. Default 2,000. */
  readonly chokidarBurst?: number;
  /** That inotify alone watches from now on, and why: one sentence, for the log. */
  readonly onLeft?: (message: string) => void;
  readonly timers?: Timers;
  /** Default: the real one. */
  readonly chokidar?: typeof createChokidarSource;
  /** `start` begins with inotify alone; `choose` says later, when the tree is there, how large it is. */
  readonly later?: boolean;
  /** As of an inotify source. */
  readonly known?: () => readonly RelPath[];
  readonly postponed?: () => boolean;
}

export interface LocalSource extends HintSource {
  /** Known after `start`, or after `choose`. */
  uses(): 'chokidar and inotify' | 'inotify';
  /** Starts chokidar where it pays. `entries`: asked only where it was not seen at the start that there are too many. */
  choose(entries: () => number): Promise<void>;
}

/** In which changes are counted, ms. */
export const ROUND_MS = 10_000;
/**
 * In a storm chokidar lists folders again and again: what inotify has to say, and this count of it, comes late then. So
 * it is looked how late a timer is, ms, while there are a tenth of the changes of a burst.
 */
const BEAT_MS = 1_000;
const LATE_MS = 500;
/** Rounds without a burst, or anything lost, before chokidar is taken up again. */
const QUIET_ROUNDS = 6;

export function createLocalSource(options: LocalSourceOptions): LocalSource {
  const { root, listener, watch, later = false, timers = systemTimers } = options;
  const createChokidar = options.chokidar ?? createChokidarSource;
  const ignored = options.ignored === undefined ? {} : { ignored: options.ignored };
  const hub = options.hub === undefined ? {} : { hub: options.hub };
  const known = options.known === undefined ? {} : { known: options.known };
  const postponed = options.postponed === undefined ? {} : { postponed: options.postponed };
  const limit = options.chokidarLimit ?? 50_000;
  const burst = options.chokidarBurst ?? 2_000;
  /** Made and removed since the start: what is moved in or out as a whole is counted by the next start only. */
  let grown = 0;
  let changes = 0;
  let quietRounds = 0;
  let timer: { cancel(): void } | undefined;
  let pulse: { cancel(): void } | undefined;
  let chokidar: HintSource | undefined;
  /** It has come to its first rest: what happens before that, it takes for what was there. */
  let tells = false;
  /** One switch after the other. */
  let switching: Promise<void> = Promise.resolve();
  let stopped = false;
  /** There were too few watches for chokidar: it is left out until the next start. */
  let noRoom = false;

  const inotify = createInotifySource({
    root,
    side: 'local',
    mount: false,
    listener: {
      ...bound(listener),
      onHint(hint) {
        listener.onHint(hint);
        changes++;
        if (changes === 1 && chokidar !== undefined) beat();
        if (hint.kind === 'create') grown++;
        else if (hint.kind === 'delete') grown--;
        if (changes > burst) leave(`more than ${burst} changes within ${ROUND_MS / 1000} s`);
      },
      onLost(what) {
        listener.onLost(what);
        // chokidar is what makes this process too slow for them.
        if (what.kind === 'overflow') leave(what.message);
      },
    },
    ...hub,
    ...ignored,
    ...known,
    ...postponed,
  });

  const tooBig = (): boolean => inotify.entriesAtStart() + grown > limit;

  const inTurn = (act: () => Promise<void>): Promise<void> => {
    const mine = switching.then(act);
    switching = mine.catch(() => undefined);
    return mine;
  };

  const failedTo = (what: string, act: () => Promise<void>): void => {
    inTurn(act).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      if (!stopped) listener.onLost({ kind: 'failed', message: `chokidar could not be ${what}: ${why}`, mend: null });
    });
  };

  const leave = (why: string): void => {
    quietRounds = 0;
    const left = chokidar;
    if (watch !== 'auto' || left === undefined) return;
    chokidar = undefined;
    options.onLeft?.(`inotify alone watches the local folder now: ${why}`);
    // At once: in a storm its first look may not come to an end by itself.
    const ended = left.stop();
    ended.catch(() => undefined); // it is told below
    failedTo('ended', () => ended);
  };

  const takeUp = async (): Promise<void> => {
    if (stopped || noRoom || chokidar !== undefined) return;
    const made = createChokidar({
      root,
      listener: {
        onHint: (hint) => listener.onHint(hint),
        onLost(what) {
          if (what.kind !== 'watch-limit' || watch !== 'auto') {
            listener.onLost(what);
            return;
          }
          // Its watches are the second ones of the same folders: others need the room.
          noRoom = true;
          leave(what.message);
        },
      },
      ...ignored,
    });
    chokidar = made;
    tells = false;
    try {
      await made.start();
      if (chokidar === made) tells = true;
    } catch (error) {
      if (chokidar === made) chokidar = undefined;
      await made.stop();
      throw error;
    }
  };

  const beat = (): void => {
    pulse?.cancel();
    const due = timers.now() + BEAT_MS;
    pulse = timers.after(BEAT_MS, () => {
      if (chokidar === undefined || changes === 0) return;
      const late = timers.now() - due;
      if (late > LATE_MS && changes * 10 > burst)
        leave(`${changes} changes hold this process up for ${late.toFixed()} ms`);
      else beat();
    });
  };

  const round = (): void => {
    const many = changes;
    changes = 0;
    if (chokidar !== undefined && tooBig()) leave(`it has more than ${limit} entries now`);
    else if (chokidar === undefined) {
      quietRounds = many * 10 > burst || tooBig() ? 0 : quietRounds + 1;
      if (quietRounds >= QUIET_ROUNDS) {
        quietRounds = 0;
        failedTo('taken up again', takeUp);
      }
    }
    timer = timers.after(ROUND_MS, round);
  };

  const decide = async (): Promise<void> => {
    if (watch !== 'inotify' && (watch === 'chokidar' || !tooBig())) await inTurn(takeUp);
    if (watch === 'auto' && !stopped) timer ??= timers.after(ROUND_MS, round);
  };

  return {
    uses: () => (chokidar === undefined || !tells ? 'inotify' : 'chokidar and inotify'),
    async start() {
      await inotify.start();
      if (!later) await decide();
    },
    async choose(entries) {
      grown = 0;
      if (watch === 'auto' && !tooBig()) grown = entries() - inotify.entriesAtStart();
      changes = 0;
      await decide();
    },
    rewatch: (paths) => inotify.rewatch(paths),
    poll: () => inotify.poll(),
    async stop() {
      stopped = true;
      timer?.cancel();
      pulse?.cancel();
      await Promise.all([inotify.stop(), chokidar?.stop(), switching]);
    },
  };
}

/** A listener may be an object with methods of its own. */
function bound(listener: HintListener): HintListener {
  return {
    onHint: (hint) => listener.onHint(hint),
    onLost: (lost) => listener.onLost(lost),
    onOpen: (path) => listener.onOpen?.(path),
    onWriting: (path, writing) => listener.onWriting?.(path, writing),
    onListing: (path, open) => listener.onListing?.(path, open),
    onMoved: (from, to) => listener.onMoved?.(from, to),
  };
}
