/**
 * Asked before every step that removes or replaces, not once per cycle: are both roots still ours, and is the root
 * that would order the removal not suddenly empty? An unmounted or swapped folder must never look like a delete.
 */

import { type RelPath, ROOT, type Side, type Step } from '@lazysync/event-model';
import { RemoteOffline, type Replica, type RootState } from '@lazysync/replica';
import { EmptyingRejected, emptiedRoot, PairHeld } from './holds.ts';
import { lookAt } from './look.ts';
import type { PairPorts } from './ports.ts';

const REMOVES: ReadonlySet<Step['kind']> = new Set(['remove', 'upload', 'dehydrate', 'move', 'hydrate']);

/** Whatever goes to the remote, too: in a folder whose mount is gone, even a new file would vanish under the next mount. */
export function isGuarded(step: Step): boolean {
  return step.side === 'remote' || REMOVES.has(step.kind);
}

interface Asking {
  readonly now: Promise<RootState>;
  next: Promise<RootState> | null;
}

const asking = new WeakMap<Replica, Asking>();

/**
 * Steps that are at work together share a look at the marker, but only one that began after they had asked: whoever comes
 * while one is under way gets the next.
 */
function check(replica: Replica, uuid: string): Promise<RootState> {
  const begin = (): Promise<RootState> => {
    const one: Asking = { now: replica.check(uuid), next: null };
    asking.set(replica, one);
    const over = (): void => {
      if (asking.get(replica) === one && one.next === null) asking.delete(replica);
    };
    one.now.then(over, over);
    return one.now;
  };
  const under = asking.get(replica);
  if (under === undefined) return begin();
  under.next ??= under.now.then(begin, begin);
  return under.next;
}

export async function checkRoot(ports: PairPorts, side: Side): Promise<void> {
  const state = await check(ports[side], ports.uuids[side]);
  if (state.kind !== 'ok') throw new PairHeld(state.message, null);
}

/** Below this many entries in all, a lone folder at the top may be deleted like any other. */
const FEW = 20;
/** A name at the top that was there the last time: while it is, the root is not empty, and need not be listed. */
const witnesses = new WeakMap<Replica, RelPath>();

/** Is there so much at the top that a person has to say yes before all of it goes? */
function isMuch(ports: PairPorts): boolean {
  const [first, ...more] = ports.base.page(ROOT, { limit: 16 }).filter((row) => row.kind !== 'residual');
  if (first === undefined || more.length > 0) return first !== undefined;
  return first.kind === 'directory' && ports.base.counts().entries > FEW;
}

/** Steps that are at work together do not all list a root at the same time: one does, and the others see its witness. */
const listings = new WeakMap<Replica, Promise<unknown>>();

async function seesWitness(replica: Replica): Promise<boolean> {
  const witness = witnesses.get(replica);
  if (witness === undefined) return false;
  const { kind } = await lookAt(replica, witness);
  return kind !== 'absent' && kind !== 'unknown';
}

async function isEmpty(ports: PairPorts, side: Side): Promise<boolean> {
  const replica = ports[side];
  if (await seesWitness(replica)) return false;
  for (let under = listings.get(replica); under !== undefined; under = listings.get(replica)) {
    await Promise.allSettled([under]);
    if (await seesWitness(replica)) return false;
  }
  const asked = listRoot(ports, side);
  listings.set(replica, asked);
  try {
    return await asked;
  } finally {
    listings.delete(replica);
  }
}

async function listRoot(ports: PairPorts, side: Side): Promise<boolean> {
  const replica = ports[side];
  const [listing] = await replica.list([{ path: ROOT }]);
  if (listing?.kind === 'unreadable') throw new RemoteOffline(`the ${side} root can not be read (${listing.reason})`);
  if (listing?.kind !== 'listing') return listing?.kind === 'gone';
  // What is never synced does not count: it was not in the base either.
  const synced = listing.names.filter(
    ({ name, entry }) =>
      !ports.ignored(name as RelPath, entry.kind === 'directory') &&
      ports.base.get(name as RelPath)?.kind !== 'residual',
  );
  const [first] = synced;
  if (first !== undefined) witnesses.set(replica, first.name as RelPath);
  return synced.length === 0 && !listing.partial;
}

/** There was something at the top and now nothing is: a person has to say that this is meant. */
async function checkNotEmptied(ports: PairPorts, side: Side): Promise<void> {
  const hold = emptiedRoot(side);
  if (!(await isEmpty(ports, side))) {
    if (ports.holds.decision(hold) !== null) ports.holds.close(hold);
  } else if (isMuch(ports) && ports.holds.require(hold) === 'reject') throw new EmptyingRejected(hold);
}

/** The yes for an emptied root was for what was there then: the next time it is asked for again. */
export function forgetEmptied(ports: PairPorts): void {
  const decided = (['local', 'remote'] as const).map(emptiedRoot).filter((hold) => ports.holds.decision(hold) !== null);
  if (decided.length > 0 && !isMuch(ports)) for (const hold of decided) ports.holds.close(hold);
}

export async function guard(ports: PairPorts, step: Step): Promise<void> {
  await checkRoot(ports, 'local');
  await checkRoot(ports, 'remote');
  if (step.kind === 'remove') await checkNotEmptied(ports, step.side === 'local' ? 'remote' : 'local');
}
