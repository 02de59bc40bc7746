/** What a job's events come to: one task for each path. */
import type { Cause, RelPath, SyncEvent } from '@lazysync/event-model';
import type { Task } from './look-ahead.ts';
import type { PairPorts } from './ports.ts';

/** The pair's policy on an opened stub. What the base does not know yet is looked at first. */
export function isWanted(ports: PairPorts, path: RelPath): boolean {
  const row = ports.base.get(path);
  return ports.hydration.wanted(path, row?.kind === 'file' ? row.remote.size : 0);
}

/** The net effect per path: events of one path are one look. */
export function tasksOf(events: readonly SyncEvent[], ports: PairPorts): Task[] {
  const tasks = new Map<RelPath, Task>();
  for (const event of events) {
    if (event.kind === 'rescan' || event.kind === 'command' || event.kind === 'staged') continue;
    const cause: Cause = { side: event.side, hydrate: event.kind === 'access' && isWanted(ports, event.path) };
    let task = tasks.get(event.path);
    if (task === undefined) tasks.set(event.path, (task = { path: event.path, cause }));
    else {
      const side = task.cause.side === cause.side ? cause.side : 'both';
      task.cause = { side, hydrate: task.cause.hydrate || cause.hydrate };
    }
    if (event.kind !== 'access' && event.pushed !== undefined) task.pushed = event;
  }
  return [...tasks.values()];
}
