/**
 * Looks at all paths of a job at once: a round trip for many. The acts have their own preconditions, so what is seen here
 * may be old by then.
 */
import {
  ABSENT,
  type Cause,
  type ChangeEvent,
  depthOf,
  type Entry,
  nameOf,
  parentOf,
  type RelPath,
  ROOT,
} from '@lazysync/event-model';
import { lookAt } from './look.ts';
import type { PairPorts } from './ports.ts';

/** A path of a job: why it is looked at, and what was seen. */
export interface Task {
  readonly path: RelPath;
  cause: Cause;
  local?: Entry;
  remote?: Entry;
  /** In place of `remote`: what a look that is still under way will say. The name is most likely free. */
  asked?: Promise<Entry>;
  /** No row knew it when it was looked at. */
  isNew?: boolean;
  /** Told by a watcher beside the remote's disk: the mount's caches may be older. */
  pushed?: ChangeEvent;
}

/** From so many names in one folder on, the folder is listed: on a mount the kernel looks up one name in it at a time. */
const LISTED = 6;

async function lookAfresh(ports: PairPorts, tasks: readonly Task[]): Promise<void> {
  if (tasks.length === 0) return;
  const entries = await ports.remote.freshLook(tasks.map(({ path }) => path));
  tasks.forEach((task, i) => {
    const entry = entries[i];
    if (entry !== undefined) task.remote = entry;
  });
}

async function lookEach(ports: PairPorts, tasks: readonly Task[]): Promise<void> {
  if (tasks.length === 0) return;
  const entries = await ports.remote.look(tasks.map(({ path }) => path));
  tasks.forEach((task, i) => {
    const entry = entries[i];
    if (entry !== undefined) task.remote = entry;
  });
}

async function listFolder(ports: PairPorts, folder: RelPath, tasks: readonly Task[]): Promise<void> {
  const [listing] = await ports.remote.list([{ path: folder }]);
  if (listing?.kind !== 'listing' || listing.partial) return lookEach(ports, tasks);
  const entries = new Map(listing.names.map(({ name, entry }) => [name, entry]));
  for (const task of tasks) task.remote = entries.get(nameOf(task.path)) ?? ABSENT;
}

/** The content of a new file can be staged while its name is looked at, which saves it a round trip. */
function isStagedMeanwhile(ports: PairPorts, { path, local, cause }: Task): boolean {
  const parent = parentOf(path);
  const inKnown = parent === ROOT || ports.base.get(parent)?.kind === 'directory';
  return local?.kind === 'file' && local.stat.size <= ports.inlineLimit && cause.side === 'local' && inKnown;
}

function askMeanwhile(ports: PairPorts, task: Task): void {
  const asked = lookAt(ports.remote, task.path);
  // Whoever needs it hears of it.
  asked.catch(() => undefined);
  task.asked = asked;
}

/** What is new, level by level: nothing is in a folder that is not there. */
async function lookAtNew(ports: PairPorts, tasks: readonly Task[]): Promise<void> {
  const byPath = new Map(tasks.map((task) => [task.path, task]));
  const levels = Map.groupBy(tasks, ({ path }) => depthOf(path));
  for (const depth of [...levels.keys()].sort((a, b) => a - b)) {
    const there = (levels.get(depth) ?? []).filter((task) => {
      if (byPath.get(parentOf(task.path))?.remote?.kind !== 'absent') return true;
      task.remote = ABSENT;
      return false;
    });
    const folders = Map.groupBy(there, ({ path }) => parentOf(path));
    const few: Task[] = [];
    const lists: Promise<void>[] = [];
    for (const [folder, some] of folders) {
      if (some.length < LISTED) few.push(...some);
      else lists.push(listFolder(ports, folder, some));
    }
    await Promise.all([lookEach(ports, few), ...lists]);
  }
}

export async function lookAhead(ports: PairPorts, tasks: readonly Task[]): Promise<void> {
  // What was heard of the remote is asked for there first: its endpoint is at work while local is looked at.
  const there = lookEach(
    ports,
    tasks.filter(({ cause, pushed }) => cause.side !== 'local' && pushed === undefined),
  );
  there.catch(() => undefined); // it is awaited below
  const locals = await ports.local.look(tasks.map((task) => task.path));
  tasks.forEach((task, i) => {
    const entry = locals[i];
    if (entry !== undefined) task.local = entry;
    task.isNew = ports.base.get(task.path) === null;
  });
  // What is new here needs a look there, too: is its name free?
  const pushed = tasks.filter((task) => task.pushed !== undefined);
  const news = tasks.filter(
    ({ isNew, local, cause, pushed: told }) =>
      isNew === true && local?.kind !== 'absent' && cause.side === 'local' && told === undefined,
  );
  // Of many the looks are in flight at once anyway, and what is known of all of them is needed: they may go up together.
  const many = Math.min(LISTED, ports.packs?.fewest ?? LISTED);
  const meanwhile = news.length < many ? news.filter((task) => isStagedMeanwhile(ports, task)) : [];
  for (const task of meanwhile) askMeanwhile(ports, task);
  await Promise.all([
    there,
    lookAfresh(ports, pushed),
    lookAtNew(
      ports,
      news.filter((task) => !meanwhile.includes(task)),
    ),
  ]);
}

/** Once more, where what was seen of the remote may be older than what has been done there. */
export async function lookAgain(ports: PairPorts, tasks: readonly Task[]): Promise<void> {
  if (tasks.length === 0) return;
  for (const task of tasks) {
    delete task.remote;
    delete task.asked;
  }
  await lookAhead(ports, tasks);
}
