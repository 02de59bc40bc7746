/** A replica over any FsPort: the one in this process, the one in an endpoint, and the simulation's are the same code. */
import { type Anchors, OWN_FOLDER, type RelPath, ROOT, type StagedPart, type StepOutcome } from '@lazysync/event-model';
import type { Clock } from '@lazysync/ops';
import { look, mapParallel, throwIfLost } from './entry-of.ts';
import { type FetchSteps, fetchFile, LeftOff } from './fetch.ts';
import { forgetListings } from './forget-listings.ts';
import { freshLook } from './fresh-look.ts';
import type { FsPort, RawStat } from './fs-port.ts';
import { hashFile } from './hash.ts';
import { leaveBehind, stagedNames } from './left-behind.ts';
import { list } from './listing.ts';
import { makeStubs, stubsTogether } from './make-many.ts';
import { createPacer } from './pacer.ts';
import { fetchPack } from './pack-downloads.ts';
import { makeEmptyPack } from './pack-file.ts';
import { packUploads, withdrawPack } from './pack-uploads.ts';
import { recover } from './recover.ts';
import { removeTree } from './remove-tree.ts';
import type { Replica, TellProgress } from './replica.ts';
import { makeStageFolders } from './stage-file.ts';
import { stageFolder } from './stage-folder.ts';
import { stageUpload } from './stage-upload.ts';
import { transition } from './transition.ts';
import { dropName, failure, stagePath, type TreeContext, uploadStagePath } from './tree-context.ts';

export interface ReplicaOptions {
  readonly side: Replica['side'];
  readonly fs: FsPort;
  /** The other side's tree: read for uploads, staged into by fetches. */
  readonly peer: FsPort;
  /** Today's anchor first. */
  readonly anchors: () => Anchors;
  readonly clock: Clock;
  /** Calls in flight at once. */
  readonly parallel: number;
  /** Inodes and ctimes mean something here. */
  readonly exact: boolean;
  /** The root's marker and what its file system can do. */
  readonly root: Pick<Replica, 'prepare' | 'check'>;
  readonly progress?: TellProgress;
  /** Of transfers; left out: what suits a mount. */
  readonly steps?: FetchSteps;
  readonly close: () => Promise<void>;
}

interface Fetching {
  readonly over: AbortController;
  /** The version that is read; null: it is not open yet. */
  version: RawStat | null;
}

export function createReplica(options: ReplicaOptions): Replica {
  const { side, fs, peer, anchors, clock, parallel, exact } = options;

  const down = createPacer(clock);
  const fetching = new Map<string, Fetching>();
  const up = createPacer(clock);

  async function context(): Promise<TreeContext> {
    const today = anchors()[0];
    if (today === undefined) throw new Error('no anchor is known');
    const lookAt = async (path: string) => {
      const [entry] = await look(fs, [path as RelPath], { anchors: anchors(), parallel: 1 });
      return entry ?? ({ kind: 'unknown', reason: 'not looked at' } as const);
    };
    const moved = async (slot: string, bytes: number, done: number, limit?: number): Promise<void> => {
      options.progress?.(slot, done);
      if (limit !== undefined) await up.moved(bytes, limit);
    };
    const kept = (slot: string, part: StagedPart): void => options.progress?.(slot, part.bytes, part);
    const part = options.steps === undefined ? {} : { part: options.steps.part };
    return { side, fs, peer, moved, kept, look: lookAt, anchor: today, now: () => clock.now(), ...part };
  }

  return {
    side,
    prepare: options.root.prepare,
    check: options.root.check,
    look: (paths) => look(fs, paths, { anchors: anchors(), parallel }),
    freshLook: (paths) => freshLook(fs, paths, { anchors: anchors(), parallel }),
    list: (queries) => list(fs, queries, { anchors: anchors(), parallel, exact }),
    hash: (path, expected) => hashFile(fs, path, expected, { side, anchors: anchors() }),
    makeRoom: () => makeStageFolders(fs),
    stage: async (order) => stageUpload(await context(), order),
    stageFolder: async (under, mode) => stageFolder(await context(), under, mode),
    pack: async (slot, orders, wish) => packUploads(await context(), slot, orders, wish),
    forgetListings: (folders) => forgetListings(fs, folders, parallel),
    withdraw: (slot) => withdrawPack({ fs }, slot),
    carryOut: async (orders) => {
      const it = await context();
      const outcomes: StepOutcome[] = [];
      for (let at = 0; at < orders.length; ) {
        const together = stubsTogether(orders, at);
        const some = orders.slice(at, at + Math.max(together, 1));
        const made = together > 1 ? await makeStubs(it, some) : [null];
        for (const [i, order] of some.entries()) outcomes.push(made[i] ?? (await transition(it, order)));
        at += some.length;
      }
      return outcomes;
    },
    recover: async (orders) => {
      const it = await context();
      const outcomes = [];
      for (const order of orders) outcomes.push(await recover(it, order));
      return outcomes;
    },
    leaveOff: async (slot, unless) => {
      const one = fetching.get(slot);
      const { version = null } = one ?? {};
      if (unless !== null && version?.size === unless.size && version.mtimeNs === unless.mtimeNs) return;
      one?.over.abort(new LeftOff());
    },
    fetch: async (order) => {
      const progress = options.progress;
      const one: Fetching = { over: new AbortController(), version: null };
      fetching.set(order.slot, one);
      const fetched = fetchFile(order, {
        remote: fs,
        local: peer,
        anchors: anchors(),
        clock,
        pacer: down,
        ...(options.steps === undefined ? {} : { steps: options.steps }),
        progress: (bytes, part) => progress?.(order.slot, bytes, part),
        signal: one.over.signal,
        begun: (version) => {
          one.version = version;
        },
      });
      return fetched.finally(() => fetching.delete(order.slot));
    },
    makeEmptyPack: async (slot) => {
      try {
        await makeEmptyPack(fs, slot);
        return null;
      } catch (error) {
        throwIfLost(error);
        return failure(error, side, ROOT).problem;
      }
    },
    fetchPack: (request, { stepNs }) => fetchPack({ remote: fs, local: peer }, request, stepNs),
    discard: async (slots) => {
      const placeOf = side === 'remote' ? uploadStagePath : stagePath;
      await mapParallel(slots, parallel, (slot) => dropName(fs, placeOf(slot)));
    },
    stagedNames: () => stagedNames(fs),
    leaveBehind: async (paths) => leaveBehind(await context(), paths),
    purge: async (slots) => {
      for (const slot of slots) await removeTree(fs, `${OWN_FOLDER}/trash/${slot}`);
    },
    close: options.close,
  };
}
