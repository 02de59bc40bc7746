/**
 * Has what the base knows of a file changed while it is downloaded? The lane has the last word when it commits; this spares
 * bytes that would come in vain.
 */
import type { Base } from '@lazysync/base';
import { type RelPath, type RemotePrint, samePrint } from '@lazysync/event-model';

export interface RowWatch {
  /** The remote's version as the base has it, if it is another than when it was last asked for; null: the file is gone. */
  changed(id: string, path: RelPath): { readonly now: RemotePrint | null } | null;
  forget(id: string): void;
}

export function createRowWatch(base: Pick<Base, 'get'>): RowWatch {
  const known = new Map<string, RemotePrint>();
  return {
    changed(id, path) {
      const row = base.get(path);
      const before = known.get(id);
      const now = row?.kind === 'file' ? row.remote : null;
      if (now !== null) known.set(id, now);
      // Of what is new, the row may come a moment later than the wish.
      if (before === undefined || (now !== null && samePrint(before, now))) return null;
      return { now };
    },
    forget: (id) => void known.delete(id),
  };
}
