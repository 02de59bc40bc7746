/**
 * Asked before every step that removes or replaces, not once per cycle: are both roots still ours, and is the root
 * that would order the removal not suddenly empty? An unmounted or swapped folder must never look like a delete.
 */

import { ROOT, type Side, type Step } from '@lazysync/event-model';
import { RemoteOffline } from '@lazysync/replica';
import { emptiedRoot, PairHeld } from './holds.ts';
import type { PairPorts } from './ports.ts';

const REMOVES: ReadonlySet<Step['kind']> = new Set(['remove', 'upload', 'dehydrate', 'move', 'hydrate']);

/** Whatever goes to the remote, too: in a folder whose mount is gone, even a new file would vanish under the next mount. */
export function isGuarded(step: Step): boolean {
  return step.side === 'remote' || REMOVES.has(step.kind);
}

export async function checkRoot(ports: PairPorts, side: Side): Promise<void> {
  const state = await ports[side].check(ports.uuids[side]);
  if (state.kind !== 'ok') throw new PairHeld(state.message, null);
}

/** More than one thing was at the top and now nothing is: a person has to say that this is meant. */
async function checkNotEmptied(ports: PairPorts, side: Side): Promise<void> {
  const hold = emptiedRoot(side);
  if (ports.base.children(ROOT).length < 2) return;
  const [listing] = await ports[side].list([{ path: ROOT }]);
  if (listing?.kind === 'unreadable') throw new RemoteOffline(`the ${side} root can not be read (${listing.reason})`);
  const empty =
    listing?.kind === 'gone' || (listing?.kind === 'listing' && listing.names.length === 0 && !listing.partial);
  if (!empty) {
    if (ports.holds.decision(hold) !== null) ports.holds.close(hold);
    return;
  }
  ports.holds.require(hold);
}

export async function guard(ports: PairPorts, step: Step): Promise<void> {
  await checkRoot(ports, 'local');
  await checkRoot(ports, 'remote');
  if (step.kind === 'remove') await checkNotEmptied(ports, step.side === 'local' ? 'remote' : 'local');
}
