/** One history from its beginning to its judgement. */
import { check, checkTrees, comeToRest } from './checks.ts';
import type { History } from './history.ts';
import { createWorld, type RunOptions, type Violation } from './world.ts';

export interface Report {
  readonly violations: readonly Violation[];
  readonly lines: readonly string[];
  readonly hash: string;
  readonly counts: ReadonlyMap<string, number>;
  readonly calls: number;
}

function isTold(history: History): boolean {
  const all = [...history.before, ...history.actions];
  const here = all.every((one) => one.kind === 'user' && one.where === 'local');
  return here && !history.astray && history.clients === 1 && (history.exact || history.cacheMs === 0);
}

export async function runHistory(history: History, options: RunOptions = {}): Promise<Report> {
  const world = createWorld(history, options);
  await world.run();
  // Nothing went astray: what happened on this host was told, and needs no scan.
  const told = isTold(history);
  if (world.violations.length === 0 && told && (await world.settle())) checkTrees(world);
  if (world.violations.length === 0) {
    world.mend();
    if (await world.settle()) await comeToRest(world);
    else world.violate('P2', 'does not come to rest');
  }
  if (world.violations.length === 0) await check(world);
  const counts = new Map(world.counts);
  for (const client of world.clients) {
    for (const [what, n] of client.counts) counts.set(what, (counts.get(what) ?? 0) + n);
    const stale = client.remoteMount.stale;
    if (stale > 0) counts.set('stale looks', (counts.get('stale looks') ?? 0) + stale);
    const failed = client.remoteMount.failed + client.localMount.failed;
    if (failed > 0) counts.set('failed calls', (counts.get('failed calls') ?? 0) + failed);
    client.base.close();
  }
  return { violations: world.violations, lines: world.lines, hash: world.hash(), counts, calls: world.scheduler.calls };
}
