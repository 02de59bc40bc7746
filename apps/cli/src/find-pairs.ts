/** Which pairs a command is about. Never looks into a mount that may be dead. */
import fs from 'node:fs';
import path from 'node:path';
import { isNetworkStorage, isPairId, pairStateDir, type RedisPlace, showPath, stateDir } from '@lazysync/config';
import { parseRelPath, type RelPath, ROOT } from '@lazysync/event-model';
import { mountOf } from '@lazysync/ops';
import { findPair, type PairFile } from '@lazysync/replica/anchor';
import { usage } from './exit.ts';
import { parseRedis } from './option-texts.ts';
import { readPairRecord } from './pair-record.ts';
import { redisPlace } from './places.ts';

export interface KnownPair {
  readonly id: string;
  readonly local: string;
  readonly remote: string;
  /** The state folder. */
  readonly state: string;
  readonly redis: RedisPlace | null;
  /** The path that was asked for, below the root. */
  readonly at: RelPath;
}

export interface PairChoice {
  readonly path?: string | undefined;
  readonly local?: string | undefined;
  readonly config?: string | undefined;
  readonly state?: string | undefined;
}

/** By PATH, --local, -c, the current folder, LAZYSYNC_CONFIG; else all that the state folder knows. */
export async function findPairs(choice: PairChoice): Promise<readonly KnownPair[]> {
  const state = stateDir(choice.state);
  if (choice.path !== undefined) {
    if (choice.path === '') throw usage('The path is empty.');
    const found = pairOf(path.resolve(choice.path), state);
    if (found === null)
      throw usage(`${showPath(choice.path)} lies in no pair: name its local folder with --local DIR.`);
    return [found];
  }
  if (choice.local !== undefined) {
    if (choice.local === '') throw usage('The folder after --local is empty.');
    const found = pairOf(path.resolve(choice.local), state);
    if (found === null || found.at !== ROOT)
      throw usage(
        `${showPath(choice.local)} is not the local folder of a pair: "lazysync up --remote DIR --local DIR" makes it one.`,
      );
    return [found];
  }
  if (choice.config !== undefined) return await pairsOfConfig(choice.config, state);
  const here = pairOf(currentFolder(), state);
  if (here !== null) return [here];
  const { LAZYSYNC_CONFIG: config } = process.env;
  if (config !== undefined && config !== '') return await pairsOfConfig(config, state);
  return recordsOf(state).map((record) => known(record, record.local, ROOT));
}

/** For commands that can only be about one. */
export async function findPairOnly(choice: PairChoice): Promise<KnownPair> {
  const [first, ...more] = await findPairs(choice);
  if (first === undefined) throw usage('No pair is known here: name its local folder with --local DIR.');
  if (more.length > 0) throw usage('There are several pairs: name the local folder of one with --local DIR.');
  return first;
}

function currentFolder(): string {
  try {
    // As the shell spells it: looking nothing up.
    return process.cwd();
  } catch {
    throw usage('The current folder does not exist any more.');
  }
}

function known(pair: PairFile, local: string, at: RelPath): KnownPair {
  return { id: pair.id, local, remote: pair.remote, state: pair.state, redis: redisPlace(pair.redis), at };
}

function pairOf(file: string, state: string): KnownPair | null {
  for (const record of recordsOf(state)) {
    const at = below(file, record.remote);
    if (at !== null) return known(record, record.local, at);
  }
  if (isOnNetwork(file)) return null;
  const found = findPair(file);
  return found === null ? null : known(found.pair, found.root, found.path);
}

/** By the text alone. */
function below(file: string, root: string): RelPath | null {
  if (file === root) return ROOT;
  return file.startsWith(`${root}/`) ? parseRelPath(file.slice(root.length + 1)) : null;
}

/** LOCAL never lies there, and looking there could hang. */
function isOnNetwork(file: string): boolean {
  const mount = mountOf(file);
  return mount !== null && isNetworkStorage(mount);
}

function recordsOf(state: string): PairFile[] {
  let names: string[];
  try {
    names = fs.readdirSync(state);
  } catch {
    return []; // nothing was ever started here
  }
  return names
    .filter(isPairId)
    .sort()
    .map((id) => readPairRecord(state, id))
    .filter((record) => record !== null);
}

async function pairsOfConfig(file: string, state: string): Promise<KnownPair[]> {
  const { loadConfig } = await import('@lazysync/config/load');
  const loaded = loadConfig(path.resolve(file));
  if (loaded.kind === 'refused') throw usage(loaded.messages.join('\n'));
  const named = process.env.REDIS_URL ?? loaded.redis;
  const redis = named === undefined ? null : await parseRedis(named);
  return loaded.pairs.map(({ id: given, local, remote }): KnownPair => {
    const record =
      given === undefined
        ? recordsOf(state).find((one) => one.local === local || one.local === realOr(local))
        : readPairRecord(state, given);
    const id = given ?? record?.id;
    if (id === undefined) throw usage(`The pair of ${showPath(local)} was never started, and ${file} gives it no id.`);
    return { id, local, remote, state, redis: redis ?? (record ? redisPlace(record.redis) : null), at: ROOT };
  });
}

function realOr(file: string): string {
  try {
    return fs.realpathSync(file);
  } catch {
    return file;
  }
}

/** Where a pair's base lies. */
export function baseFile(pair: KnownPair): string {
  return path.join(pairStateDir(pair.state, pair.id), 'base.db');
}
