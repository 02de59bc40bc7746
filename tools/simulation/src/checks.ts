/** What must be true when everything is at rest. */
import { carriedTarget } from '@lazysync/action-table';
import type { RelPath } from '@lazysync/event-model';
import { contentsOf, isOwnPath } from './census.ts';
import { type Client, isIgnored } from './client.ts';
import type { Inode, Tree } from './tree.ts';
import type { RunningWorld } from './world.ts';

/** Two clients may need a few rounds: what one sends up is news to the other. */
const ROUNDS = 8;

/** Once everything works again, these are over. */
const PASSING: ReadonlySet<string> = new Set(['unsettled', 'no-space', 'no-permission', 'unreadable', 'being-written']);

function nodesOf(world: RunningWorld['remote']): Map<string, Inode> {
  const found = new Map<string, Inode>();
  world.walk((path, node) => {
    if (!isOwnPath(path)) found.set(path, node);
  });
  return found;
}

/** Everybody looks at everything until nobody has anything left to do. */
export async function comeToRest(world: RunningWorld): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const before = world.clients.map((one) => one.steps);
    for (const client of world.clients) {
      client.remoteMount.forget();
      client.rescan('the end');
      if (!(await world.settle())) return world.violate('P2', 'does not come to rest after a rescan');
      world.scheduler.advance(30_000);
    }
    if (world.violations.length > 0) return;
    if (round > 0 && world.clients.every((one, i) => one.steps === before[i])) return;
  }
  world.violate('P2', `still at work after ${ROUNDS} rescans`);
}

function excused(client: Client, path: string): boolean {
  if (isIgnored(path as RelPath)) return true;
  const problems = client.base.problems();
  if (problems.some((one) => path === one.path)) return true;
  // Below a folder that stands against something else, nothing can be brought over.
  const above = problems.filter((one) => path.startsWith(`${one.path}/`));
  const folder = (tree: Tree, at: string): boolean => tree.peek(at)?.kind === 'directory';
  if (above.some((one) => !folder(client.local, one.path) || !folder(client.remoteMount.tree, one.path))) return true;
  return client.base.get(path as RelPath)?.kind === 'residual';
}

function checkPath(world: RunningWorld, client: Client, path: string, here?: Inode, there?: Inode): void {
  const bad = (what: string): void => world.violate('P2', `${client.name} ${path}: ${what}`);
  if (here === undefined || there === undefined) {
    return bad(here === undefined ? `only in the remote (${there?.kind})` : `only in local (${here.kind})`);
  }
  if (there.kind === 'file' && here.kind === 'symlink') {
    if (here.text !== `${client.anchor}/${path}`) bad(`the stub leads to ${here.text}`);
    return;
  }
  if (here.kind !== there.kind) return bad(`${here.kind} here, ${there.kind} there`);
  if (here.kind === 'file' && here.text !== there.text) return bad(`${here.text} here, ${there.text} there`);
  if (here.kind === 'symlink') {
    const carried = carriedTarget(here.text, path as RelPath, client.localRoot);
    if (carried !== there.text) bad(`link to ${here.text} here, ${there.text} there`);
    return;
  }
  const row = client.base.get(path as RelPath);
  // Modes that differed when the two were found to be the same thing may go on differing.
  if (row?.kind === 'directory' && row.localMode === here.mode && row.remoteMode === there.mode) return;
  if (row?.kind === 'file' && row.form === 'copy' && row.local.mode === here.mode && row.remote.mode === there.mode)
    return;
  if (here.mode !== there.mode) bad(`mode ${here.mode.toString(8)} here, ${there.mode.toString(8)} there`);
}

export function checkTrees(world: RunningWorld): void {
  const there = nodesOf(world.remote);
  for (const client of world.clients) {
    const here = nodesOf(client.local);
    for (const path of new Set([...there.keys(), ...here.keys()])) {
      if (!excused(client, path)) checkPath(world, client, path, here.get(path), there.get(path));
    }
  }
}

function checkCensus(world: RunningWorld): void {
  const remote = contentsOf(world.remote);
  const locals = world.clients.map((one) => contentsOf(one.local));
  for (const version of world.census.versions.values()) {
    const { text, where } = version;
    if (version.destroyed || version.raced) continue;
    const visible = remote.visible.has(text) || locals.some((one) => one.visible.has(text));
    if (!visible && !remote.kept.has(text) && !locals.some((one) => one.kept.has(text))) {
      world.violate('P1', `${text}, written at ${where}, is nowhere`);
      continue;
    }
    if (version.dismissed || version.soft || remote.visible.has(text)) continue;
    const shown = locals.map((one) => one.visible.get(text)).find((path) => path !== undefined);
    if (shown !== undefined && world.clients.some((one) => excused(one, shown))) continue;
    world.violate(
      'P1',
      `${text}, written at ${where}, is not in its place${visible ? ' on the remote' : ': only in a trash'}`,
    );
  }
}

function checkOwn(world: RunningWorld): void {
  for (const tree of [world.remote, ...world.clients.map((one) => one.local)]) {
    const staged: string[] = [];
    const stage = tree.peek('.lazysync/stage');
    if (stage !== null)
      tree.walk((path, node) => node.kind !== 'directory' && staged.push(path), '.lazysync/stage', stage);
    if (staged.length > 0) world.violate('P5', `left in the stage folder of ${tree.name}: ${staged.join(', ')}`);
  }
  for (const client of world.clients) {
    if (client.base.intents().length + client.base.leftovers().length > 0)
      world.violate('P5', `${client.name} has an open journal`);
    if (client.base.transfers().length > 0) world.violate('P5', `${client.name} has open transfers`);
    const told = client.base.problems().find((one) => PASSING.has(one.code));
    if (told !== undefined) world.violate('P2', `${client.name} ${told.path}: still a problem: ${told.message}`);
  }
  world.remote.walk((path, node) => {
    if (node.kind === 'symlink' && node.text.includes('/.lazysync/'))
      world.violate('P8', `${path} in the remote: ${node.text}`);
    if (node.text.includes('/home/')) world.violate('P8', `${path} in the remote holds a local path`);
  });
}

/** Every job that was ever carried out once more, and every event of our own writes: nothing happens. */
async function checkEcho(world: RunningWorld): Promise<void> {
  for (const client of world.clients) {
    const before = client.steps;
    for (const job of [...client.done]) {
      const events = job.events.filter((event) => event.kind !== 'access' && event.kind !== 'staged');
      if (events.length > 0) client.publish(events);
    }
    if (!(await world.settle())) return world.violate('P6', 'does not come to rest when jobs are run again');
    if (client.steps !== before)
      world.violate('P6', `${client.name} did ${client.steps - before} steps for jobs run again`);
  }
}

export async function check(world: RunningWorld): Promise<void> {
  const states = world.clients.map((one) => one.base.meta('state'));
  if (states.includes('held')) {
    world.counts.set('held', 1);
    checkCensus(world);
    return;
  }
  checkTrees(world);
  checkCensus(world);
  checkOwn(world);
  if (world.violations.length === 0) await checkEcho(world);
}
