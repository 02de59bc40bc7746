/** `lazysync sync`: both sides to rest, then the end. While `up` runs for the pair, that one is asked. */
import { realpathSync } from 'node:fs';
import { isNetworkStorage, lookWithin } from '@lazysync/config';
import { ROOT } from '@lazysync/event-model';
import { mountOf } from '@lazysync/ops';
import { readPairFile } from '@lazysync/replica/anchor';
import { timeoutOf } from '../durations.ts';
import { notAtRest, refused } from '../exit.ts';
import type { KnownPair } from '../find-pairs.ts';
import { inForeground } from '../foreground.ts';
import { absoluteFolder } from '../option-texts.ts';
import { redisPlace } from '../places.ts';
import { isUpLockHeld, localLockFile } from '../up-lock.ts';
import { waitForRest } from '../wait-for-rest.ts';
import { count } from '../words.ts';
import { planOf, type StartOptions } from './up.ts';
import { errorOf } from './wait.ts';

export async function sync(options: StartOptions & { readonly timeout: string }): Promise<void> {
  const timeoutMs = timeoutOf(options.timeout);
  const running = await runningPair(options);
  if (running !== null) {
    await untilRest(running, timeoutMs);
    return;
  }
  const plan = await planOf(options);
  const done = await inForeground(plan, { port: null }, async ({ run, ready, unlessBroken, signal, progress }) => {
    const deadline = performance.now() + timeoutMs;
    const { state, redis, pairs } = run.effective;
    for (const pair of pairs) {
      const readiness = await ready(pair);
      if (readiness.kind === 'halted') throw refused(`The pair ${pair.id} is halted: ${readiness.why}`);
      const known: KnownPair = { id: pair.id, local: pair.local, remote: pair.remote, state, redis, at: ROOT };
      const rest = await unlessBroken(
        waitForRest(known, {
          timeoutMs: Math.max(1, deadline - performance.now()),
          signal,
          progress: ({ status: { queued, transfers } }) =>
            progress.show(`waiting: ${count(queued)} queued, ${count(transfers)} transfers`),
        }),
      );
      const error = errorOf(rest);
      if (error !== null) throw error;
    }
    return true;
  });
  if (done === undefined) throw notAtRest('Stopped before both sides were at rest.');
}

/** The pair of an `up` that runs for this local folder, if it is the one that is meant. */
async function runningPair({ remote, local }: StartOptions): Promise<KnownPair | null> {
  const root = realOrNull(absoluteFolder('--local', local));
  if (root === null || !isUpLockHeld(localLockFile(root))) return null;
  const file = readPairFile(root);
  if (file === null) return null;
  const asked = absoluteFolder('--remote', remote);
  if (asked !== file.remote) {
    const look = await lookWithin(asked);
    // Another remote: planning says it in one sentence.
    if (look.kind !== 'directory' || look.real !== file.remote) return null;
  }
  return { id: file.id, local: root, remote: file.remote, state: file.state, redis: redisPlace(file.redis), at: ROOT };
}

/** LOCAL lies on a disk of this machine, or planning refuses it. */
function realOrNull(folder: string): string | null {
  const mount = mountOf(folder);
  if (mount === null || isNetworkStorage(mount)) return null;
  try {
    return realpathSync(folder);
  } catch {
    return null; // not made yet: nothing runs there
  }
}

async function untilRest(pair: KnownPair, timeoutMs: number): Promise<void> {
  const rest = await waitForRest(pair, { timeoutMs });
  const error = errorOf(rest);
  if (error !== null) throw error;
}
