/** Stubs of a first mirror come by the thousand: those of one folder are made in one go where the file system offers it. */
import { ARMED_ATIME_NS, nameOf, parentOf, type RelPath, type StepOutcome, stubTarget } from '@lazysync/event-model';
import { linkEntry } from './entry-of.ts';
import { FsError } from './fs-port.ts';
import type { Order } from './replica.ts';
import type { TreeContext } from './tree-context.ts';

/** How many of the orders from `at` on make stubs in one folder. */
export function stubsTogether(orders: readonly Order[], at: number): number {
  const first = orders[at]?.step;
  if (first?.kind !== 'make-stub') return 0;
  const folder = parentOf(first.path);
  let end = at + 1;
  while (end < orders.length) {
    const step = orders[end]?.step;
    if (step?.kind !== 'make-stub' || parentOf(step.path) !== folder) break;
    end++;
  }
  return end - at;
}

/** null for each one that did not work out at once: it is made by itself, which tells what is the matter. */
export async function makeStubs(it: TreeContext, orders: readonly Order[]): Promise<readonly (StepOutcome | null)[]> {
  const paths: RelPath[] = orders.map(({ step }) => step.path);
  const links = paths.map((path) => ({ name: nameOf(path), target: stubTarget(it.anchor, path) }));
  if (it.fs.makeLinks === undefined) return paths.map(() => null);
  try {
    const seen = await it.fs.makeLinks(parentOf(paths[0] as RelPath), links, ARMED_ATIME_NS);
    return seen.map((stat, at) => {
      const link = links[at];
      if (typeof stat === 'string' || stat.kind !== 'symlink' || link === undefined) return null;
      return { kind: 'done', after: linkEntry(link.target, stat, [it.anchor]) };
    });
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    return paths.map(() => null);
  }
}
