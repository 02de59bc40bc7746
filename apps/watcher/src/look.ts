/** Looks at both sides again, for `lazysync wait`: what was changed before the request is in the lane after it. */
import type { HintSource, Scanner, Settle, Timers } from '@lazysync/watch';
import type { Outbox } from './outbox.ts';

export interface LookOptions {
  readonly source: Pick<HintSource, 'poll'>;
  readonly remote: Pick<HintSource, 'poll'>;
  readonly localScan: Scanner;
  readonly remoteScan: Scanner;
  readonly settle: Settle;
  readonly outbox: Outbox;
  /** For how long a listing of the remote may be out of date, ms. */
  readonly cacheMs: number;
  readonly timers: Timers;
}

export interface LookResult {
  /** Events that had to be published, and files that are in the middle of being written. 0: all is as the base says. */
  readonly published: number;
  /** null, or why not everything could be looked at. */
  readonly problem: string | null;
}

export type Look = () => Promise<LookResult>;

export function createLook(options: LookOptions): Look {
  const { source, remote, localScan, remoteScan, settle, outbox, cacheMs, timers } = options;

  const remoteTold = async (): Promise<void> => {
    try {
      await remote.poll();
    } catch {
      return; // the remote does not answer: the scan says so
    }
  };

  return async () => {
    const asked = timers.now();
    const before = outbox.pushed();
    const answer = async (problem: string | null): Promise<LookResult> => {
      const held = settle.flush();
      const published = outbox.pushed() - before + held;
      await outbox.drained();
      return { published, problem };
    };
    await Promise.all([source.poll(), remoteTold()]);
    const local = await localScan.scanNow();
    settle.flush();
    const first = await remoteScan.scanNow();
    const problem = local.problem ?? first.problem;
    // Whoever asked asks again when this is carried out: no need to wait for the mount's cache now.
    if (problem !== null || cacheMs === 0 || outbox.pushed() !== before) return await answer(problem);
    const left = asked + cacheMs - timers.now();
    if (left > 0) await new Promise<void>((resolve) => timers.after(left, resolve));
    const second = await remoteScan.scanNow();
    return await answer(second.problem);
  };
}
