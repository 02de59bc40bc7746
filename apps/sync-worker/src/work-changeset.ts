/** One job of the lane: the events of one settle window. Unrelated paths of it may be at work together. */
import { planStaged } from '@lazysync/action-table';
import {
  type Cause,
  type Changeset,
  depthOf,
  type EventOutcome,
  type RelPath,
  ROOT,
  type StagedEvent,
  type SyncEvent,
} from '@lazysync/event-model';
import { createCommands } from './commands.ts';
import { checkRoot } from './guards.ts';
import { IGNORE_FILE } from './ignore-rules.ts';
import { lookAt } from './look.ts';
import { lookAgain, lookAhead, type Task } from './look-ahead.ts';
import { areForPack, type PacksCame, packedUploads } from './packed-uploads.ts';
import { type PairPorts, processTimers } from './ports.ts';
import { createPrefetch, NO_PREFETCH } from './prefetch.ts';
import { createRepeats, isKnown, isStale } from './pushed.ts';
import { quickLap } from './quick-lap.ts';
import { type PathSettler, type Seen, settling } from './settle-path.ts';
import { sideBySide, type Work } from './side-by-side.ts';
import { isWanted, tasksOf } from './tasks-of.ts';
import type { Transfers } from './transfers.ts';
import type { Uploads } from './uploads.ts';
import { suitsWholeFolders, wholeFolders } from './whole-folders.ts';

export interface ChangesetWorker {
  /** Rejects with `RemoteOffline` or `PairHeld`: then the job stays at the head, and running it again is harmless. */
  work(changeset: Changeset, signal: AbortSignal): Promise<readonly EventOutcome[]>;
  /** Nothing is told again from now on. */
  stop(): void;
}

type Say = (path: RelPath, outcome: string) => void;

/** So many times the width are under way: the others are being staged. */
const STAGED = 2;

const MANY_UNSEEN = 100;
/** ms by which both clocks may differ over the same time before one of them counts as set. */
const CLOCK_STEP = 1_000;
const QUIET: Cause = { side: 'local', hydrate: false };

export function createChangesetWorker(
  ports: PairPorts,
  settler: PathSettler,
  { transfers, uploads }: { readonly transfers: Transfers; readonly uploads: Uploads },
  rescan: (path: RelPath) => Promise<void>,
): ChangesetWorker {
  const { base } = ports;
  const commands = createCommands(ports, settler, rescan);

  const elapsed = (): number => (ports.timers ?? processTimers).now();
  /** When the last look at everything began that came to its end, by both clocks, ms. */
  let looked: { readonly at: number; readonly elapsed: number } | null = null;

  async function lookAtEverything(): Promise<void> {
    const begun = { at: ports.now(), elapsed: elapsed() };
    await rescan(ROOT);
    looked = begun;
  }

  /**
   * Published before the last look at everything began: that has seen whatever this tells of. Not said of what another host
   * has published, nor while the clock that it was published by was set since.
   */
  function isOlderThanLook({ at, events }: Changeset): boolean {
    if (looked === null || at >= looked.at) return false;
    if (events.some((event) => 'pushed' in event)) return false;
    return Math.abs(ports.now() - looked.at - (elapsed() - looked.elapsed)) < CLOCK_STEP;
  }

  /** Entries whose delete was inferred by a scan, with all that is below them. */
  function unseenDeletes(events: readonly SyncEvent[]): number {
    let count = 0;
    for (const event of events) {
      if (event.kind !== 'delete' || event.seen !== false) continue;
      count += 1 + (base.hasBelow(event.path) ? base.below(event.path).length : 0);
    }
    return count;
  }

  /**
   * Three groups, one after the other. What is gone goes last: a thing that was moved is found under its new name
   * before it is buried. Folders first: what is new in them needs them, and a whole one that is gone goes by one rename,
   * and takes along what is in it.
   */
  function inOrder(tasks: readonly Task[]): readonly [readonly Task[], readonly Task[], readonly Task[]] {
    const sides = ports.policy.remoteIdentities === true ? (['local', 'remote'] as const) : (['local'] as const);
    const gone = tasks.filter(
      (task) => sides.some((side) => task[side]?.kind === 'absent') && base.get(task.path) !== null,
    );
    // ORDER: a stub that lies where it does not belong first: what it was copied from may have been edited since, and its
    // content is to be had only until that edit has gone up.
    const strays = tasks.filter(({ local, path }) => local?.kind === 'stub' && local.points !== path);
    const others = new Set([...gone, ...strays]);
    const rest = tasks.filter((task) => !others.has(task));
    const foldersFirst = (a: Task, b: Task): number => depthOf(a.path) - depthOf(b.path);
    return [strays, rest.sort(foldersFirst), gone.sort(foldersFirst)];
  }

  /**
   * What a look ahead saw of local may be old by now, and the look itself is cheap; the remote's is not. It does not count
   * where a path was new and is known by now: a folder was moved there, with what is in it, by an act of ours.
   */
  function stillSeen({ path, remote, asked, isNew }: Task): Seen {
    if (isNew !== (base.get(path) === null)) return {};
    if (asked !== undefined) return { asked };
    return remote === undefined ? {} : { remote };
  }

  async function settleAll(tasks: readonly Task[], say: Say, signal: AbortSignal): Promise<void> {
    const said = await sideBySide(
      tasks.map((task) => settling(settler, task.path, task.cause, () => stillSeen(task))),
      ports.width === 1 ? 1 : ports.width * STAGED,
      signal,
    );
    tasks.forEach(({ path }, i) => {
      say(path, said[i] ?? '');
    });
  }

  async function goPacked(tasks: readonly Task[], say: Say): Promise<PacksCame> {
    if (!(await areForPack(ports, tasks))) return { said: new Map(), unsure: new Set() };
    const seen = tasks.map((task) => ({ ...task, remote: undefined, ...stillSeen(task) }));
    const came = await packedUploads(ports, settler, seen);
    for (const [path, words] of came.said) say(path, words);
    return came;
  }

  /** Answers with what is at rest by that. */
  async function goWhole(tasks: readonly Task[], say: Say, signal: AbortSignal): Promise<ReadonlySet<RelPath>> {
    const seen = tasks.map((task) => ({ ...task, remote: undefined, ...stillSeen(task) }));
    if (!suitsWholeFolders(ports, seen)) return new Set();
    const width = ports.width === 1 ? 1 : ports.width * STAGED;
    const sent = await wholeFolders(ports, settler, seen, { width, signal });
    for (const [path, words] of sent) say(path, words);
    return new Set(sent.keys());
  }

  /** Null: not what was expected lies there; the path is to be planned again. */
  async function commitStaged(event: StagedEvent): Promise<string | null> {
    const staged = transfers.staged(event.transfer);
    if (staged === null) return 'already done';
    const local = await lookAt(ports.local, event.path);
    const view = { path: event.path, base: base.get(event.path), local };
    const decision = planStaged(view, staged.content, staged.wanted);
    if (decision.kind === 'refetch') {
      // What was fetched is nobody's version: from a folder that is mounted there by mistake, perhaps.
      await checkRoot(ports, 'remote');
      await transfers.refetch(event.transfer);
      return decision.why;
    }
    if (decision.kind !== 'step') {
      await transfers.drop(event.transfer);
      return decision.kind === 'nothing' ? decision.why : decision.kind;
    }
    const outcome = await settler.perform(decision.step, view, staged.content, decision.why);
    if (outcome.kind === 'done') base.clearProblem(event.path);
    if (outcome.kind === 'failed') base.putProblem(outcome.problem, ports.now());
    await transfers.drop(event.transfer);
    if (outcome.kind === 'stale') return null;
    return outcome.kind === 'done' ? `hydrate in local (${decision.why})` : outcome.problem.message;
  }

  function committing(event: StagedEvent): Work {
    const { path } = event;
    let committed = false;
    const commit = async (): Promise<string | null> => {
      if (committed) return null;
      committed = true;
      return commitStaged(event);
    };
    return {
      path,
      beside: async () => (await commit()) ?? (await settler.settleBeside(path, QUIET)),
      alone: async () => (await commit()) ?? (await settler.settle(path, QUIET)),
    };
  }

  /** The path is planned anew: what is staged is taken where that comes to an upload of the very same version. */
  function committingUpload({ path, transfer }: StagedEvent): Work {
    const over = async (said: string | null): Promise<string | null> => {
      if (said !== null) await uploads.drop(transfer);
      return said;
    };
    const both: Cause = { side: 'both', hydrate: false };
    return {
      path,
      beside: async () => over(await settler.settleBeside(path, both)),
      alone: async () => (await over(await settler.settle(path, both))) ?? '',
    };
  }

  const repeats = createRepeats(ports);
  const prefetch = createPrefetch({
    base,
    hydration: ports.hydration,
    policy: ports.prefetch ?? NO_PREFETCH,
    elapsed,
    fetchAhead: (path, remote) => transfers.want(path, remote, true),
  });

  return {
    stop: () => repeats.stop(),
    async work(changeset, signal) {
      const outcomes: EventOutcome[] = [];
      const say: Say = (path, outcome) => {
        outcomes.push({ path, outcome });
      };
      const staged: StagedEvent[] = [];
      for (const event of changeset.events) {
        signal.throwIfAborted();
        if (event.kind === 'staged') staged.push(event);
        if (event.kind === 'rescan') {
          if (event.path === ROOT) {
            await ports.reloadIgnored();
            await lookAtEverything();
          } else await rescan(event.path);
          say(event.path, 'looked at everything');
        } else if (event.kind === 'command') {
          const known = base.commandResult(event.id);
          const result = known ?? (await commands.carryOut(event));
          // ORDER: written down after it was carried out: a crash in between runs it again, which changes nothing.
          base.putCommand(event.id, result);
          say(event.path, result);
        }
      }
      const commits = await sideBySide(
        staged.map((event) => (uploads.has(event.transfer) ? committingUpload(event) : committing(event))),
        ports.width,
        signal,
      );
      staged.forEach(({ path }, i) => {
        say(path, commits[i] ?? '');
      });
      if (unseenDeletes(changeset.events) > MANY_UNSEEN) {
        // Only a look at everything tells whether this many are a move, a swapped mount or a delete; it also holds them. One
        // is enough for all that waited then.
        if (!isOlderThanLook(changeset)) await lookAtEverything();
        return [...outcomes, ...changeset.events.map(({ path }) => ({ path, outcome: 'looked at everything' }))];
      }
      const known = changeset.events.filter((event) => isKnown(event, base));
      for (const { path } of known) say(path, 'as it is known');
      const tasks = tasksOf(
        changeset.events.filter((event) => !known.includes(event)),
        ports,
      );
      if (tasks.length === 0) return outcomes;
      await lookAhead(ports, tasks);
      const [strays, rest, gone] = inOrder(tasks);
      await settleAll(strays, say, signal);
      const quick = await quickLap(
        ports,
        settler,
        rest.map((task) => ({ ...task, remote: undefined, ...stillSeen(task) })),
      );
      for (const [path, words] of quick) say(path, words);
      const open = rest.filter(({ path }) => !quick.has(path));
      const { said: packed, unsure } = await goPacked(open, say);
      const apart = open.filter(({ path }) => !packed.has(path));
      // ORDER: what a pack has left undone is withdrawn by now. RACE: a file that was under way at that moment may come after
      // this look; like any name that is taken meanwhile it is found by the commit.
      await lookAgain(
        ports,
        apart.filter(({ path }) => unsure.has(path)),
      );
      // A folder of a broken pack may be there in part: as a whole it would be staged in vain.
      const whole = await goWhole(
        apart.filter(({ path }) => !unsure.has(path)),
        say,
        signal,
      );
      await settleAll(
        apart.filter(({ path }) => !whole.has(path)),
        say,
        signal,
      );
      await settleAll(gone, say, signal);
      // ORDER: what was opened is on its way by now.
      for (const { kind, path } of changeset.events) {
        const row = kind === 'access' ? base.get(path) : null;
        if (row?.kind === 'file' && row.form === 'stub' && isWanted(ports, path)) prefetch.opened(path);
      }
      for (const { pushed, remote } of tasks)
        if (pushed?.pushed !== undefined && isStale(pushed.pushed, remote)) repeats.again(pushed);
      if (tasks.some((task) => task.path === IGNORE_FILE) && (await ports.reloadIgnored())) await rescan(ROOT);
      return outcomes;
    },
  };
}
