/** The transfers of a pair as `status` shows them: what runs first, and no more of them than somebody wants to read. */
import type { Transfer } from '@lazysync/base';

/** One copy of bytes that is under way. */
export interface TransferStatus {
  readonly path: string;
  /** `down`: from the remote to local. */
  readonly direction: 'down' | 'up';
  /** `queued`: waits for its turn. `staged`: all of it is there, and the queue is to put it in its place. */
  readonly state: Transfer['state'];
  /** Moved so far. */
  readonly bytes: number;
  /** In all. */
  readonly size: number;
}

/** So many are listed; `transfers` counts all. */
const LISTED = 100;
const RANK = { running: 0, staged: 1, queued: 2 } as const;

export function transferListOf(transfers: readonly Transfer[]): readonly TransferStatus[] {
  return transfers
    .toSorted((a, b) => RANK[a.state] - RANK[b.state])
    .slice(0, LISTED)
    .map(({ path, state, bytes, remote, up }) => ({
      path,
      direction: up === undefined ? 'down' : 'up',
      state,
      bytes,
      size: remote.size,
    }));
}
