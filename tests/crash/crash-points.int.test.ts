/**
 * Every place at which a worker can die, in every action: before and after each call that changes a tree, each write of
 * the base, each word to the lane. After up to three deaths and restarts both sides, the base, the conflicts and the
 * problems are those of the run in which nobody died, and nothing is left in a stage folder or the journal.
 *
 * Most deaths are played: the process stands still for good at the point, and another base and other ports go on with
 * what lies on the disk. Some are real: a process of its own ends itself by SIGKILL. `npm run test:crash` takes all
 * points of all four kinds of remotes; the normal run takes a sample.
 */
import { afterAll, expect, test } from 'vitest';
import { crashed, type Reference, type Runner, referenceOf } from './support/crash-run.ts';
import { killedAt } from './support/killed.ts';
import { prepare, SCENARIOS, type Scenario } from './support/scenarios.ts';
import { hasStrace, tracedRun } from './support/system-calls.ts';
import { boot, dropWorld, makeWorld } from './support/world.ts';
import type { Abilities } from './support/wrap.ts';

const ALL = process.env.LAZYSYNC_CRASH === 'all';
const KINDS: readonly Abilities[] = ['disk', 'sshfs', 'no-links', 'capture'];
/** Of each action, in the normal run. */
const SAMPLE = 6;
const LIMIT = 1_800_000;
const played: Runner = (world, at) => boot(world, at);
const real: Runner = (world, at) => killedAt(world, at);

const counts = { actions: 0, points: 0, deaths: 0, real: 0, needScan: 0 };
afterAll(() => {
  process.stdout.write(
    `crash points: ${counts.points} in ${counts.actions} actions; runs: ${counts.deaths}, with a real SIGKILL: ${counts.real}; after ${counts.needScan} of them the scan of the start had something to do\n`,
  );
});

/** Spread over all, and others for each scenario: together they meet most kinds of points. */
function some(points: number, many: number, shift: number): number[] {
  const step = Math.max(1, points / many);
  const found = new Set<number>();
  for (let at = shift % step; at < points; at += step) found.add(Math.floor(at) + 1);
  return [...found];
}

/** Three deaths: the first at `point`, the others somewhere in what the restarts do. */
function three(point: number): readonly number[] {
  return [point, 1 + ((point * 7) % 13), 1 + ((point * 5) % 9)];
}

async function run(
  scenario: Scenario,
  kind: Abilities,
  reference: Reference,
  deaths: readonly (readonly number[])[],
  runner: Runner,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const at of deaths) {
    const one = await crashed(scenario, kind, reference, { at, runner });
    counts.deaths++;
    if (runner === real) counts.real++;
    if (!one.alone) counts.needScan++;
    wrong.push(...one.wrong);
  }
  return wrong;
}

for (const [index, scenario] of SCENARIOS.entries()) {
  const kinds = ALL ? KINDS : KINDS.filter((_kind, i) => i === index % KINDS.length);
  for (const kind of kinds) {
    test(`${scenario.name}, remote: ${kind}`, { timeout: LIMIT }, async () => {
      const reference = await referenceOf(scenario, kind);
      counts.actions++;
      counts.points += reference.points;
      const all = Array.from({ length: reference.points }, (_, i) => i + 1);
      const points = ALL ? all : some(reference.points, SAMPLE, index);
      const deaths = points.flatMap((point, i) => {
        // Single deaths at every point are the real ones below.
        return [!ALL && i % 2 === 0 ? [point] : three(point)];
      });
      expect(await run(scenario, kind, reference, deaths, played)).toEqual([]);
      if (!ALL && index % 4 !== 0) return;
      const killed = ALL && kind === 'sshfs' ? all.map((point) => [point]) : [three(1 + (index % reference.points))];
      // Two at a time: they are processes of their own.
      const halves = [killed.filter((_, i) => i % 2 === 0), killed.filter((_, i) => i % 2 === 1)];
      const found = await Promise.all(halves.map((half) => run(scenario, kind, reference, half, real)));
      expect(found.flat()).toEqual([]);
    });
  }
}

test.skipIf(!hasStrace)(
  `the points are the system calls that change a tree, the writes of the base, and the words to the lane${hasStrace ? '' : ' (skipped: there is no strace)'}`,
  { timeout: LIMIT },
  async () => {
    const sum = { points: 0, trees: 0, base: 0, lane: 0 };
    for (const [index, scenario] of SCENARIOS.entries()) {
      if (!ALL && index % 8 !== 3) continue;
      const world = makeWorld('disk');
      try {
        await prepare(world, scenario);
        const { trees, base, lane } = await tracedRun(world);
        const shown = [scenario.name, ...trees.points, ...trees.seen, ...base.points, ...base.seen].join('\n');
        expect(trees.seen.length, shown).toBe(trees.points.length - trees.unmade);
        expect(base.seen.length, shown).toBe(base.points.length + base.aside);
        expect(lane.seen.length, shown).toBe(lane.points.length);
        expect(lane.points.length).toBeGreaterThan(0);
        sum.points += 2 * (trees.points.length + base.points.length + lane.points.length);
        sum.trees += trees.seen.length;
        sum.base += base.seen.length - base.aside;
        sum.lane += lane.seen.length;
      } finally {
        dropWorld(world);
      }
    }
    process.stdout.write(
      `strace saw ${sum.trees} calls that change a tree, ${sum.base} records and ${sum.lane} words to the lane: ${sum.points} points, one before and one after each\n`,
    );
  },
);

test('a run that dies and is not started again is told from one that lived', async () => {
  const scenario = SCENARIOS.find(({ name }) => name === 'local edit of a copy');
  if (scenario === undefined) throw new Error('no such scenario');
  const reference = await referenceOf(scenario, 'disk');
  // A death that nobody recovers from: the journal is emptied by hand, as if it had not been kept.
  const forgetful: Runner = async (world, at) => {
    const ended = await boot(world, at);
    const { openBase } = await import('@lazysync/base');
    const base = openBase(`${world.top}/base.db`);
    base.record(
      [],
      base.intents().map(({ slot }) => slot),
    );
    base.close();
    return ended;
  };
  const wrong: string[] = [];
  for (let point = 1; point <= reference.points; point++)
    wrong.push(...(await crashed(scenario, 'disk', reference, { at: [point], runner: forgetful })).wrong);
  expect(wrong.join('\n')).toMatch(/left over has/);
});
