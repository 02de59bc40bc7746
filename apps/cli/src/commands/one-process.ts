/** `lazysync watch`, `work`, `dashboard`: one of the processes alone, for containers and services. Becomes that process. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  defaultPairId,
  type EffectiveConfig,
  type EffectivePair,
  effectiveFile,
  PLAN_ONLY,
  pairStateDir,
  type RedisPlace,
  readEffective,
  stateDir,
  writeEffective,
} from '@lazysync/config';
import { defaultSettings } from '@lazysync/config/schema';
import { QUIET_MEMORY } from '@lazysync/ops';
import { writePairFile } from '@lazysync/replica/anchor';
import { usage } from '../exit.ts';
import { findPairs } from '../find-pairs.ts';
import { parseLogLevel, parsePort, parseRedis } from '../option-texts.ts';
import { parsePairs } from '../pair-names.ts';
import { writePairRecord } from '../pair-record.ts';
import { type ProgramName, programOf, redisText } from '../places.ts';
import { type PairWishText, planRun } from '../plan-run.ts';
import { newBoot } from '../run.ts';

export interface ProcessOptions {
  readonly remote?: string;
  readonly local?: string;
  readonly id?: string;
  readonly config?: string;
  readonly state?: string;
  readonly redis?: string;
  readonly logLevel?: string;
  readonly pairs?: string;
  readonly host?: string;
  readonly port?: string;
}

export async function oneProcess(name: ProgramName, options: ProcessOptions): Promise<void> {
  const state = stateDir(options.state);
  const wish = await wishOf(options);
  const redis = wish.redis;
  const pins = pinsOf(name, options, wish.pairs);
  const { pairs, unseen } =
    name === 'dashboard'
      ? { pairs: pairsUnseen(wish.pairs, state), unseen: [] }
      : await pairsLookedAt(wish.pairs, { ...options, redis: redisText(redis) });
  fs.mkdirSync(state, { recursive: true, mode: 0o700 });
  const file = effectiveFile(state, name, os.hostname());
  const planOnly = process.env[PLAN_ONLY] === '1';
  // Whoever has it planned anew goes on with the start that it has.
  const boot = planOnly ? readEffective(file).boot : newBoot();
  const effective: EffectiveConfig = { v: 1, boot, state, redis, pairs, unseen };
  writeEffective(file, effective);
  if (planOnly) return;
  const args = ['--effective', file, '--log-level', parseLogLevel(options.logLevel ?? 'info')];
  if (wish.file !== null) args.push('--config', wish.file, '--plan', JSON.stringify(process.argv.slice(1)));
  if (pins !== null) args.push('--pairs', pins.join(','));
  if (name === 'dashboard')
    args.push('--host', options.host ?? '127.0.0.1', '--port', String(parsePort(options.port ?? '7420')));
  become(programOf(name), args, { ...process.env, LAZYSYNC_BOOT: effective.boot });
}

/** Ids of the pairs that this process is to serve, and no others; null: any. */
function pinsOf(
  name: ProgramName,
  { pairs }: ProcessOptions,
  known: readonly PairWishText[],
): readonly string[] | null {
  const named = pairs ?? (name === 'watcher' ? process.env.WATCH_PAIRS : process.env.WORK_PAIRS);
  if (name === 'dashboard' || named === undefined || named === '') return null;
  return parsePairs(named, known);
}

interface Wish {
  readonly pairs: readonly PairWishText[];
  readonly redis: RedisPlace;
  /** Where the pairs come from, if from a file. */
  readonly file: string | null;
}

/** The pairs that are named, or else those that were started here before. */
async function wishOf({ remote, local, id, config, state, redis }: ProcessOptions): Promise<Wish> {
  const named = redis ?? process.env.REDIS_URL;
  if (remote !== undefined || local !== undefined) {
    if (remote === undefined || local === undefined)
      throw usage('The options --remote DIR and --local DIR go together.');
    return { pairs: [{ remote, local, id }], redis: await redisOf(named), file: null };
  }
  const file = config ?? process.env.LAZYSYNC_CONFIG;
  if (file !== undefined && file !== '') {
    const { loadConfig } = await import('@lazysync/config/load');
    const loaded = loadConfig(path.resolve(file));
    if (loaded.kind === 'refused') throw usage(loaded.messages.join('\n'));
    return { pairs: loaded.pairs, redis: await redisOf(named ?? loaded.redis), file: path.resolve(file) };
  }
  const found = await findPairs({ state });
  const first = found[0];
  if (first === undefined) throw usage('No pair is named: give -c FILE, or --remote DIR and --local DIR.');
  const place = named === undefined ? first.redis : await redisOf(named);
  if (place === null) throw usage('No Redis is named: give --redis URL.');
  return { pairs: found, redis: place, file: null };
}

async function redisOf(text: string | undefined): Promise<RedisPlace> {
  if (text === undefined || text === '')
    throw usage('No Redis is named: the processes of a pair meet in one; give --redis URL, or REDIS_URL.');
  return await parseRedis(text);
}

/** The dashboard reads bases, and needs no folder of a pair. */
function pairsUnseen(pairs: readonly PairWishText[], state: string): EffectivePair[] {
  return pairs.map(({ id: given, local, remote, settings }) => {
    const id = given ?? defaultPairId(path.resolve(local), path.resolve(remote));
    return {
      id,
      local: path.resolve(local),
      remote: path.resolve(remote),
      state: pairStateDir(state, id),
      settings: settings ?? defaultSettings(),
    };
  });
}

async function pairsLookedAt(
  pairs: readonly PairWishText[],
  { state, redis, logLevel }: ProcessOptions & { readonly redis: string },
): Promise<{ readonly pairs: EffectivePair[]; readonly unseen: readonly string[] }> {
  const plan = await planRun({ pairs, state, redis, logLevel: parseLogLevel(logLevel ?? 'info') }, { alone: true });
  for (const notice of plan.notices) process.stderr.write(`lazysync: ${notice}\n`);
  const made = plan.pairs.map(({ id, local, remote, state: own, settings, makeLocal }) => {
    if (makeLocal) fs.mkdirSync(local, { recursive: true });
    const file = { v: 1, id, local, remote, state: plan.state, redis } as const;
    fs.mkdirSync(own, { recursive: true, mode: 0o700 });
    writePairFile(local, file);
    writePairRecord(plan.state, file);
    return { id, local, remote, state: own, settings };
  });
  return { pairs: made, unseen: plan.unseen };
}

/** The same process from now on: signals, exit code and descriptors are its own. */
export function become(program: string, args: readonly string[], env: NodeJS.ProcessEnv): never {
  if (process.execve === undefined) throw new Error('this Node can not replace a process');
  const known = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
  const node = process.execPath;
  return process.execve(node, [node, '--disable-warning=ExperimentalWarning', QUIET_MEMORY, program, ...args], known);
}
