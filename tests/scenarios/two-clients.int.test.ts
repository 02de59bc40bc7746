/**
 * Two clients of one remote, and somebody who works in the remote itself: random edits at all three for a while. At rest
 * all trees agree, and every version that was ever written is in its place, was edited further there, or lies in a trash
 * or a conflict file. LAZYSYNC_TWO_CLIENTS_SECONDS=300 for the long run, LAZYSYNC_SEED for a certain one.
 */
import fs from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { Lab, type Status } from '../e2e/support/lab.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { Census } from './support/census.ts';
import { Place } from './support/place.ts';
import { localPathsIn, type Tree, treeOf } from './support/seen.ts';
import { randomOf, User } from './support/user.ts';

const SECONDS = Number(process.env.LAZYSYNC_TWO_CLIENTS_SECONDS ?? 20);
const SEED = Number(process.env.LAZYSYNC_SEED ?? Date.now() % 1_000_000);

const labs: Lab[] = [];
afterEach(async () => {
  for (const lab of labs.splice(0)) {
    if (process.env.LAZYSYNC_KEEP === '1') await lab.down();
    else await lab.close();
  }
});

function treesOf(lab: Lab): { here: Tree; there: Tree } {
  const run = (args: readonly string[]): string => lab.run(args).out;
  const place = new Place('', '', { local: lab.local, remote: lab.remote, far: lab.remote, run });
  const listed = JSON.parse(lab.run(['problems', '--json', '--local', lab.local]).out) as {
    problems: { path: string; message: string }[];
  };
  const shown = new Set(listed.problems.map(({ path }) => path));
  const unlisted = (tree: Tree): Tree => Object.fromEntries(Object.entries(tree).filter(([rel]) => !shown.has(rel)));
  return { here: unlisted(treeOf(place, 'local')), there: unlisted(treeOf(place, 'far')) };
}

test('two clients and a third hand in the remote, at random', { timeout: (SECONDS * 4 + 200) * 1000 }, async () => {
  const one = new Lab('one');
  const two = new Lab('two', one.remote);
  labs.push(two, one);
  fs.writeFileSync(one.r('stays'), 'stays');
  fs.writeFileSync(one.r('stays too'), 'stays');
  await one.up();
  await two.up();
  const random = randomOf(SEED);
  const census = new Census();
  const users = [
    new User('one', one.local, census, random),
    new User('two', two.local, census, random),
    new User('there', one.remote, census, random),
  ];
  const end = Date.now() + SECONDS * 1000;
  while (Date.now() < end) {
    users[Math.floor(random() * users.length)]?.act();
    const pause = random() < 0.1 ? 400 * random() : 40 * random();
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  // Each one's rest may give the other something to do.
  let seen = '';
  for (let round = 0; round < 12; round++) {
    one.wait();
    two.wait();
    const now = `${one.status().lastChange} ${two.status().lastChange}`;
    if (now === seen) break;
    seen = now;
  }
  const did = users.map(({ name, did: acts }) => `${name} ${JSON.stringify(acts)}`).join('; ');
  // On a busy machine Redis may answer later than `status` waits for it.
  const answered = (lab: Lab): Promise<Status> =>
    waitFor('an answer of Redis', 120_000, () => {
      const status = lab.status();
      return status.redis === 'up' ? status : null;
    });
  const [a, b] = [await answered(one), await answered(two)];
  process.stderr.write(
    `seed ${SEED}: ${census.versions} versions, ${census.overwritten} replaced by their readers; conflicts ${a.conflicts} and ${b.conflicts}, problems ${a.problems} and ${b.problems}; ${did}\n`,
  );
  expect(a, `seed ${SEED}`).toMatchObject({ state: 'idle', queued: 0, held: 0 });
  expect(b, `seed ${SEED}`).toMatchObject({ state: 'idle', queued: 0, held: 0 });
  // ORDER: looking at stubs and their files is taken for opens: nothing runs any more when that is done.
  await one.down();
  await two.down();
  for (const lab of [one, two]) {
    const { here, there } = treesOf(lab);
    expect(here, `seed ${SEED}: ${lab === one ? 'one' : 'two'} against the remote`).toEqual(there);
  }
  expect(localPathsIn(one.remote, one.top), `seed ${SEED}`).toEqual([]);
  expect(localPathsIn(one.remote, two.top), `seed ${SEED}`).toEqual([]);
  expect(census.missing(one.local, two.local, one.remote), `seed ${SEED}`).toEqual([]);
});
