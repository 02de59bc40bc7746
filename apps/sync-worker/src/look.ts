/** Answers what the planner asks for: looks, contents, where a thing came from. */
import { sameFingerprint } from '@lazysync/action-table';
import {
  ABSENT,
  type BaseRecord,
  type Entry,
  identityOf,
  isOwn,
  type Need,
  type Origin,
  type PathView,
  type RelPath,
  recordIdentity,
  type Side,
  sameIdentity,
} from '@lazysync/event-model';
import type { Replica } from '@lazysync/replica';
import { openAt } from './journal.ts';
import type { PairPorts } from './ports.ts';

type Building = { -readonly [K in keyof PathView]: PathView[K] };

export async function lookAt(replica: Replica, path: RelPath): Promise<Entry> {
  const [entry] = await replica.look([path]);
  return entry ?? { kind: 'unknown', reason: 'not looked at' };
}

interface Hashed {
  /** As the open file showed itself: a mount may have shown an older one. */
  readonly entry: Entry | undefined;
  /** null: what is there changes while it is read, or can not be read. */
  readonly hash: string | null;
}

async function hashOf(replica: Replica, path: RelPath, seen: Entry | undefined): Promise<Hashed> {
  let entry = seen;
  for (let tries = 0; tries < 2 && entry?.kind === 'file'; tries++) {
    const outcome = await replica.hash(path, entry.stat);
    if (outcome.kind === 'hash') return { entry: { kind: 'file', stat: outcome.stat }, hash: outcome.hash };
    if (outcome.kind === 'failed') break;
    entry = outcome.saw;
  }
  return { entry, hash: null };
}

/**
 * The remote at an origin's path. CRASH: a step there that could neither be finished nor undone may have taken the file
 * out for the moment: that is not "deleted".
 */
async function lookAtOrigin(ports: PairPorts, path: RelPath): Promise<Entry> {
  if (openAt(ports.base, path).some(({ side }) => side === 'remote'))
    return { kind: 'unknown', reason: 'a step there is not over yet' };
  return lookAt(ports.remote, path);
}

/** The row (or tombstone) of a thing that lies here and was known under another path. */
async function originOf(ports: PairPorts, path: RelPath, entry: Entry): Promise<Origin | null> {
  const identity = identityOf(entry);
  const known = identity === null ? [] : ports.base.withIdentity(identity).filter((row) => row.path !== path);
  for (const record of known) {
    const local = isOwn(record.path) ? ABSENT : await lookAt(ports.local, record.path);
    if (sameIdentity(identityOf(local), recordIdentity(record))) continue;
    return { record, local, remote: await lookAtOrigin(ports, record.path) };
  }
  if (entry.kind !== 'stub' || entry.points === null) return null;
  return entry.points === path ? buriedAt(ports, path, entry) : pointedAt(ports, entry.points, entry);
}

/**
 * Asked for each new thing on the remote, whether some row may know it by another name: nearly always none, and then
 * nothing has to be looked at. `entries`: those that will be asked for.
 */
export function newToRemote(
  ports: Pick<PairPorts, 'base' | 'policy'>,
  entries: Iterable<Entry | undefined>,
): (entry: Entry | undefined) => boolean {
  if (ports.policy.remoteIdentities !== true) return () => true;
  const inodes: bigint[] = [];
  for (const entry of entries) {
    const identity = identityOf(entry ?? ABSENT);
    if (identity !== null) inodes.push(identity.ino);
  }
  const known = ports.base.remoteInodesKnown(inodes);
  return (entry) => {
    const identity = identityOf(entry ?? ABSENT);
    return identity === null || !known.has(identity.ino);
  };
}

async function remoteOriginOf(ports: PairPorts, path: RelPath, entry: Entry): Promise<Origin | null> {
  const identity = identityOf(entry);
  const known = identity === null ? [] : ports.base.withRemoteIdentity(identity).filter((row) => row.path !== path);
  // Two names of one file: which of them was moved can not be told.
  const [record, another] = known;
  if (record === undefined || another !== undefined) return null;
  const [local, remote] = await Promise.all([lookAt(ports.local, record.path), lookAtOrigin(ports, record.path)]);
  return { record: await comparedIfRacy(ports, record, local), local, remote };
}

/** The row of a copy that was written right before it was written down counts once its content was compared. */
async function comparedIfRacy(ports: PairPorts, record: BaseRecord, local: Entry): Promise<BaseRecord> {
  if (record.kind !== 'file' || record.form !== 'copy' || !record.racy || local.kind !== 'file') return record;
  const compared = { ...record, racy: false };
  if (!sameFingerprint(compared, local.stat)) return record;
  const { hash } = await hashOf(ports.local, record.path, local);
  return hash === record.hash ? compared : record;
}

/** What a stub at its own path stands for when its file is not there any more: the one in the trash. */
async function buriedAt(ports: PairPorts, path: RelPath, local: Entry): Promise<Origin | null> {
  const buried = ports.base.tombstone(path);
  const record = buried === null ? null : ports.base.get(buried);
  return record === null ? null : { record, local, remote: await lookAtOrigin(ports, record.path) };
}

/** What a copied stub stands for: the row at the path it leads to, the tombstone of it, or a file nobody knows yet. */
async function pointedAt(
  ports: PairPorts,
  points: RelPath,
  entry: Extract<Entry, { kind: 'stub' }>,
): Promise<Origin | null> {
  const row = ports.base.get(points);
  const buried = row === null ? ports.base.tombstone(points) : null;
  const record: BaseRecord | null = row ?? (buried === null ? null : ports.base.get(buried));
  const local = await lookAt(ports.local, points);
  if (record !== null) return { record, local, remote: await lookAtOrigin(ports, record.path) };
  const remote = await lookAtOrigin(ports, points);
  if (remote.kind !== 'file') {
    // RACE: removed in remote and moved in local at once: its row may go before the stub is seen at its new path. What
    // we never dealt with is another matter.
    const wasKnown = remote.kind === 'absent' && ports.base.acts({ path: points, limit: 1 }).length > 0;
    const onlyPath = { kind: 'residual', path: points, side: 'local', why: 'a stub leads here' } as const;
    return wasKnown || remote.kind === 'unknown' ? { record: onlyPath, local, remote } : null;
  }
  const { size, mtimeNs, mode } = remote.stat;
  // No identity of ours: it can only count as copied.
  const link = { ...entry.identity, ino: 0n };
  return { record: { kind: 'file', form: 'stub', path: points, remote: { size, mtimeNs, mode }, link }, local, remote };
}

export async function fill(ports: PairPorts, view: PathView, needs: readonly Need[]): Promise<PathView> {
  const next: Building = { ...view };
  const hash = async (side: Side, field: 'localHash' | 'remoteHash'): Promise<void> => {
    const hashed = await hashOf(ports[side], view.path, next[side]);
    if (hashed.entry !== undefined) next[side] = hashed.entry;
    next[field] = hashed.hash;
  };
  for (const need of needs) {
    switch (need) {
      case 'local':
        next.local = await lookAt(ports.local, view.path);
        break;
      case 'remote':
        next.remote = await lookAt(ports.remote, view.path);
        break;
      case 'local-hash':
        await hash('local', 'localHash');
        break;
      case 'remote-hash':
        await hash('remote', 'remoteHash');
        break;
      case 'origin':
        next.origin = next.local === undefined ? null : await originOf(ports, view.path, next.local);
        break;
      case 'remote-origin':
        next.remoteOrigin = next.remote === undefined ? null : await remoteOriginOf(ports, view.path, next.remote);
        break;
      case 'children':
        next.children = ports.base.hasAgreedBelow(view.path);
        break;
    }
  }
  return next;
}
