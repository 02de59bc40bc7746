/** What was seen, as it travels through the lane. An event says where to look, never what to do. */
import type { RelPath } from './rel-path.ts';
import type { Side } from './side.ts';

export type ChangeKind = 'create' | 'modify' | 'delete';

/**
 * What a watcher beside the remote's disk saw at the path, which a mount may still show otherwise for a while. Only for
 * telling what is no news, and what has to be looked at again: what is there is looked at all the same.
 */
export type Pushed =
  | { readonly kind: 'file'; readonly size: number; readonly mtimeNs: string; readonly mode: number }
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'absent' | 'other' };

/** Something may have changed at a path. `seen` false: inferred by a scan, no kernel event told of it. */
export interface ChangeEvent {
  readonly kind: ChangeKind;
  readonly side: Side;
  readonly path: RelPath;
  readonly seen?: boolean;
  readonly pushed?: Pushed;
  /** Of a push that is told again, since the mount showed something older: how often it was told before. */
  readonly again?: number;
}
/** A stub was opened. */
export interface AccessEvent {
  readonly kind: 'access';
  readonly side: 'local';
  readonly path: RelPath;
}
/** A transfer has its content staged and asks for its commit. */
export interface StagedEvent {
  readonly kind: 'staged';
  readonly side: 'local';
  readonly path: RelPath;
  readonly transfer: string;
}
/** Look at everything at and below a path, on both sides. */
export interface RescanEvent {
  readonly kind: 'rescan';
  readonly side: Side;
  readonly path: RelPath;
  readonly why: string;
}
export const COMMANDS = ['get', 'free', 'pin', 'unpin', 'rescan', 'restore', 'empty-trash'] as const;
export type CommandName = (typeof COMMANDS)[number];

/** A person's wish that changes trees; carried out once per id. */
export interface CommandEvent {
  readonly kind: 'command';
  readonly side: 'local';
  readonly path: RelPath;
  readonly id: string;
  readonly command: CommandName;
  /** Of pin and unpin the pattern; of restore `<side>:<slot>`; of empty-trash the least age in ms, and how many bytes may stay after a comma. */
  readonly arg?: string;
}

export type SyncEvent = ChangeEvent | AccessEvent | StagedEvent | RescanEvent | CommandEvent;

/** The events of one settle window of one producer: one job of the lane. */
export interface Changeset {
  readonly v: 1;
  readonly pair: string;
  /** When the window was closed, ms since 1970. */
  readonly at: number;
  readonly events: readonly SyncEvent[];
}

/** What became of one event: shown in the finished job. */
export interface EventOutcome {
  readonly path: RelPath;
  readonly outcome: string;
}

/** A job's name as people read it in the queue, such as `local modify src/a.ts +12`. */
export function changesetTitle(changeset: Changeset): string {
  const first = changeset.events[0];
  if (first === undefined) return 'empty';
  const path = first.path === '' ? '.' : first.path;
  const shown = path.length > 160 ? `${path.slice(0, 80)}…${path.slice(-79)}` : path;
  const verb = first.kind === 'command' ? `command ${first.command}` : `${first.side} ${first.kind}`;
  const more = changeset.events.length - 1;
  return more > 0 ? `${verb} ${shown} +${more}` : `${verb} ${shown}`;
}
