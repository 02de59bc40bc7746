/** `lazysync wait`: until nothing is left to do. */
import { timeoutOf } from '../durations.ts';
import { type CliError, notAtRest, refused } from '../exit.ts';
import { findPairs, type PairChoice } from '../find-pairs.ts';
import { createProgressLine } from '../progress-line.ts';
import { Stopped, withSignals } from '../signals.ts';
import { type Rest, waitForRest } from '../wait-for-rest.ts';
import { count } from '../words.ts';

export async function wait(options: PairChoice & { readonly timeout: string }): Promise<void> {
  const timeoutMs = timeoutOf(options.timeout);
  const pairs = await findPairs(options);
  if (pairs.length === 0) throw refused('Nothing runs: no pair is known here.');
  const progress = createProgressLine(process.stderr);
  const rests = await withSignals(async (signal) => {
    try {
      return await Promise.all(
        pairs.map((pair) =>
          waitForRest(pair, {
            timeoutMs,
            signal,
            progress: ({ status: { queued, transfers } }) =>
              progress.show(`waiting: ${count(queued)} queued, ${count(transfers)} transfers`),
          }),
        ),
      );
    } catch (error) {
      if (signal.aborted && signal.reason instanceof Stopped)
        throw notAtRest('Stopped before both sides were at rest.');
      throw error;
    } finally {
      progress.clear();
    }
  });
  for (const rest of rests) {
    const error = errorOf(rest);
    if (error !== null) throw error;
  }
}

export function errorOf(rest: Rest): CliError | null {
  switch (rest.kind) {
    case 'rest':
      return null;
    case 'nothing-runs':
      return refused(rest.message);
    case 'stuck':
    case 'timeout':
      return notAtRest(rest.message);
  }
}
