/** `npm run sim -- --histories N --seed S [--length L] [--widths 1,16]` */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { EVERYTHING, type FateKind, type History, histories, type Limits, tell, type Where } from './history.ts';
import { runHistory } from './run.ts';
import { compareWidths } from './same-trees.ts';
import { shorter } from './shorter.ts';

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    length: { type: 'string', default: String(EVERYTHING.length) },
    clients: { type: 'string', default: '2' },
    fates: { type: 'string' },
    deeds: { type: 'string' },
    wheres: { type: 'string' },
    paths: { type: 'string' },
    plain: { type: 'boolean', default: false },
    calls: { type: 'boolean', default: false },
    widths: { type: 'string' },
  },
});

const list = <T extends string>(text: string | undefined, all: readonly T[]): readonly T[] =>
  text === undefined ? all : text === '' ? [] : (text.split(',') as T[]);

const limits: Limits = {
  ...EVERYTHING,
  length: Number(values.length),
  clients: values.clients === '1' ? 1 : 2,
  fates: list<FateKind>(values.fates, EVERYTHING.fates),
  deeds: list(values.deeds, EVERYTHING.deeds),
  wheres: list<Where>(values.wheres, EVERYTHING.wheres),
  paths: Number(values.paths ?? EVERYTHING.paths),
  ...(values.plain ? { plain: true, coarse: false, cacheMs: [0] } : {}),
};

if (values.widths !== undefined) {
  const widths = values.widths.split(',').map(Number);
  const same = await compareWidths(limits, widths, Number(values.histories), Number(values.seed));
  process.exit(same ? 0 : 1);
}

const trace = createHash('sha1');
const counts = new Map<string, number>();
/** Histories in which it happened at all. */
const inHistories = new Map<string, number>();
let calls = 0;
let runs = 0;
let failed = false;
const began = performance.now();

async function property(history: History): Promise<void> {
  const report = await runHistory(history);
  if (!failed) {
    runs++;
    calls += report.calls;
    trace.update(report.hash);
    for (const [what, n] of report.counts) {
      counts.set(what, (counts.get(what) ?? 0) + n);
      inHistories.set(what, (inHistories.get(what) ?? 0) + 1);
    }
  }
  const first = report.violations[0];
  if (first !== undefined) {
    failed = true;
    throw new Error(`${first.promise}: ${first.what}`);
  }
}

const outcome = await fc.check(fc.asyncProperty(histories(limits), property), {
  numRuns: Number(values.histories),
  seed: Number(values.seed),
  endOnFailure: false,
});
const seconds = (performance.now() - began) / 1000;
const shares = [...counts].sort().map(([what, n]) => ({ what, n, share: (100 * (inHistories.get(what) ?? 0)) / runs }));
for (const { what, n, share } of shares) {
  console.log(`${String(n).padStart(9)}  in ${share.toFixed(1).padStart(5)} % of histories  ${what}`);
}
// No kinds of things that happen, but windows that the code marks RACE: the fewer the better.
const WINDOWS = new Set(['raced', 'strayed']);
// Contents are too short for these to happen often: `test/histories.test.ts` sees to it that they do.
const TRANSFERS = new Set(['part kept', 'download gone on with', 'upload gone on with', 'download left off']);
const rare = shares.filter(({ what, share }) => share < 1 && !WINDOWS.has(what) && !TRANSFERS.has(what));
console.log(
  rare.length === 0
    ? 'no kind is in less than 1 % of the histories'
    : `in less than 1 %: ${rare.map(({ what, share }) => `${what} (${share.toFixed(2)} %)`).join(', ')}`,
);
console.log(
  `${runs} histories, ${(runs / seconds).toFixed(0)} per second, ${Math.round(calls / runs)} calls each, trace ${trace.digest('hex')}`,
);
if (outcome.failed) {
  const [wrong] = outcome.counterexample ?? [];
  if (wrong !== undefined) {
    const history = await shorter(wrong, async (one) => (await runHistory(one)).violations.length > 0);
    const report = await runHistory(history, { verbose: true });
    console.log(report.lines.filter((line) => values.calls || !line.includes('    ')).join('\n'));
    console.log(JSON.stringify(history));
    for (const action of [...history.before, ...history.actions]) console.log(`  ${tell(action)}`);
    for (const one of report.violations) console.log(`VIOLATION ${one.promise}: ${one.what}`);
  }
  console.log(
    `failed after ${outcome.numRuns} runs and ${outcome.numShrinks} shrinks: ${String(outcome.errorInstance)}`,
  );
  process.exitCode = 1;
}
