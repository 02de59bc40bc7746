/** First of all after a start: what a crash left half done is finished and written down, or undone. */
import { changesAfter } from '@lazysync/action-table';
import type { Intent } from '@lazysync/base';
import type { BaseChange, PathView, StagedContent, Step } from '@lazysync/event-model';
import { checkRoot } from './guards.ts';
import { countOpenReplace } from './journal.ts';
import { lookAt } from './look.ts';
import { undoPack } from './packed-uploads.ts';
import type { PairPorts } from './ports.ts';

function stagedContent(ports: PairPorts, intent: Intent): StagedContent | null {
  if (intent.step.kind !== 'hydrate') return null;
  const { transfer } = intent.step;
  const row = ports.base.transfers().find((one) => one.id === transfer);
  if (row?.staged == null) return null;
  const { stat, hash, remote } = row.staged;
  return { transfer, path: row.path, remote, staged: stat, hash };
}

/** Finished by names put over names, as far as can be told afterwards: next to a disk they are exchanged. */
function wasOpen(ports: PairPorts, step: Step): boolean {
  const replaces = step.kind === 'upload' && step.expected.kind === 'file' && step.capture !== true;
  return replaces && ports.policy.remoteIdentities !== true;
}

/** False: neither finished nor undone yet; the journal keeps it, and the problem is written down. */
export async function replayIntent(ports: PairPorts, intent: Intent): Promise<boolean> {
  const { base } = ports;
  const { step, slot, packed } = intent;
  if (packed !== undefined) {
    await undoPack(ports, packed);
    ports.log('info', 'a pack that a crash left was withdrawn', { pack: packed });
    return true;
  }
  await checkRoot(ports, step.side);
  const [recovered] = await ports[step.side].recover([
    intent.staged === undefined ? { slot, step } : { slot, step, staged: intent.staged },
  ]);
  if (recovered?.kind === 'failed') {
    base.putProblem(recovered.problem, ports.now());
    return false;
  }
  let changes: readonly BaseChange[] = [];
  if (recovered?.kind === 'finished' && recovered.outcome.kind === 'done') {
    const local = await lookAt(ports.local, step.path);
    const remote = await lookAt(ports.remote, step.path);
    const view: PathView = { path: step.path, base: base.get(step.path), local, remote };
    changes = changesAfter(
      { step, ...recovered.outcome },
      view,
      stagedContent(ports, intent),
      BigInt(ports.now()) * 1_000_000n,
    );
  }
  // ORDER: asked again: what was unmounted in the middle of this looks as if nothing had ever been begun.
  await checkRoot(ports, step.side);
  base.record(changes, [slot]);
  if (recovered?.kind === 'finished' && wasOpen(ports, step)) countOpenReplace(base);
  ports.log('info', 'a step that a crash left was replayed', {
    step: step.kind,
    path: step.path,
    came: recovered?.kind,
  });
  return true;
}

/** What can not be finished or undone now holds up only its own paths: they are not planned before it is. */
export async function replayJournal(ports: PairPorts): Promise<number> {
  const intents = ports.base.intents();
  for (const intent of intents) {
    // With the first of a pack all of it is undone.
    const isOpen = intent.packed === undefined || ports.base.intents().some(({ slot }) => slot === intent.slot);
    if (isOpen) await replayIntent(ports, intent);
  }
  return intents.length;
}
