/** A replica of a real folder, in this process. For a mount: inside an endpoint process only. */
import fsp from 'node:fs/promises';
import type { Anchors, Side } from '@lazysync/event-model';
import { type Clock, errnoOf } from '@lazysync/ops';
import { createDiskFs, type DiskFs } from './disk-fs.ts';
import { createMarkerCheck, isReadOnlyUuid, type MarkerOptions, prepareOwnFolder } from './markers.ts';
import { mountFacts } from './mount-facts.ts';
import { probeQuickly, probeTree } from './probe.ts';
import type { Replica, RootState, TellProgress } from './replica.ts';
import { createReplica } from './replica-on.ts';

export interface DiskReplicaOptions {
  readonly side: Side;
  /** Real paths, without symlinks in them. */
  readonly localRoot: string;
  readonly remoteRoot: string;
  /** Today's anchor first. */
  readonly anchors: () => Anchors;
  readonly clock: Clock;
  readonly progress?: TellProgress;
}

export interface DiskReplica extends Replica {
  /** The tree itself, for the hint sources that look at it from the same process. */
  readonly fs: DiskFs;
  /** A life sign of the server itself, not of a cache. `uuid` null: the marker is not known yet. */
  ping(uuid: string | null): Promise<RootState>;
}

/** Directories and looks in flight at once on a mount. */
const PARALLEL = 32;

/**
 * A remote on a disk of this host (another folder, a second disk) needs no thread pool. `mode` follows the mount table,
 * so nothing is touched here.
 */
function openTree(root: string, side: Side): { readonly fs: DiskFs; readonly quick: boolean } {
  const quick = side === 'local' || mountFacts(root).seesAllChanges;
  return { fs: createDiskFs({ root, mode: quick ? 'local' : 'mount' }), quick };
}

export function createDiskReplica(options: DiskReplicaOptions): DiskReplica {
  const { side, localRoot, remoteRoot, anchors, clock, progress } = options;
  const realRoot = side === 'local' ? localRoot : remoteRoot;
  const own = openTree(realRoot, side);
  const peer = openTree(side === 'local' ? remoteRoot : localRoot, side === 'local' ? 'remote' : 'local');
  const { fs, quick } = own;
  const markerOptions: MarkerOptions = {
    side,
    root: realRoot,
    clock,
    readOnlyId: () => {
      const { fsType, source } = mountFacts(realRoot);
      return `${fsType} ${source}`;
    },
  };
  const marker = createMarkerCheck(fs, markerOptions);
  const replica = createReplica({
    side,
    fs,
    peer: peer.fs,
    anchors,
    clock,
    parallel: quick ? 1 : PARALLEL,
    exact: quick,
    root: {
      async prepare(wish) {
        const folder = await prepareOwnFolder(fs, wish, markerOptions);
        if (folder.kind === 'refused') return folder;
        const { readOnly, uuid } = folder;
        const probing = { side, realRoot, readOnly, tag: wish.fresh, now: () => clock.now() };
        const some = wish.quick === true && !quick;
        const probe = some ? await probeQuickly(fs, probing) : await probeTree(fs, probing);
        return { kind: 'ready', uuid, probe };
      },
      check: (uuid) => marker.check(uuid),
    },
    ...(progress === undefined ? {} : { progress }),
    close: () => {
      fs.close();
      peer.fs.close();
      return Promise.resolve();
    },
  });
  const ping = async (uuid: string | null): Promise<RootState> => {
    try {
      // Reading a marker asks the server; where there is none this does, on most kinds of mounts.
      if (uuid === null || isReadOnlyUuid(uuid)) await fsp.statfs(realRoot);
    } catch (error) {
      return {
        kind: 'not-ours',
        message: `${side} (${realRoot}) does not answer: ${errnoOf(error) ?? String(error)}.`,
      };
    }
    return uuid === null ? { kind: 'ok' } : await marker.check(uuid, true);
  };
  return { ...replica, fs, ping };
}
