/** Why a side can not be looked at as a whole: a line when that begins and when it ends, and a warning meanwhile. */
import type { Side } from '@lazysync/event-model';
import type { Logger } from '@lazysync/ops';
import type { Warning } from '@lazysync/queue';
import type { ScanResult } from '@lazysync/watch';

export interface ScanTrouble {
  heard(result: ScanResult): void;
  warning(): Warning | null;
}

/** `changed`: the warning is another one now. */
export function createScanTrouble(side: Side, changed: () => void, log: Logger): ScanTrouble {
  let last: string | null = null;
  return {
    heard({ problem, published }) {
      const before = last;
      last = problem;
      if (problem !== null && before === null) log.warn({ side, problem }, 'could not be scanned');
      if (problem === null && before !== null) log.info({ side }, 'is scanned again');
      if (published > 0) log.debug({ side, published }, 'a scan found changes');
      if (problem !== before) changed();
    },
    warning() {
      if (last === null) return null;
      return { message: `The ${side} folder can not be looked at (${last}); it is tried again.`, mend: null };
    },
  };
}
