/**
 * Many small downloads at once, where somebody beside the remote's disk can pack them. Each is staged as a download of its
 * own would be, and the lane commits it; whatever does not come is left to one of its own.
 */
import type { Transfer } from '@lazysync/base';
import { ABSENT, type Step } from '@lazysync/event-model';
import { type FetchedOfPack, PACK_FILES, PACKED_SIZE, packPath, RemoteOffline } from '@lazysync/replica';
import { checkRoot } from './guards.ts';
import { PairHeld } from './holds.ts';
import { timeStep } from './mount-memory.ts';
import { type PairPorts, processTimers } from './ports.ts';
import { isRoomFor } from './room-for.ts';
import type { TransferQueue } from './transfer-queue.ts';

/** Between two packs that nothing came of, ms. */
const PAUSE_MS = 5_000;

/** By the transfers' ids. `underWay`: bytes of the downloads beside it. `left`: the pack's name is there, and not wanted any more. */
async function fetchPacked(
  ports: PairPorts,
  transfers: readonly Transfer[],
  underWay: number,
  left: (slot: string) => void,
): Promise<ReadonlyMap<string, FetchedOfPack>> {
  const stepNs = timeStep(ports);
  if (stepNs === null || ports.packs === undefined) return new Map();
  const bytes = transfers.reduce((sum, { remote }) => sum + remote.size, 0);
  if (!(await isRoomFor(ports, bytes, underWay))) return new Map();
  const slot = ports.slot();
  const request = { slot, files: transfers.map(({ id, path }) => ({ slot: id, path })) };
  await checkRoot(ports, 'remote');
  // ORDER: known before it is there, as what is only to be removed: after a crash nobody needs it.
  const step: Step = { kind: 'remove', side: 'remote', path: packPath(slot), expected: ABSENT };
  ports.base.record([], [], [], ports.now(), [{ slot, side: 'remote', step, at: ports.now() }]);
  try {
    if ((await ports.remote.makeEmptyPack(slot)) !== null) return new Map();
    const answer = await ports.packs.pack(request);
    if (answer?.kind !== 'packed') return new Map();
    const fetched = await ports.remote.fetchPack(request, { stepNs, bytes });
    return new Map(fetched.map((one) => [one.slot, one]));
  } finally {
    left(slot);
  }
}

export interface Packing {
  /** It may come in a pack, when the one that is on its way is over. */
  readonly waits: (id: string) => boolean;
  /** Begins one if there are enough for it, unless one is on its way or none has come lately. */
  begin(): void;
}

export interface PackingHooks {
  readonly isOpen: () => boolean;
  readonly transferOf: (id: string) => Transfer | undefined;
  readonly fits: (id: string) => boolean;
  /** null: it was not in the pack. */
  readonly came: (id: string, one: FetchedOfPack | null) => void;
  /** No pack came: it waits for its turn again. */
  readonly putOff: (id: string) => void;
  /** The name of a pack that nobody wants any more is there. */
  readonly left: (slot: string) => void;
  readonly begun: (task: Promise<void>) => void;
  readonly over: (task: Promise<void>) => void;
}

/** null: nobody packs. */
export function createPacking(
  ports: PairPorts,
  queue: Pick<TransferQueue, 'together' | 'takeTogether' | 'bytes'>,
  hooks: PackingHooks,
): Packing | null {
  const { packs } = ports;
  const timers = ports.timers ?? processTimers;
  // Under a limit all that matters is whose turn it is.
  if (packs === undefined || Number.isFinite(ports.limit.down)) return null;
  let busy = false;
  let notBefore = Number.NEGATIVE_INFINITY;

  const fits = (id: string): boolean => {
    const transfer = hooks.transferOf(id);
    if (transfer === undefined || transfer.part != null || !hooks.fits(id)) return false;
    return transfer.remote.size <= PACKED_SIZE;
  };

  async function fetchTogether(ids: readonly string[]): Promise<void> {
    const transfers = ids.flatMap((id) => hooks.transferOf(id) ?? []);
    let fetched: ReadonlyMap<string, FetchedOfPack> = new Map();
    try {
      fetched = await fetchPacked(ports, transfers, queue.bytes, hooks.left);
    } catch (error) {
      // Whatever is the matter with the remote is found out by downloads of their own, too.
      if (!(error instanceof RemoteOffline || error instanceof PairHeld)) throw error;
    } finally {
      if (fetched.size === 0) notBefore = timers.now() + PAUSE_MS;
      for (const id of ids) {
        // Dropped meanwhile: nobody wants it any more.
        if (hooks.transferOf(id) === undefined) continue;
        if (fetched.size === 0) hooks.putOff(id);
        else hooks.came(id, fetched.get(id) ?? null);
      }
    }
  }

  async function packIfServed(): Promise<void> {
    if (!(await packs?.served())) {
      notBefore = timers.now() + PAUSE_MS;
      return;
    }
    const ids = hooks.isOpen() ? queue.takeTogether(PACK_FILES, fits) : [];
    if (ids.length > 0) await fetchTogether(ids);
  }

  return {
    waits: (id) => busy && fits(id),
    begin() {
      if (busy || !hooks.isOpen() || timers.now() < notBefore) return;
      if (queue.together(packs.fewest, fits).length < packs.fewest) return;
      busy = true;
      const task = packIfServed()
        .catch((error: unknown) => ports.log('error', 'downloads in a pack failed', { err: error }))
        .finally(() => {
          busy = false;
          hooks.over(task);
        });
      hooks.begun(task);
    },
  };
}
