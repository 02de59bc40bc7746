/** Stubs of a first mirror come by the thousand: they are made in one go where the file system offers it. */
import { ARMED_ATIME_NS, nameOf, parentOf, type RelPath, type StepOutcome, stubTarget } from '@lazysync/event-model';
import { linkEntry } from './entry-of.ts';
import { FsError, type NewLink } from './fs-port.ts';
import type { Order } from './replica.ts';
import type { TreeContext } from './tree-context.ts';

/** How many of the orders from `at` on make stubs. */
export function stubsTogether(orders: readonly Order[], at: number): number {
  let end = at;
  while (orders[end]?.step.kind === 'make-stub') end++;
  return end - at;
}

/** null for each one that did not work out at once: it is made by itself, which tells what is the matter. */
export async function makeStubs(it: TreeContext, orders: readonly Order[]): Promise<readonly (StepOutcome | null)[]> {
  if (it.fs.makeLinks === undefined) return orders.map(() => null);
  const folders: { readonly folder: RelPath; readonly links: NewLink[] }[] = [];
  const targets: string[] = [];
  for (const { step } of orders) {
    const folder = parentOf(step.path);
    const target = stubTarget(it.anchor, step.path);
    if (folders.at(-1)?.folder !== folder) folders.push({ folder, links: [] });
    folders.at(-1)?.links.push({ name: nameOf(step.path), target });
    targets.push(target);
  }
  try {
    const seen = await it.fs.makeLinks(folders, ARMED_ATIME_NS);
    return seen.map((stat, at) => {
      const target = targets[at];
      if (typeof stat === 'string' || stat.kind !== 'symlink' || target === undefined) return null;
      return { kind: 'done', after: linkEntry(target, stat, [it.anchor]) };
    });
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    return orders.map(() => null);
  }
}
