/** A path's decision, with all that had to be looked at for it. */
import { planPath } from '@lazysync/action-table';
import { ABSENT, type Cause, type Decision, type Entry, type PathView } from '@lazysync/event-model';
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

export interface Plan {
  readonly decision: Decision;
  readonly view: PathView;
  /** What a look at the remote will say; undefined: the view has it. */
  readonly asked?: Promise<Entry>;
}

/**
 * `asked`: a look at the remote is still under way. What is new in local is planned as if its name were free there, and its
 * content can be staged before the look says so; whatever else it comes to is planned from what the look says.
 */
export async function plannedFrom(
  ports: PairPorts,
  view: PathView,
  cause: Cause,
  asked: Promise<Entry> | undefined,
): Promise<Plan> {
  if (asked === undefined) {
    const [decision, known] = await planned(ports, view, cause);
    return { decision, view: known };
  }
  const [decision, seen] = await planned(ports, { ...view, remote: ABSENT }, cause);
  const { kind } = decision;
  const stages = kind === 'step' && decision.step.kind === 'upload' && decision.step.source.size <= ports.inlineLimit;
  if (stages && decision.step.expected.kind === 'absent') return { decision, view: seen, asked };
  const [certain, known] = await planned(ports, { ...view, remote: await asked }, cause);
  return { decision: certain, view: known };
}
