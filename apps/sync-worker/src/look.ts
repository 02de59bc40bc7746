/** Answers what the planner asks for: looks, contents, where a thing came from. */
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
  sameIdentity,
} from '@lazysync/event-model';
import type { Replica } from '@lazysync/replica';
import type { PairPorts } from './ports.ts';

type Building = { -readonly [K in keyof PathView]: PathView[K] };

export async function lookAt(replica: Replica, path: RelPath): Promise<Entry> {
  const [entry] = await replica.look([path]);
  return entry ?? { kind: 'unknown', reason: 'not looked at' };
}

/** null: what is there changed while it was read, or can not be read. */
async function hashOf(replica: Replica, path: RelPath, entry: Entry | undefined): Promise<string | null> {
  if (entry?.kind !== 'file') return null;
  const outcome = await replica.hash(path, entry.stat);
  return outcome.kind === 'hash' ? outcome.hash : null;
}

/** The row (or tombstone) of a thing that lies here and was known under another path. */
async function originOf(ports: PairPorts, path: RelPath, entry: Entry): Promise<Origin | null> {
  const identity = identityOf(entry);
  const known = identity === null ? [] : ports.base.withIdentity(identity).filter((row) => row.path !== path);
  for (const record of known) {
    const local = isOwn(record.path) ? ABSENT : await lookAt(ports.local, record.path);
    if (sameIdentity(identityOf(local), recordIdentity(record))) continue;
    return { record, local, remote: await lookAt(ports.remote, record.path) };
  }
  if (entry.kind !== 'stub' || entry.points === null) return null;
  return entry.points === path ? buriedAt(ports, path, entry) : pointedAt(ports, entry.points, entry);
}

/** What a stub at its own path stands for when its file is not there any more: the one in the trash. */
async function buriedAt(ports: PairPorts, path: RelPath, local: Entry): Promise<Origin | null> {
  const buried = ports.base.tombstone(path);
  const record = buried === null ? null : ports.base.get(buried);
  return record === null ? null : { record, local, remote: await lookAt(ports.remote, record.path) };
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
  if (record !== null) return { record, local, remote: await lookAt(ports.remote, record.path) };
  const remote = await lookAt(ports.remote, points);
  if (remote.kind !== 'file') return null;
  const { size, mtimeNs, mode } = remote.stat;
  // No identity of ours: it can only count as copied.
  const link = { ...entry.identity, ino: 0n };
  return { record: { kind: 'file', form: 'stub', path: points, remote: { size, mtimeNs, mode }, link }, local, remote };
}

export async function fill(ports: PairPorts, view: PathView, needs: readonly Need[]): Promise<PathView> {
  const next: Building = { ...view };
  for (const need of needs) {
    switch (need) {
      case 'local':
        next.local = await lookAt(ports.local, view.path);
        break;
      case 'remote':
        next.remote = await lookAt(ports.remote, view.path);
        break;
      case 'local-hash':
        next.localHash = await hashOf(ports.local, view.path, next.local);
        break;
      case 'remote-hash':
        next.remoteHash = await hashOf(ports.remote, view.path, next.remote);
        break;
      case 'origin':
        next.origin = next.local === undefined ? null : await originOf(ports, view.path, next.local);
        break;
      case 'children':
        next.children = ports.base.hasBelow(view.path);
        break;
    }
  }
  return next;
}
