/** A pair's base, and what it keeps from one start to the next: the anchors that there were, who has staged anything. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { type Base, BaseDamaged, openBase } from '@lazysync/base';
import { anchorOf } from '@lazysync/event-model';
import type { Logger } from '@lazysync/ops';

/** A base that can not be read is set aside, never thrown away: the pair begins anew with a merge. */
export function openOrRenew(file: string, log: Logger): Base {
  try {
    return openBase(file);
  } catch (error) {
    if (!(error instanceof BaseDamaged)) throw error;
    const aside = `${file}.damaged-${Date.now()}`;
    for (const suffix of ['', '-wal', '-shm'])
      if (fs.existsSync(file + suffix)) fs.renameSync(file + suffix, aside + suffix);
    log.error({ err: error, aside }, 'the base was damaged: set aside, both sides are merged anew, nothing is deleted');
    return openBase(file);
  }
}

/** Today's anchor first, then those of a LOCAL that was moved: their stubs are still ours. */
export function anchorsOf(base: Base, local: string): readonly string[] {
  const today = anchorOf(local);
  const known = JSON.parse(base.meta('anchors') ?? '[]') as string[];
  const all = [today, ...known.filter((one) => one !== today)];
  base.setMeta('anchors', JSON.stringify(all));
  return all;
}

const CLIENTS = 'stage-clients';
/** Older starts have nothing left any more. */
const CLIENTS_KEPT = 200;

/** Those who have made names of this pair's, so far as anything of theirs may still lie about. */
export function clientsOf(base: Base): readonly string[] {
  return JSON.parse(base.meta(CLIENTS) ?? '[]') as string[];
}

/** Names for what is staged: no two of them are the same, whoever made them. */
export function slots(base: Base): () => string {
  const client = randomBytes(3).toString('hex');
  // ORDER: written down before anything gets such a name.
  base.setMeta(CLIENTS, JSON.stringify([...clientsOf(base), client].slice(-CLIENTS_KEPT)));
  let count = 0;
  return () => {
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase();
    return `${stamp}-${client}-${++count}`;
  };
}
