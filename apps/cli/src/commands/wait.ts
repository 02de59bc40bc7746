/** `lazysync wait`: until nothing is left to do. */
import { openBaseReader } from '@lazysync/base';
import { timeoutOf } from '../durations.ts';
import { type CliError, notAtRest, refused } from '../exit.ts';
import { baseFile, findPairs, type KnownPair, type PairChoice } from '../find-pairs.ts';
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
  for (const pair of pairs) {
    const note = cacheNote(pair);
    if (note !== null) process.stderr.write(`lazysync: ${note}\n`);
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

/** A mount that keeps listings may not show yet what other hosts changed just now: said rather than hidden. */
export function cacheNote(pair: KnownPair): string | null {
  const base = openBaseReader(baseFile(pair));
  try {
    const probe = base.meta('probe-remote');
    const ms = probe === null ? 0 : Number((JSON.parse(probe) as { listingCacheMs?: unknown }).listingCacheMs);
    if (!(ms > 0)) return null;
    return `At rest; what other hosts changed within the last ${Math.ceil(ms / 1000)} s may not show yet, since the mount of ${pair.id} keeps listings that long.`;
  } finally {
    base.close();
  }
}
