/** A pair in words. */
import type { PairSummary } from '../src/shapes.ts';
import { bytes, count, duration, STATE_MEANING } from './words.ts';

export function why({ progress, state, why: said, warnings }: PairSummary): string {
  const first =
    state === 'starting' && progress !== null
      ? `Looked at ${count(progress.done)} of ${count(progress.total)}.`
      : (said ?? STATE_MEANING[state]);
  return [first, ...warnings.map(({ message, mend }) => (mend === null ? message : `${message} (${mend})`))].join(' ');
}

/** Bytes that are here, and bytes that did not have to be fetched. */
export function hereOf({ cachedBytes, remoteBytes }: PairSummary): string {
  return `${bytes(cachedBytes)} here of ${bytes(remoteBytes)}, ${bytes(Math.max(0, remoteBytes - cachedBytes))} saved by being lazy`;
}

export function share(part: number, all: number): number {
  return all <= 0 ? 0 : Math.min(100, Math.round((part / all) * 1000) / 10);
}

export function lag({ lagMs, queued }: PairSummary): string {
  return lagMs === null || queued === 0 ? '0 s' : duration(lagMs);
}

export function processes({ redis, watchers, worker }: PairSummary): string {
  const name = (refs: readonly { readonly pid: number; readonly host: string }[]): string =>
    refs.map(({ pid, host }) => `${host}:${pid}`).join(', ') || 'none';
  return `redis ${redis} · watcher ${name(watchers)} · worker ${name(worker)}`;
}
