/** What comes out of the queue is not trusted: a changeset is either wholly good or refused with a reason. */
import {
  type ChangeEvent,
  type ChangeKind,
  type Changeset,
  COMMANDS,
  type CommandName,
  type Pushed,
  type SyncEvent,
} from './event.ts';
import { isOwn, parseRelPath, type RelPath } from './rel-path.ts';
import type { Side } from './side.ts';

export type Decoded =
  | { readonly kind: 'changeset'; readonly changeset: Changeset }
  | { readonly kind: 'refused'; readonly reason: string };

export const MAX_EVENTS = 1_200;

function isCommand(text: unknown): text is CommandName {
  return COMMANDS.some((name) => name === text);
}

function count(raw: unknown): number | null {
  return typeof raw === 'number' && Number.isSafeInteger(raw) && raw >= 0 ? raw : null;
}

function decodePushed(raw: unknown): Pushed | null {
  if (typeof raw !== 'object' || raw === null) return null;
  const { kind, size: bytes, mtimeNs, mode: bits } = raw as Record<string, unknown>;
  const mode = count(bits);
  switch (kind) {
    case 'file': {
      const size = count(bytes);
      if (size === null || mode === null || typeof mtimeNs !== 'string' || !/^-?\d{1,30}$/.test(mtimeNs)) return null;
      return { kind, size, mtimeNs, mode };
    }
    case 'directory':
      return mode === null ? null : { kind, mode };
    case 'absent':
    case 'other':
      return { kind };
    default:
      return null;
  }
}

function decodeChange(kind: ChangeKind, side: Side, path: RelPath, raw: Record<string, unknown>): ChangeEvent | string {
  if (path === '') return 'the root itself can not change';
  const { seen } = raw;
  if (seen !== undefined && typeof seen !== 'boolean') return 'seen is no boolean';
  const event: ChangeEvent = seen === undefined ? { kind, side, path } : { kind, side, path, seen };
  if (raw.pushed === undefined) return event;
  const pushed = decodePushed(raw.pushed);
  if (pushed === null || side !== 'remote') return 'what was pushed is nothing of the remote';
  if (raw.again === undefined) return { ...event, pushed };
  const again = count(raw.again);
  return again === null ? 'again is no number' : { ...event, pushed, again };
}

function decodeEvent(raw: unknown): SyncEvent | string {
  if (typeof raw !== 'object' || raw === null) return 'an event is not an object';
  const { kind, side, path: text, transfer, why, id, command, arg } = raw as Record<string, unknown>;
  const path = parseRelPath(text);
  if (path === null) return 'a path is not relative to the root';
  if (isOwn(path)) return 'a path lies in the own folder';
  if (side !== 'local' && side !== 'remote') return 'a side is neither local nor remote';
  switch (kind) {
    case 'create':
    case 'modify':
    case 'delete':
      return decodeChange(kind, side, path, raw as Record<string, unknown>);
    case 'access':
      return side === 'local' && path !== '' ? { kind, side, path } : 'an access names no file of local';
    case 'staged':
      if (side !== 'local' || typeof transfer !== 'string' || !/^[a-z0-9-]{1,80}$/.test(transfer))
        return 'a staged event names no transfer';
      return { kind, side, path, transfer };
    case 'rescan':
      return { kind, side, path, why: typeof why === 'string' ? why.slice(0, 200) : '' };
    case 'command':
      if (side !== 'local' || typeof id !== 'string' || !/^[A-Za-z0-9-]{1,80}$/.test(id)) return 'a command has no id';
      if (!isCommand(command)) return 'a command is unknown';
      if (arg === undefined) return { kind, side, path, id, command };
      if (typeof arg !== 'string' || arg.length > 4_096 || arg.includes('\0')) return 'a command has a bad argument';
      return { kind, side, path, id, command, arg };
    default:
      return 'an event kind is unknown';
  }
}

export function decodeChangeset(raw: unknown, pair: string): Decoded {
  const refused = (reason: string): Decoded => ({ kind: 'refused', reason });
  if (typeof raw !== 'object' || raw === null) return refused('the job holds no object');
  const { v, pair: of, at, events } = raw as Record<string, unknown>;
  if (v !== 1) return refused('the job is of another version');
  if (of !== pair) return refused('the job is of another pair');
  if (typeof at !== 'number' || !Number.isFinite(at)) return refused('the job has no time');
  if (!Array.isArray(events) || events.length > MAX_EVENTS)
    return refused(`the job has no list of up to ${MAX_EVENTS} events`);
  const good: SyncEvent[] = [];
  for (const one of events as unknown[]) {
    const event = decodeEvent(one);
    if (typeof event === 'string') return refused(event);
    good.push(event);
  }
  return { kind: 'changeset', changeset: { v: 1, pair, at, events: good } };
}
