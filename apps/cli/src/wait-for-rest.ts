/**
 * Waits until there is nothing left to do: both sides were looked at after the last change, the look found nothing, and
 * nothing was carried out meanwhile.
 */
import { dirname } from 'node:path';
import { openBaseReader } from '@lazysync/base';
import { isFlocked, systemClock } from '@lazysync/ops';
import { type LookAnswer, openRedis, type RedisLink, requestLook } from '@lazysync/queue';
import type { PairReport } from '@lazysync/status';
import { baseFile, type KnownPair } from './find-pairs.ts';
import { readReports } from './pair-reports.ts';
import { pairLockFile } from './up-lock.ts';

export type Rest =
  | { readonly kind: 'rest'; readonly report: PairReport }
  | { readonly kind: 'nothing-runs'; readonly message: string }
  /** It will not come to rest by itself. */
  | { readonly kind: 'stuck'; readonly message: string }
  | { readonly kind: 'timeout'; readonly message: string };

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** For somebody who looks on. */
  readonly progress?: (report: PairReport) => void;
}

const EVERY_MS = 100;
/** Without processes for this long nothing runs: one that died is started again by then. */
const GRACE_MS = 5000;

export async function waitForRest(pair: KnownPair, options: WaitOptions): Promise<Rest> {
  if (pair.redis === null) return nothingRuns(pair);
  const link = openRedis(pair.redis, { name: 'lazysync-cli' });
  try {
    return await new Waiting(pair, link, options).untilRest();
  } finally {
    await link.close();
  }
}

function nothingRuns({ id }: KnownPair): Rest {
  return { kind: 'nothing-runs', message: `Nothing runs for the pair ${id}: start it with "lazysync up".` };
}

class Waiting {
  readonly #pair: KnownPair;
  readonly #link: RedisLink;
  readonly #options: WaitOptions;
  readonly #end: number;
  #absentSince: number | null = null;
  #wasThere = false;

  constructor(pair: KnownPair, link: RedisLink, options: WaitOptions) {
    this.#pair = pair;
    this.#link = link;
    this.#options = options;
    this.#end = performance.now() + options.timeoutMs;
  }

  async untilRest(): Promise<Rest> {
    for (;;) {
      const before = await this.#untilDrained();
      if ('kind' in before) return before;
      const answer = await this.#look();
      const after = await this.#untilDrained();
      if ('kind' in after) return after;
      const quiet = after.status.lastChange === before.status.lastChange;
      if (answer !== null && answer.problem === null && answer.published === 0 && quiet)
        return { kind: 'rest', report: after };
      if (performance.now() >= this.#end) return { kind: 'timeout', message: this.#late(after) };
      if (answer === null || answer.problem !== null) await systemClock.sleep(EVERY_MS, this.#options.signal);
    }
  }

  /** Takes as long as the mount keeps listings: what other hosts changed before the request is seen after it. */
  async #look(): Promise<LookAnswer | null> {
    const controller = new AbortController();
    const asked = requestLook(
      this.#link,
      this.#pair.id,
      this.#left(),
      this.#options.signal === undefined
        ? controller.signal
        : AbortSignal.any([controller.signal, this.#options.signal]),
    );
    // Meanwhile the pair may get stuck, or its processes may go.
    const watching = this.#untilStuck(controller.signal);
    try {
      return await Promise.race([asked, watching]);
    } finally {
      controller.abort();
      await Promise.allSettled([asked, watching]);
    }
  }

  async #untilStuck(over: AbortSignal): Promise<null> {
    while (!over.aborted) {
      await systemClock.sleep(1000, over);
      if (over.aborted) return null;
      const [report] = await readReports([this.#pair]);
      if (report === undefined || stuckIn(report) !== null || report.status.watchers.length === 0) return null;
      this.#options.progress?.(report);
    }
    return null;
  }

  #left(): number {
    return Math.max(1, this.#end - performance.now());
  }

  /** The report of a moment in which nothing was queued or under way, or why there will be none. */
  async #untilDrained(): Promise<PairReport | Rest> {
    for (;;) {
      this.#options.signal?.throwIfAborted();
      const [report] = await readReports([this.#pair]);
      if (report === undefined) return nothingRuns(this.#pair);
      this.#options.progress?.(report);
      // Nobody starts again what was given up.
      const halted = report.status.state === 'halted' ? stuckIn(report) : null;
      if (halted !== null) return { kind: 'stuck', message: halted };
      const { state, queued, transfers, worker, watchers, redis } = report.status;
      const now = performance.now();
      if (worker.length === 0 || watchers.length === 0) {
        this.#absentSince ??= now;
        // A Redis that has not answered in time is on a busy machine, or nowhere: it is asked again for a while.
        const nobody = redis === 'up' && worker.length === 0 && watchers.length === 0;
        const isLong = now - this.#absentSince > GRACE_MS;
        // CRASH: an "up" that runs starts them again, however long that takes on a busy machine.
        const comesBack = redis === 'up' && isFlocked(pairLockFile(dirname(baseFile(this.#pair))));
        if (((!this.#wasThere && nobody) || isLong) && !comesBack) return nothingRuns(this.#pair);
      } else {
        this.#absentSince = null;
        this.#wasThere = true;
        const reason = stuckIn(report);
        if (reason !== null) return { kind: 'stuck', message: reason };
        if (state === 'idle' && queued === 0 && transfers === 0) return report;
      }
      if (now >= this.#end) return { kind: 'timeout', message: this.#late(report) };
      await systemClock.sleep(Math.min(EVERY_MS, this.#left()), this.#options.signal);
    }
  }

  #late({ status }: PairReport): string {
    const seconds = Math.round(this.#options.timeoutMs / 100) / 10;
    const left = [`${status.queued} queued`, `${status.transfers} transfers`, `state ${status.state}`].join(', ');
    const keeps = listingCacheMs(this.#pair);
    const hint =
      keeps > this.#options.timeoutMs / 2
        ? `; its mount keeps listings for ${Math.ceil(keeps / 1000)} s, and that has to be waited out: give a longer --timeout`
        : '';
    return `The pair ${this.#pair.id} is not known to be at rest after ${seconds} s: ${left}${hint}.`;
  }
}

/** As found out when the pair was opened; 0 if that is not known. */
function listingCacheMs(pair: KnownPair): number {
  const base = openBaseReader(baseFile(pair));
  try {
    const probe = base.meta('probe-remote');
    const ms = probe === null ? 0 : Number((JSON.parse(probe) as { listingCacheMs?: unknown }).listingCacheMs);
    return Number.isFinite(ms) ? ms : 0;
  } finally {
    base.close();
  }
}

function stuckIn({ status: { id, state }, why }: PairReport): string | null {
  const because = why === null ? '' : `: ${why.replace(/\.$/, '')}`;
  switch (state) {
    case 'paused':
      return `The pair ${id} is paused${because}.`;
    case 'held':
      return `The pair ${id} is held${because}.`;
    case 'halted':
      return `The pair ${id} is halted${because}.`;
    case 'remote-offline':
      return why ?? `The remote of the pair ${id} does not answer.`;
    case 'stopped':
    case 'starting':
    case 'syncing':
    case 'idle':
      return null;
  }
}
