/**
 * What a scan has told already. The base changes only when the worker has carried an event out, so each scan until then
 * finds the same difference again; and some differences stay (a special file, a name the other side refuses). Others stay
 * because the worker looked at the path while the mount still showed it as it had been: they are told once more, soon.
 */
import type { ChangeEvent, Entry, RelPath } from '@lazysync/event-model';
import type { Timers } from './settle.ts';

export interface Reported {
  /**
   * The events of one directory that are news: never told, about something that looks different now, or told so long
   * ago that they may have been lost. For somebody who waits for rest also what was told only once, longer ago than a
   * look may be out of date. What is not named any more is forgotten.
   */
  news(
    directory: RelPath,
    events: readonly ChangeEvent[],
    seen: (path: RelPath) => Entry | null,
    someoneWaits: boolean,
  ): ChangeEvent[];
  forget(directory: RelPath): void;
}

interface Told {
  readonly signature: string;
  readonly at: number;
  /** It is told again after this, ms. */
  readonly patience: number;
  readonly once: boolean;
}

export interface ReportedOptions {
  /** For how long a look at what was told may have been out of date, ms. */
  readonly staleMs: number;
}

const SOON_MS = 5_000;
/** Of so many differences most wait for a worker that has much to do: telling them soon again would only hold it up. */
const FEW = 1_000;
const PATIENCE_MS = 60_000;
const LONGEST_PATIENCE_MS = 15 * 60_000;
const LIMIT = 200_000;

function signatureOf(entry: Entry | null): string {
  switch (entry?.kind) {
    case undefined:
    case 'absent':
      return '-';
    case 'file': {
      const { size, mtimeNs, ctimeNs, mode, ino } = entry.stat;
      return `f${size}:${mtimeNs}:${ctimeNs}:${mode}:${ino}`;
    }
    case 'directory':
      return `d${entry.mode}:${entry.identity.ino}`;
    case 'symlink':
    case 'stub':
      return `l${entry.target}`;
    case 'other':
      return `o${entry.what}`;
    case 'unknown':
      return `u${entry.reason}`;
  }
}

export function createReported(timers: Timers, { staleMs }: ReportedOptions): Reported {
  const told = new Map<RelPath, Map<RelPath, Told>>();
  let size = 0;

  const forget = (directory: RelPath): void => {
    size -= told.get(directory)?.size ?? 0;
    told.delete(directory);
  };

  return {
    forget,
    news(directory, events, seen, someoneWaits) {
      if (size > LIMIT) {
        told.clear();
        size = 0;
      }
      const before = told.get(directory);
      const after = new Map<RelPath, Told>();
      const now = timers.now();
      const news = events.filter((event) => {
        const signature = `${event.kind}${signatureOf(seen(event.path))}`;
        const last = before?.get(event.path);
        if (last === undefined || last.signature !== signature) {
          const patience = size < FEW ? Math.max(SOON_MS, staleMs + 1_000) : PATIENCE_MS;
          after.set(event.path, { signature, at: now, patience, once: true });
          return true;
        }
        const due = now >= last.at + last.patience || (someoneWaits && last.once && now >= last.at + staleMs);
        if (!due) after.set(event.path, last);
        else {
          const patience = last.once ? PATIENCE_MS : Math.min(last.patience * 2, LONGEST_PATIENCE_MS);
          after.set(event.path, { signature, at: now, patience, once: false });
        }
        return due;
      });
      forget(directory);
      if (after.size > 0) {
        told.set(directory, after);
        size += after.size;
      }
      return news;
    },
  };
}
