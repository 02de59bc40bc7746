/**
 * Who keeps the processes says of its pairs that it has given up: in a file beside the base, because whoever could write
 * into the base may be the one that is gone. It is true for as long as the one who said it lives.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, isFlocked } from '@lazysync/ops';

/** Of the pair's folder in the state folder. */
const FILE = 'halted';
/** Held by the `up` of the pair. */
const OWNER = 'up.lock';

/** `why`: one sentence, with what to do. */
export function sayHalted(state: string, why: string): void {
  const file = join(state, FILE);
  writeFileSync(`${file}.new`, why, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function takeBackHalted(state: string): void {
  rmSync(join(state, FILE), { force: true });
}

/** Why the pair is not served any more; null: nobody says so. */
export function haltedIn(state: string): string | null {
  let why: string;
  try {
    why = readFileSync(join(state, FILE), 'utf8').trim();
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return null;
  }
  // CRASH: an `up` that was killed leaves it behind.
  return why !== '' && isFlocked(join(state, OWNER)) ? why : null;
}
