/** One job of the lane: the events of one settle window, carried out one by one. */
import { planStaged } from '@lazysync/action-table';
import {
  type Cause,
  type Changeset,
  depthOf,
  type Entry,
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
import type { PairPorts } from './ports.ts';
import type { PathSettler } from './settle-path.ts';
import type { Transfers } from './transfers.ts';

export interface ChangesetWorker {
  /** Rejects with `RemoteOffline` or `PairHeld`: then the job stays at the head, and running it again is harmless. */
  work(changeset: Changeset, signal: AbortSignal): Promise<readonly EventOutcome[]>;
}

const MANY_UNSEEN = 100;

/** A path of this job: why it is looked at, and what was already seen. */
interface Task {
  readonly path: RelPath;
  cause: Cause;
  local?: Entry;
  remote?: Entry;
}

/** The pair's policy on an opened stub. What the base does not know yet is looked at first. */
function isWanted(ports: PairPorts, path: RelPath): boolean {
  const row = ports.base.get(path);
  return ports.hydration.wanted(path, row?.kind === 'file' ? row.remote.size : 0);
}

/** The net effect per path: events of one path are one look. */
function tasksOf(events: readonly SyncEvent[], ports: PairPorts): Task[] {
  const tasks = new Map<RelPath, Task>();
  for (const event of events) {
    if (event.kind === 'rescan' || event.kind === 'command' || event.kind === 'staged') continue;
    const cause: Cause = { side: event.side, hydrate: event.kind === 'access' && isWanted(ports, event.path) };
    const known = tasks.get(event.path);
    if (known === undefined) tasks.set(event.path, { path: event.path, cause });
    else {
      const side = known.cause.side === cause.side ? cause.side : 'both';
      known.cause = { side, hydrate: known.cause.hydrate || cause.hydrate };
    }
  }
  return [...tasks.values()];
}

export function createChangesetWorker(
  ports: PairPorts,
  settler: PathSettler,
  transfers: Transfers,
  rescan: (path: RelPath) => Promise<void>,
): ChangesetWorker {
  const { base } = ports;
  const commands = createCommands(ports, settler, rescan);

  /** Entries whose delete was inferred by a scan, with all that is below them. */
  function unseenDeletes(events: readonly SyncEvent[]): number {
    let count = 0;
    for (const event of events) {
      if (event.kind !== 'delete' || event.seen !== false) continue;
      count += 1 + (base.hasBelow(event.path) ? base.below(event.path).length : 0);
    }
    return count;
  }

  /** Looks at all paths at once: one round trip for many. The acts have their own preconditions, so these may be stale. */
  async function lookAhead(tasks: readonly Task[]): Promise<void> {
    const there = tasks.filter((task) => task.cause.side !== 'local');
    const [locals, remotes] = await Promise.all([
      ports.local.look(tasks.map((task) => task.path)),
      there.length === 0 ? [] : ports.remote.look(there.map((task) => task.path)),
    ]);
    tasks.forEach((task, i) => {
      const entry = locals[i];
      if (entry !== undefined) task.local = entry;
    });
    there.forEach((task, i) => {
      const entry = remotes[i];
      if (entry !== undefined) task.remote = entry;
    });
  }

  /**
   * What is gone here goes last: a thing that was moved is found under its new name before it is buried. Folders first:
   * a whole one goes by one rename, and takes along what is in it.
   */
  function inOrder(tasks: readonly Task[]): Task[] {
    const gone = tasks.filter((task) => task.local?.kind === 'absent' && base.get(task.path) !== null);
    // ORDER: a stub that lies where it does not belong first: what it was copied from may have been edited since, and its
    // content is to be had only until that edit has gone up.
    const strays = tasks.filter(({ local, path }) => local?.kind === 'stub' && local.points !== path);
    const rest = tasks.filter((task) => !gone.includes(task) && !strays.includes(task));
    return [...strays, ...rest, ...gone.sort((a, b) => depthOf(a.path) - depthOf(b.path))];
  }

  async function commitStaged(event: StagedEvent): Promise<string> {
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
    if (outcome.kind === 'stale') return settler.settle(event.path, { side: 'local', hydrate: false });
    return outcome.kind === 'done' ? `hydrate in local (${decision.why})` : outcome.problem.message;
  }

  return {
    async work(changeset, signal) {
      const outcomes: EventOutcome[] = [];
      const say = (path: RelPath, outcome: string): void => {
        outcomes.push({ path, outcome });
      };
      for (const event of changeset.events) {
        signal.throwIfAborted();
        if (event.kind === 'rescan') {
          if (event.path === ROOT) await ports.reloadIgnored();
          await rescan(event.path);
          say(event.path, 'looked at everything');
        } else if (event.kind === 'staged') say(event.path, await commitStaged(event));
        else if (event.kind === 'command') {
          const known = base.commandResult(event.id);
          const result = known ?? (await commands.carryOut(event));
          // ORDER: written down after it was carried out: a crash in between runs it again, which changes nothing.
          base.putCommand(event.id, result);
          say(event.path, result);
        }
      }
      if (unseenDeletes(changeset.events) > MANY_UNSEEN) {
        // Only a look at everything tells whether this many are a move, a swapped mount or a delete; it also holds them.
        await rescan(ROOT);
        return [...outcomes, ...changeset.events.map(({ path }) => ({ path, outcome: 'looked at everything' }))];
      }
      const tasks = tasksOf(changeset.events, ports);
      if (tasks.length === 0) return outcomes;
      await lookAhead(tasks);
      for (const task of inOrder(tasks)) {
        signal.throwIfAborted();
        // What a look ahead saw of local may be old by now, and the look itself is cheap; the remote's is not.
        const { remote } = task;
        say(task.path, await settler.settle(task.path, task.cause, remote === undefined ? {} : { remote }));
      }
      if (tasks.some((task) => task.path === IGNORE_FILE) && (await ports.reloadIgnored())) await rescan(ROOT);
      return outcomes;
    },
  };
}
