/** `lazysync watch`, `work`, `dashboard`: one of the processes alone, for containers and services. Becomes that process. */
import fs from 'node:fs';
import path from 'node:path';
import {
  defaultPairId,
  defaultSettings,
  type EffectiveConfig,
  type EffectivePair,
  loadConfig,
  pairStateDir,
  type RedisPlace,
  stateDir,
  writeEffective,
} from '@lazysync/config';
import { writePairFile } from '@lazysync/replica';
import { usage } from '../exit.ts';
import { findPairs } from '../find-pairs.ts';
import { type ProgramName, programOf, redisText } from '../places.ts';
import { type PairWishText, parseLogLevel, parsePort, parseRedis, planRun } from '../plan-run.ts';
import { newBoot, writePairRecord } from '../run.ts';

export interface ProcessOptions {
  readonly remote?: string;
  readonly local?: string;
  readonly id?: string;
  readonly config?: string;
  readonly state?: string;
  readonly redis?: string;
  readonly logLevel?: string;
  readonly host?: string;
  readonly port?: string;
}

export async function oneProcess(name: ProgramName, options: ProcessOptions): Promise<void> {
  const state = stateDir(options.state);
  const wish = await wishOf(options);
  const redis = wish.redis;
  const pairs =
    name === 'dashboard'
      ? pairsUnseen(wish.pairs, state)
      : await pairsLookedAt(wish.pairs, { ...options, redis: redisText(redis) });
  fs.mkdirSync(state, { recursive: true, mode: 0o700 });
  const effective: EffectiveConfig = { v: 1, boot: newBoot(), state, redis, pairs };
  const file = path.join(state, `effective-${name}.json`);
  writeEffective(file, effective);
  const args = ['--effective', file, '--log-level', parseLogLevel(options.logLevel ?? 'info')];
  if (name === 'dashboard')
    args.push('--host', options.host ?? '127.0.0.1', '--port', String(parsePort(options.port ?? '7420')));
  become(programOf(name), args, { ...process.env, LAZYSYNC_BOOT: effective.boot });
}

interface Wish {
  readonly pairs: readonly PairWishText[];
  readonly redis: RedisPlace;
}

/** The pairs that are named, or else those that were started here before. */
async function wishOf({ remote, local, id, config, state, redis }: ProcessOptions): Promise<Wish> {
  const named = redis ?? process.env.REDIS_URL;
  if (remote !== undefined || local !== undefined) {
    if (remote === undefined || local === undefined)
      throw usage('The options --remote DIR and --local DIR go together.');
    return { pairs: [{ remote, local, id }], redis: await redisOf(named) };
  }
  const file = config ?? process.env.LAZYSYNC_CONFIG;
  if (file !== undefined && file !== '') {
    const loaded = loadConfig(path.resolve(file));
    if (loaded.kind === 'refused') throw usage(loaded.messages.join('\n'));
    return { pairs: loaded.pairs, redis: await redisOf(named ?? loaded.redis) };
  }
  const found = await findPairs({ state });
  const first = found[0];
  if (first === undefined) throw usage('No pair is named: give -c FILE, or --remote DIR and --local DIR.');
  const place = named === undefined ? first.redis : await redisOf(named);
  if (place === null) throw usage('No Redis is named: give --redis URL.');
  return { pairs: found, redis: place };
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
): Promise<EffectivePair[]> {
  const plan = await planRun({ pairs, state, redis, logLevel: parseLogLevel(logLevel ?? 'info') }, { alone: true });
  for (const notice of plan.notices) process.stderr.write(`lazysync: ${notice}\n`);
  return plan.pairs.map(({ id, local, remote, state: own, settings, makeLocal }) => {
    if (makeLocal) fs.mkdirSync(local, { recursive: true });
    const file = { v: 1, id, local, remote, state: plan.state, redis } as const;
    fs.mkdirSync(own, { recursive: true, mode: 0o700 });
    writePairFile(local, file);
    writePairRecord(plan.state, file);
    return { id, local, remote, state: own, settings };
  });
}

/** The same process from now on: signals, exit code and descriptors are its own. */
function become(program: string, args: readonly string[], env: NodeJS.ProcessEnv): never {
  if (process.execve === undefined) throw new Error('this Node can not replace a process');
  const known = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
  const node = process.execPath;
  return process.execve(node, [node, '--disable-warning=ExperimentalWarning', program, ...args], known);
}
