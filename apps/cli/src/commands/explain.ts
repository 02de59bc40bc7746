/** `lazysync why`, `plan` and `log`: what is known of a path, what would be done, what was done. */
import { type LoggedAct, openBaseReader } from '@lazysync/base';
import { systemClock } from '@lazysync/ops';
import { usage } from '../exit.ts';
import { baseFile, findPairOnly, type PairChoice } from '../find-pairs.ts';
import { withSignals } from '../signals.ts';
import { safe, table } from '../words.ts';
import { askWorker } from './trash.ts';

interface Planned {
  readonly path: string;
  readonly act: string;
  readonly why: string;
  readonly base: string;
  readonly local: string;
  readonly remote: string;
}

function actLine({ at, path, act, why }: LoggedAct): string {
  return `${new Date(at).toISOString()}  ${act}  ${path === '' ? '.' : safe(path)}  (${safe(why)})`;
}

export async function why(options: PairChoice & { readonly json?: boolean }): Promise<void> {
  const pair = await findPairOnly(options);
  if (pair.at === '') throw usage('Name a path inside the pair: lazysync why ~/work/report.md');
  const answer = await askWorker(pair, 'why', { path: pair.at });
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ version: 1, ...answer }, null, 2)}\n`);
    return;
  }
  const planned = answer.planned as Planned;
  const acts = answer.acts as readonly LoggedAct[];
  const lines = [
    safe(planned.path),
    table([
      ['base', safe(planned.base)],
      ['local', safe(planned.local)],
      ['remote', safe(planned.remote)],
      ['next', `${planned.act} (${safe(planned.why)})`],
    ]),
    ...(acts.length === 0 ? ['Nothing was done to it yet.'] : acts.map(actLine)),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

export async function plan(options: PairChoice & { readonly json?: boolean }): Promise<void> {
  const pair = await findPairOnly(options);
  const planned = (await askWorker(pair, 'plan', { path: pair.at })).planned as readonly Planned[];
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ version: 1, planned }, null, 2)}\n`);
    return;
  }
  if (planned.length === 0) {
    process.stdout.write('Nothing would be done: both sides are as they should be.\n');
    return;
  }
  process.stdout.write(
    `${table([['WOULD BE DONE', 'PATH', 'WHY'], ...planned.map((one) => [one.act, safe(one.path), safe(one.why)])])}\n`,
  );
}

const FOLLOW_MS = 250;

export async function log(
  options: PairChoice & { readonly follow?: boolean; readonly json?: boolean; readonly lines: string },
): Promise<void> {
  const count = Number(options.lines);
  if (!Number.isInteger(count) || count < 1) throw usage('--lines takes a whole number.');
  const pair = await findPairOnly(options);
  const base = openBaseReader(baseFile(pair));
  const print = (acts: readonly LoggedAct[]): void => {
    for (const act of acts) process.stdout.write(`${options.json === true ? JSON.stringify(act) : actLine(act)}\n`);
  };
  const query = pair.at === '' ? {} : { path: pair.at };
  try {
    const first = base.acts({ ...query, limit: count });
    print(first);
    if (options.follow !== true) return;
    let after = first.at(-1)?.id ?? 0;
    await withSignals(async (signal) => {
      while (!signal.aborted) {
        const more = base.acts({ ...query, after, limit: 1000 });
        print(more);
        after = more.at(-1)?.id ?? after;
        await systemClock.sleep(FOLLOW_MS, signal);
      }
    });
  } finally {
    base.close();
  }
}
