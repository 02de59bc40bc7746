/** Waits until a pair's start scan was carried out, or until it is clear that it will not be for now. */
import path from 'node:path';
import { type BaseReader, type Counts, openBaseReader, type PairState } from '@lazysync/base';
import type { EffectiveConfig, EffectivePair } from '@lazysync/config';
import { systemClock } from '@lazysync/ops';

export type Readiness =
  | { readonly kind: 'ready'; readonly counts: Counts }
  /** Works as far as it can; the rest waits. */
  | { readonly kind: 'waits'; readonly state: 'remote-offline' | 'held'; readonly why: string; readonly counts: Counts }
  /** A guard refused the folders. */
  | { readonly kind: 'halted'; readonly why: string };

export interface ReadyOptions {
  readonly signal: AbortSignal;
  /** ms between looks. */
  readonly everyMs: number;
  /** ms since the worker was started. */
  readonly workerUptime: () => number;
  readonly progress: (done: number, total: number) => void;
}

/** After this long the worker has said something of its own: what is in the base is not of an earlier start. */
const SETTLED_MS = 5000;

/** Rejects when the signal is aborted. */
export async function untilReady(
  config: EffectiveConfig,
  pair: EffectivePair,
  options: ReadyOptions,
): Promise<Readiness> {
  let reader: BaseReader | null = null;
  let before: string | null = null;
  let isFresh = false;
  try {
    for (;;) {
      options.signal.throwIfAborted();
      reader ??= tryOpen(path.join(pair.state, 'base.db'));
      if (reader !== null) {
        if (reader.meta('ready') === config.boot) return { kind: 'ready', counts: reader.counts() };
        const state = (reader.meta('state') ?? '') as PairState | '';
        const why = reader.meta('error') || reader.meta('state-why') || '';
        const now = `${state}\n${why}`;
        before ??= now;
        // CRASH: a killed worker leaves its last state behind.
        isFresh ||= state === 'starting' || now !== before || options.workerUptime() > SETTLED_MS;
        if (isFresh) {
          if (state === 'halted') return { kind: 'halted', why };
          if (state === 'remote-offline' || state === 'held')
            return { kind: 'waits', state, why, counts: reader.counts() };
          const progress = parseProgress(reader.meta('progress'));
          if (progress !== null) options.progress(progress.done, progress.total);
        }
      }
      await systemClock.sleep(options.everyMs, options.signal);
    }
  } finally {
    reader?.close();
  }
}

function tryOpen(file: string): BaseReader | null {
  try {
    return openBaseReader(file);
  } catch {
    return null; // the worker has not made it yet, or is setting a damaged one aside
  }
}

function parseProgress(text: string | null): { done: number; total: number } | null {
  if (text === null || text === '') return null;
  const { done, total } = JSON.parse(text) as { done?: unknown; total?: unknown };
  return typeof done === 'number' && typeof total === 'number' && total > 0 ? { done, total } : null;
}
