/** A path's decision, with all that had to be looked at for it. */
import { planPath } from '@lazysync/action-table';
import type { Cause, Decision, PathView } from '@lazysync/event-model';
import { fill } from './look.ts';
import type { PairPorts } from './ports.ts';

export async function planned(ports: PairPorts, view: PathView, cause: Cause): Promise<readonly [Decision, PathView]> {
  let known = view;
  for (;;) {
    const decision = planPath(known, cause, ports.policy);
    if (decision.kind !== 'need') return [decision, known];
    known = await fill(ports, known, decision.what);
  }
}
