/**
 * Does it matter for the end how many paths are at work together? The same history, played with several widths: people
 * act in bursts between which everything comes to rest, so that only the worker's own order can make a difference.
 */
import { carriedTarget } from '@lazysync/action-table';
import type { RelPath } from '@lazysync/event-model';
import fc from 'fast-check';
import { isOwnPath } from './census.ts';
import { comeToRest } from './checks.ts';
import type { Client } from './client.ts';
import { type History, histories, type Limits, tell } from './history.ts';
import type { Tree } from './tree.ts';
import { createWorld, type RunningWorld } from './world.ts';

/** Actions of one burst: all of them before the worker hears of any. */
const BURST = 4;

/** A conflict file's name tells when it was made, and that may be some calls earlier or later. */
function nameOf(path: string): string {
  return path.replaceAll(/\(conflict \d{4}-\d\d-\d\d \d{6} (\w+)\)(?: \d+)?/g, '(conflict $1)');
}

/** What people see: a stub is what it stands for. */
function shown(world: RunningWorld, client: Client | null, tree: Tree): string[] {
  const lines: string[] = [];
  tree.walk((path, node) => {
    if (isOwnPath(path)) return;
    let what = `${node.kind} ${node.text}`;
    if (client !== null && node.kind === 'symlink') {
      const stub = node.text.startsWith(`${client.anchor}/`);
      const file = stub ? world.remote.peek(node.text.slice(client.anchor.length + 1)) : null;
      what = stub
        ? `file ${file?.text ?? '(leads nowhere)'}`
        : `symlink ${carriedTarget(node.text, path as RelPath, client.localRoot)}`;
    }
    lines.push(`${tree.name}:${nameOf(path)}: ${node.kind === 'directory' ? 'directory' : what}`);
  });
  return lines.sort();
}

export interface Ending {
  readonly trees: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
  readonly violations: readonly string[];
  /** Most steps that were at work at one moment. */
  readonly together: number;
}

export async function endingOf(history: History, width: number): Promise<Ending> {
  const world = createWorld({ ...history, width, astray: false }, { steadyPeople: true });
  const deeds = history.actions.filter((one) => one.kind === 'user');
  for (const action of history.before) world.perform(action, false);
  for (const client of world.clients) {
    client.start();
    client.rescan('start');
  }
  await world.settle();
  for (let from = 0; from < deeds.length && world.violations.length === 0; from += BURST) {
    for (const action of deeds.slice(from, from + BURST)) world.perform(action, false);
    if (!(await world.settle())) world.violate('P2', 'does not come to rest');
    for (const client of world.clients) {
      client.remoteMount.forget();
      await client.scan('remote');
    }
    if (!(await world.settle())) world.violate('P2', 'does not come to rest after a scan');
  }
  if (world.violations.length === 0) await comeToRest(world);
  const counts = new Map(world.counts);
  for (const client of world.clients) {
    for (const [what, n] of client.counts) counts.set(what, (counts.get(what) ?? 0) + n);
    client.base.close();
  }
  return {
    trees: [...shown(world, null, world.remote), ...world.clients.flatMap((one) => shown(world, one, one.local))],
    counts,
    violations: world.violations.map(({ promise, what }) => `${promise}: ${what}`),
    together: Math.max(...world.clients.map((one) => one.together)),
  };
}

/** What the endings have apart, one line each. */
export function difference(one: Ending, other: Ending): string[] {
  const minus = one.trees.filter((line) => !other.trees.includes(line)).map((line) => `- ${line}`);
  return [...minus, ...other.trees.filter((line) => !one.trees.includes(line)).map((line) => `+ ${line}`)];
}

export interface Comparison {
  readonly runs: number;
  /** The first history that ended otherwise, as small as it could be made. */
  readonly apart: { readonly history: History; readonly why: readonly string[] } | null;
  readonly counts: ReadonlyMap<string, number>;
  /** Histories in which several steps were at work at one moment. */
  readonly side: number;
}

/** `widths[0]` is what the others are compared with. */
export async function compare(
  limits: Limits,
  widths: readonly number[],
  numRuns: number,
  seed: number,
): Promise<Comparison> {
  const counts = new Map<string, number>();
  let runs = 0;
  let side = 0;
  const why = async (history: History): Promise<string[]> => {
    const endings: Ending[] = [];
    for (const width of widths) endings.push(await endingOf(history, width));
    const [first, ...others] = endings;
    if (first === undefined) return [];
    runs++;
    if (others.some(({ together }) => together > 1)) side++;
    for (const ending of endings) for (const [what, n] of ending.counts) counts.set(what, (counts.get(what) ?? 0) + n);
    return [...endings.flatMap((one) => one.violations), ...others.flatMap((other) => difference(first, other))];
  };
  const outcome = await fc.check(
    // One client: of two, the quicker one may win, and how quick they are hangs on the width.
    fc.asyncProperty(
      histories({ ...limits, fates: [], clients: 1 }),
      async (history) => (await why(history)).length === 0,
    ),
    { numRuns, seed },
  );
  const [history] = outcome.counterexample ?? [];
  return { runs, counts, side, apart: history === undefined ? null : { history, why: await why(history) } };
}

export async function compareWidths(
  limits: Limits,
  widths: readonly number[],
  numRuns: number,
  seed: number,
): Promise<boolean> {
  const began = performance.now();
  const { runs, apart, counts, side } = await compare(limits, widths, numRuns, seed);
  for (const [what, n] of [...counts].sort()) console.log(`${String(n).padStart(9)}  ${what}`);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `${runs} histories with widths ${widths.join(', ')} in ${seconds} s; in ${side} steps were at work together`,
  );
  if (apart === null) {
    console.log('0 ended in other trees');
    return true;
  }
  console.log(JSON.stringify(apart.history));
  for (const action of [...apart.history.before, ...apart.history.actions]) console.log(`  ${tell(action)}`);
  for (const line of apart.why) console.log(line);
  return false;
}
