/** `lazysync trash list|restore|empty`: what was deleted or overwritten, on both sides. */

import { parseDuration } from '@lazysync/config';
import { type RelPath, relPath } from '@lazysync/event-model';
import { ask, openRedis } from '@lazysync/queue';
import { timeoutOf } from '../durations.ts';
import { refused, usage } from '../exit.ts';
import { findPairOnly, type KnownPair, type PairChoice } from '../find-pairs.ts';
import { ago, bytes, safe, table } from '../words.ts';
import { carryOut } from './one-command.ts';

const ANSWER_MS = 60_000;

interface Item {
  readonly side: 'local' | 'remote';
  readonly slot: string;
  readonly path: string;
  readonly kind: string;
  readonly size: number | null;
  readonly removedAt: number | null;
}

/** Asks the pair's worker; its answers carry either what was asked for or `problem`. */
export async function askWorker(pair: KnownPair, topic: string, body: unknown): Promise<Record<string, unknown>> {
  const nothing = refused(`Nothing runs for the pair ${pair.id}: start it with "lazysync up".`);
  if (pair.redis === null) throw nothing;
  const link = openRedis(pair.redis, { name: 'lazysync-cli' });
  try {
    const answer = await ask(link, pair.id, topic, body, ANSWER_MS);
    if (typeof answer !== 'object' || answer === null) throw nothing;
    if ('problem' in answer) throw refused(String(answer.problem));
    return answer as Record<string, unknown>;
  } finally {
    await link.close();
  }
}

async function itemsOf(pair: KnownPair): Promise<readonly Item[]> {
  return (await askWorker(pair, 'trash', {})).items as readonly Item[];
}

export async function listTrash(options: PairChoice & { readonly json?: boolean }): Promise<void> {
  const pair = await findPairOnly(options);
  const items = (await itemsOf(pair)).filter(
    (one) => pair.at === '' || one.path === pair.at || one.path.startsWith(`${pair.at}/`),
  );
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ version: 1, items }, null, 2)}\n`);
    return;
  }
  if (items.length === 0) {
    process.stdout.write('The trash is empty.\n');
    return;
  }
  const now = Date.now();
  const rows = items.map((one) => [
    `${one.side}:${one.slot}`,
    one.removedAt === null ? '?' : ago(one.removedAt, now),
    one.size === null ? one.kind : bytes(one.size),
    safe(one.path),
  ]);
  process.stdout.write(`${table([['ID', 'WHEN', 'SIZE', 'PATH'], ...rows])}\n`);
}

export interface RestoreOptions extends PairChoice {
  readonly from?: string;
  readonly timeout: string;
}

/** `what`: a path as it was, in the current pair; `--from ID` names one of several versions. */
export async function restoreTrash(what: string, options: RestoreOptions): Promise<void> {
  const pair = await findPairOnly({ ...options, path: what });
  const versions = (await itemsOf(pair)).filter(
    (one) => one.path === pair.at && (options.from === undefined || `${one.side}:${one.slot}` === options.from),
  );
  const [newest] = versions;
  if (newest === undefined) throw refused(`${safe(pair.at)} is not in the trash: "lazysync trash list" shows what is.`);
  const wish = { command: 'restore', at: relPath(newest.path), arg: `${newest.side}:${newest.slot}` } as const;
  process.stdout.write(`${await carryOut(pair, wish, timeoutOf(options.timeout))}\n`);
}

export interface EmptyOptions extends PairChoice {
  readonly olderThan?: string;
  readonly timeout: string;
}

export async function emptyTrash(options: EmptyOptions): Promise<void> {
  const pair = await findPairOnly(options);
  const age = options.olderThan === undefined ? 0 : parseDuration(options.olderThan);
  if (age === null) throw usage('--older-than takes a time such as 12h or 30d.');
  const wish = { command: 'empty-trash', at: '' as RelPath, arg: String(age) } as const;
  process.stdout.write(`${await carryOut(pair, wish, timeoutOf(options.timeout))}\n`);
}
