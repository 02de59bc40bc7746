/** What an `up` holds of its pairs: locks that prove it is the only one, and the files that tell where a pair lives. */
import fs from 'node:fs';
import path from 'node:path';
import { showPath } from '@lazysync/config';
import { errnoOf, systemClock } from '@lazysync/ops';
import { type PairFile, writePairFile } from '@lazysync/replica/anchor';
import { refused, usage } from './exit.ts';
import { writePairRecord } from './pair-record.ts';
import { alreadyRuns, type PlannedPair } from './plan-run.ts';
import { isUpLockHeld, localLockFile, pairLockFile, takeUpLock } from './up-lock.ts';

const WORKER_ENDS_MS = 7000;

export interface PairLocks {
  /** Throws a CliError when another `up` has the pair. */
  takeState(pair: PlannedPair): void;
  /** Waits for the worker of an `up` that was killed, then takes the local folder over. */
  takeLocal(pair: PlannedPair, state: string, redis: string, signal: AbortSignal): Promise<void>;
  /** As soon as no worker has it any more. */
  release(id: string, signal: AbortSignal): Promise<void>;
  releaseAll(): void;
}

interface Held {
  readonly state: string;
  readonly releases: (() => void)[];
}

export function createPairLocks(): PairLocks {
  const held = new Map<string, Held>();
  const free = (id: string): void => {
    for (const release of held.get(id)?.releases.reverse() ?? []) release();
    held.delete(id);
  };
  return {
    takeState(pair) {
      held.set(pair.id, { state: pair.state, releases: [lockState(pair)] });
    },
    async takeLocal(pair, state, redis, signal) {
      await untilUnworked(pair.id, pair.state, signal);
      makeLocal(pair);
      held.get(pair.id)?.releases.push(lockLocal(pair));
      const { id, local, remote } = pair;
      const file: PairFile = { v: 1, id, local, remote, state, redis };
      writePairFile(local, file);
      writePairRecord(state, file);
    },
    async release(id, signal) {
      const one = held.get(id);
      if (one === undefined) return;
      await untilUnworked(id, one.state, signal);
      free(id);
    },
    releaseAll() {
      for (const id of [...held.keys()]) free(id);
    },
  };
}

function lockState(pair: PlannedPair): () => void {
  fs.mkdirSync(pair.state, { recursive: true, mode: 0o700 });
  const lock = takeUpLock(pairLockFile(pair.state));
  if (lock.kind === 'held') throw alreadyRuns(pair.id);
  return lock.release;
}

/** The worker of an "up" that was killed needs a moment to notice; a worker on its own stays. */
async function untilUnworked(id: string, state: string, signal: AbortSignal): Promise<void> {
  const end = performance.now() + WORKER_ENDS_MS;
  while (isUpLockHeld(path.join(state, 'lock'))) {
    if (performance.now() > end)
      throw refused(`A worker already runs for the pair ${id}: stop it first, or go on with that one.`);
    await systemClock.sleep(100, signal);
    signal.throwIfAborted();
  }
}

function lockLocal(pair: PlannedPair): () => void {
  const file = localLockFile(pair.local);
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const lock = takeUpLock(file);
  if (lock.kind === 'held') throw alreadyRuns(pair.id, pair.local);
  return lock.release;
}

function makeLocal(pair: PlannedPair): void {
  try {
    fs.mkdirSync(pair.local);
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    if (code !== 'EEXIST') throw usage(`The local folder ${showPath(pair.local)} can not be made: ${code}.`);
  }
}
