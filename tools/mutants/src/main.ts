/**
 * `npm run mutants [-- --minutes N] [-- --only TEXT] [-- --seed N]`: every own mutant of libs/action-table/src against
 * its tests, two at a time, in an order that the seed gives. Prints the survivors and the score; exits 1 below 90 %.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { applyMutant, type Mutant, mutantsOf } from './mutate.ts';

const GOAL = 0.9;
/** A mutant that runs this long, ms, has made an endless loop: noticed. */
const TOO_LONG_MS = 60_000;
const AT_ONCE = 2;

const root = resolve(import.meta.dirname, '../../..');
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
  },
});

/** A small generator of numbers below 1, so that a seed gives an order (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** As they were at the start: somebody may be at work on them. */
const sources = new Map<string, string>();
const folder = mkdtempSync(join(tmpdir(), 'lazysync-mutants-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

/** True when the tests noticed. */
function noticed(mutant: Mutant | null): Promise<boolean> {
  const replaced = join(folder, `${process.hrtime.bigint()}.ts`);
  if (mutant !== null) writeFileSync(replaced, applyMutant(sources.get(mutant.file) ?? '', mutant));
  const vitest = resolve(root, 'node_modules/vitest/vitest.mjs');
  const config = resolve(root, 'tools/mutants/vitest.config.ts');
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [vitest, 'run', '--config', config], {
      cwd: root,
      env: { ...process.env, MUTANT_OF: mutant === null ? '' : resolve(root, mutant.file), MUTANT: replaced },
      stdio: 'ignore',
      timeout: TOO_LONG_MS,
      killSignal: 'SIGKILL',
    });
    child.once('error', failed);
    child.once('exit', (code) => done(code !== 0));
  });
}

const files = globSync('libs/action-table/src/*.ts', { cwd: root }).filter((file) => file.includes(values.only));
const roll = dice(Number(values.seed));
const all = files
  .toSorted()
  .flatMap((file) => {
    const source = readFileSync(resolve(root, file), 'utf8');
    sources.set(file, source);
    return mutantsOf(file, source);
  })
  .map((mutant) => ({ mutant, place: roll() }))
  .toSorted((a, b) => a.place - b.place)
  .map(({ mutant }) => mutant);

if (await noticed(null)) {
  console.error('The tests fail without any mutant.');
  process.exit(1);
}

const deadline = Date.now() + Number(values.minutes) * 60_000;
const survivors: Mutant[] = [];
const queue = [...all];
let done = 0;
async function work(): Promise<void> {
  for (let mutant = queue.shift(); mutant !== undefined && Date.now() < deadline; mutant = queue.shift()) {
    if (!(await noticed(mutant))) {
      survivors.push(mutant);
      console.log(`survived  ${mutant.file}:${mutant.line}  ${mutant.what}`);
    }
    done++;
    if (done % 50 === 0) console.log(`${done} of ${all.length}, ${survivors.length} survived`);
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, work));

if (await noticed(null)) {
  console.error('The tests fail without any mutant now: something else changed meanwhile, the score means nothing.');
  process.exit(1);
}
const score = done === 0 ? 0 : (done - survivors.length) / done;
const cut = done < all.length ? ` (time was up; ${all.length - done} were not tried)` : '';
console.log(`mutation score: ${(score * 100).toFixed(1)} % of ${done} mutants${cut}`);
process.exit(score >= GOAL ? 0 : 1);
