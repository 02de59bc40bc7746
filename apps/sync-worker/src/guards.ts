/**
 * Asked before every step that removes or replaces, not once per cycle: are both roots still ours, and is the root
 * that would order the removal not suddenly empty? An unmounted or swapped folder must never look like a delete.
 */

import { ROOT, type Side, type Step } from '@lazysync/event-model';
import { RemoteOffline } from '@lazysync/replica';
import { PairHeld, type PairPorts } from './ports.ts';

const REMOVES: ReadonlySet<Step['kind']> = new Set(['remove', 'upload', 'dehydrate', 'move', 'hydrate']);

export function isGuarded(step: Step): boolean {
  return REMOVES.has(step.kind);
}

async function checkRoot(ports: PairPorts, side: Side): Promise<void> {
  const state = await ports[side].check(ports.uuids[side]);
  if (state.kind !== 'ok') throw new PairHeld(state.message);
}

/** More than one thing was at the top and now nothing is: held, a person has to say that this is meant. */
async function checkNotEmptied(ports: PairPorts, side: Side): Promise<void> {
  if (ports.base.children(ROOT).length < 2) return;
  const [listing] = await ports[side].list([{ path: ROOT }]);
  if (listing?.kind === 'unreadable') throw new RemoteOffline(`the ${side} root can not be read (${listing.reason})`);
  if (listing?.kind === 'gone' || (listing?.kind === 'listing' && listing.names.length === 0 && !listing.partial)) {
    throw new PairHeld(
      `The ${side} folder is suddenly empty: nothing is removed until \`lazysync approve\` says that this is meant.`,
    );
  }
}

export async function guard(ports: PairPorts, step: Step): Promise<void> {
  await checkRoot(ports, 'local');
  await checkRoot(ports, 'remote');
  if (step.kind === 'remove') await checkNotEmptied(ports, step.side === 'local' ? 'remote' : 'local');
}
