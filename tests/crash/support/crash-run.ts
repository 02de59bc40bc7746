/** One run of a scenario that dies on its way, up to three times, and is started again after each. */

import { relPath } from '@lazysync/event-model';
import { contents, type EndState, endState } from './end-state.ts';
import { prepare, type Scenario } from './scenarios.ts';
import { boot, dropWorld, type Ended, makeWorld, push, type World } from './world.ts';
import type { Abilities } from './wrap.ts';

export interface Reference {
  readonly state: EndState;
  readonly points: number;
  readonly acts: readonly string[];
  /** Contents that can be found in the end: none of them may ever be missing. */
  readonly kept: ReadonlySet<string>;
  /** Contents that there were, before and after. */
  readonly known: ReadonlySet<string>;
}

/** A look at everything; answers with what it did. */
async function lookAgain(world: World): Promise<readonly string[]> {
  push(world, [{ kind: 'rescan', side: 'local', path: relPath(''), why: 'again' }]);
  const { acts } = await boot(world);
  return acts.filter((act) => act !== 'lane acknowledge' && act !== 'base record');
}

export async function referenceOf(scenario: Scenario, abilities: Abilities): Promise<Reference> {
  const world = makeWorld(abilities);
  try {
    await prepare(world, scenario);
    const before = contents(world, 'anywhere');
    const ended = await boot(world);
    if (ended.kind !== 'rest') throw new Error('nobody was to die');
    const after = contents(world, 'anywhere');
    const state = endState(world);
    if (state.left.length > 0) throw new Error(`${scenario.name}: left over without a crash: ${state.left.join(', ')}`);
    const acts = await lookAgain(world);
    if (acts.length > 0) throw new Error(`${scenario.name}: a further look acts: ${acts.join('; ')}`);
    return { state, points: ended.points, acts: ended.acts, known: new Set([...before, ...after]), kept: after };
  } finally {
    dropWorld(world);
  }
}

/** How a process of this run dies: at which point, and by what it is run. */
export type Runner = (world: World, at: number) => Promise<Ended>;

export interface CrashRun {
  /** Points at which one process after the other dies; a number above what it passes means that it does not. */
  readonly at: readonly number[];
  readonly runner: Runner;
}

function same(what: string, want: readonly string[], got: readonly string[]): string[] {
  const missing = want.filter((one) => !got.includes(one));
  const more = got.filter((one) => !want.includes(one));
  return [...missing.map((one) => `${what} lacks "${one}"`), ...more.map((one) => `${what} has "${one}"`)];
}

export interface Crashed {
  /** What is wrong after the deaths; [] when all is as in the run without one. */
  readonly wrong: readonly string[];
  /** The lane and the journal alone brought it there: the scan that follows a start had nothing to do. */
  readonly alone: boolean;
}

function compare(want: EndState, got: EndState): string[] {
  return [
    ...same('local', want.local, got.local),
    ...same('remote', want.remote, got.remote),
    ...same('base', want.base, got.base),
    ...same('conflicts', want.conflicts, got.conflicts),
    ...same('problems', want.problems, got.problems),
    ...same('left over', [], got.left),
    // The trash may hold more: a thing that was captured, put back, and captured again.
    ...want.trash.local.filter((one) => !got.trash.local.includes(one)).map((one) => `local trash lacks "${one}"`),
    ...want.trash.remote.filter((one) => !got.trash.remote.includes(one)).map((one) => `remote trash lacks "${one}"`),
  ];
}

export async function crashed(
  scenario: Scenario,
  abilities: Abilities,
  reference: Reference,
  { at, runner }: CrashRun,
): Promise<Crashed> {
  const world = makeWorld(abilities);
  const died: string[] = [];
  const named = (one: string): string =>
    `${scenario.name} (${abilities}), died at ${at.join(', ')} [${died.join(' | ')}]: ${one}`;
  try {
    await prepare(world, scenario);
    const kept = [...contents(world, 'anywhere')].filter((one) => reference.kept.has(one));
    const wrong: string[] = [];
    for (const point of at) {
      const ended = await runner(world, point);
      if (ended.kind === 'rest') break;
      died.push(ended.acts.at(-1) ?? 'at a point');
      const found = contents(world, 'anywhere');
      for (const one of kept) if (!found.has(one)) wrong.push(`content ${one} is nowhere after the death`);
      for (const one of contents(world, 'in sight'))
        if (!reference.known.has(one)) wrong.push('half a file is in sight');
    }
    await boot(world);
    const alone = compare(reference.state, endState(world)).length === 0;
    await lookAgain(world);
    wrong.push(...compare(reference.state, endState(world)));
    const acts = await lookAgain(world);
    if (acts.length > 0) wrong.push(`a further look acts: ${acts.join('; ')}`);
    return { wrong: wrong.map(named), alone };
  } catch (error) {
    return { wrong: [named(error instanceof Error ? (error.stack ?? error.message) : String(error))], alone: false };
  } finally {
    dropWorld(world);
  }
}
