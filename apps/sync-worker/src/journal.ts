/**
 * What steps that are at work together write into the base goes into one transaction: a commit costs more than what is
 * in it. Each waits until its own part is written: what is to be known before an act, and what came of it.
 */
import type { Act, Base, Intent } from '@lazysync/base';
import type { BaseChange, RelPath } from '@lazysync/event-model';
import { type PairPorts, processTimers } from './ports.ts';

export interface Journal {
  begin(intent: Intent): Promise<void>;
  record(
    changes: readonly BaseChange[],
    cleared: readonly string[],
    acts: readonly Act[],
    over: readonly Intent[],
  ): Promise<void>;
}

interface Entry {
  readonly write: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export function createJournal(ports: PairPorts): Journal {
  const { base } = ports;
  const timers = ports.timers ?? processTimers;
  let entries: Entry[] = [];

  function flush(): void {
    const all = entries;
    entries = [];
    try {
      base.together(() => {
        for (const { write } of all) write();
      });
    } catch (error) {
      for (const { reject } of all) reject(error);
      return;
    }
    for (const { resolve } of all) resolve();
  }

  function written(write: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (entries.length === 0) timers.soon(flush);
      entries.push({ write, resolve, reject });
    });
  }

  return {
    begin: (intent) => written(() => base.begin([intent])),
    record: async (changes, cleared, acts, over) => {
      if ([changes, cleared, acts, over].every(({ length }) => length === 0)) return;
      await written(() => base.record(changes, cleared, acts, ports.now(), over));
    },
  };
}

/** A replace in which a save of another host would not have been seen. */
export function countOpenReplace(base: Pick<Base, 'meta' | 'setMeta'>): void {
  base.setMeta('open-replaces', String(Number(base.meta('open-replaces') ?? 0) + 1));
}

/** Steps at this path, or out of it, that are begun and neither finished nor undone. */
export function openAt(base: Pick<Base, 'intents'>, path: RelPath): readonly Intent[] {
  return base.intents().filter(({ step }) => step.path === path || (step.kind === 'move' && step.from === path));
}
