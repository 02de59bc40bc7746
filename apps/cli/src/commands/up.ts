/** `lazysync up`: everything a pair needs, in the foreground. */
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { openBaseReader } from '@lazysync/base';
import type { FollowedFile } from '@lazysync/watch';
import { CliError, GaveUp, refused, usage } from '../exit.ts';
import { type Foreground, inForeground } from '../foreground.ts';
import type { HeadStart } from '../head-start.ts';
import { parseLogLevel, parsePort } from '../option-texts.ts';
import { nameOf, parsePairs } from '../pair-names.ts';
import { type PlannedPair, planRun, type RunPlan } from '../plan-run.ts';
import { programName } from '../program-name.ts';
import { readyLine, readyLineOf, someStub, statusLine, tryLine } from '../ready-text.ts';
import { whenAborted } from '../signals.ts';

export interface StartOptions {
  readonly remote: string;
  readonly local: string;
  readonly id?: string;
  readonly state?: string;
  readonly redis?: string;
  readonly logLevel?: string;
}

export interface UpOptions extends Omit<StartOptions, 'remote' | 'local'> {
  readonly remote?: string;
  readonly local?: string;
  readonly config?: string;
  readonly pairs?: string;
  readonly port: string;
  readonly dashboard: boolean;
}

export function planOf({ remote, local, id, state, redis, logLevel }: StartOptions): Promise<RunPlan> {
  const named = redis ?? process.env.REDIS_URL;
  return planRun({
    pairs: [{ remote, local, id }],
    state,
    redis: redis === undefined && named === '' ? undefined : named,
    logLevel: parseLogLevel(logLevel),
  });
}

/** The pairs of the file as it is now. `running`: those that this `up` has already. */
async function planOfFile(file: string, options: UpOptions, running: readonly string[] = []): Promise<RunPlan> {
  const { loadConfig } = await import('@lazysync/config/load');
  const loaded = loadConfig(file);
  if (loaded.kind === 'refused') throw usage(loaded.messages.join('\n'));
  const only = options.pairs === undefined ? null : parsePairs(options.pairs, loaded.pairs);
  const env = process.env.REDIS_URL;
  return planRun(
    {
      pairs: loaded.pairs.filter((pair) => only === null || only.includes(nameOf(pair))),
      state: options.state,
      redis: options.redis ?? (env === '' ? undefined : env) ?? loaded.redis,
      logLevel: parseLogLevel(options.logLevel),
    },
    { running },
  );
}

/** Where the pairs are named; null: on the command line. */
function fileOf({ remote, local, id, config, pairs }: UpOptions): string | null {
  const named = remote !== undefined || local !== undefined;
  if (config !== undefined) {
    if (named || id !== undefined)
      throw usage('The pairs are named in the file after -c: leave --remote, --local and --id out.');
    if (config === '') throw usage('The file after --config is empty.');
    return path.resolve(config);
  }
  if (remote === undefined || local === undefined)
    throw usage(
      named
        ? `The option --${remote === undefined ? 'remote' : 'local'} DIR is missing: a pair is two folders.`
        : 'No pair is named: give --remote DIR and --local DIR, or a file of pairs with -c FILE.',
    );
  if (pairs !== undefined) throw usage('The option --pairs names pairs of a file: it goes with -c FILE.');
  return null;
}

export async function up(options: UpOptions, headStart: HeadStart | null = null): Promise<void> {
  try {
    await upWith(options, headStart);
  } finally {
    headStart?.close();
  }
}

async function upWith(options: UpOptions, headStart: HeadStart | null): Promise<void> {
  const port = options.dashboard ? parsePort(options.port) : null;
  const file = fileOf(options);
  const { remote = '', local = '' } = options;
  const plan = file === null ? await planOf({ ...options, remote, local }) : await planOfFile(file, options);
  await inForeground(plan, { port, headStart }, async (foreground) => {
    const { run, log, signal } = foreground;
    // Its pairs are halted. Redis and the dashboard go on, so that everybody can see why.
    const halted = run.broken.then(({ message }) => log.error(message));
    halted.catch((error: unknown) => log.error({ err: error }, 'could not say why the pairs are halted'));
    const following = file === null ? null : await followPairs(file, options, foreground);
    try {
      const [only, ...more] = plan.pairs;
      try {
        if (only !== undefined && more.length === 0 && file === null) await showReady(foreground, only);
        else await showAllReady(foreground);
      } catch (error) {
        if (!(error instanceof GaveUp)) throw error;
        foreground.progress.clear();
        process.stdout.write(`halted  ${error.message.split('\n')[0]}\n`);
      }
      await whenAborted(signal);
    } finally {
      await following?.close();
    }
  });
}

/** What is changed in the file is carried out; what can not be is said, and everything stays as it is. */
async function followPairs(file: string, options: UpOptions, { run, log }: Foreground): Promise<FollowedFile> {
  const { followFile } = await import('@lazysync/watch/follow-file');
  let turn: Promise<void> = Promise.resolve();
  const apply = async (): Promise<void> => {
    try {
      const plan = await planOfFile(
        file,
        options,
        run.effective.pairs.map(({ id }) => id),
      );
      if (plan.redis !== null && !isDeepStrictEqual(plan.redis, run.effective.redis))
        log.warn('Another Redis is taken at the next start.');
      for (const notice of plan.notices) log.warn(notice);
      const { added, removed, changed } = await run.apply(plan);
      const news = [...added.map((id) => `+${id}`), ...removed.map((id) => `-${id}`), ...changed.map((id) => `~${id}`)];
      if (news.length > 0) process.stdout.write(`pairs  ${news.join(' ')}\n`);
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      for (const line of error.message.split('\n')) log.error(line);
      log.error('The old configuration is kept.');
    }
  };
  return followFile(file, () => {
    turn = turn.then(apply).catch((error: unknown) => log.error({ err: error }, 'the pairs could not be changed'));
  });
}

async function showReady({ ready, run, progress }: Foreground, pair: PlannedPair): Promise<void> {
  const readiness = await ready(pair);
  progress.clear();
  if (readiness.kind === 'halted') throw refused(`The pair ${pair.id} is halted: ${readiness.why}`);
  const lines = [readyLine(readiness)];
  const stub = readiness.kind === 'ready' ? someStubOf(pair) : null;
  if (stub !== null) lines.push(tryLine(pair.shownLocal, stub));
  lines.push(statusLine(programName(), pair.shownLocal, run.url()));
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function showAllReady({ ready, run, progress, log }: Foreground): Promise<void> {
  const { pairs } = run.effective;
  const all = await Promise.all(pairs.map(async (pair) => ({ id: pair.id, readiness: await ready(pair) })));
  progress.clear();
  for (const { id, readiness } of all)
    if (readiness.kind === 'halted') log.error({ pair: id }, `The pair ${id} is halted: ${readiness.why}`);
  const url = run.url();
  const status = `status  ${programName()} status${url === null ? '' : `    dashboard  ${url}/`}    Ctrl-C stops, files stay readable`;
  process.stdout.write(`${readyLineOf(all)}\n${status}\n`);
}

function someStubOf(pair: PlannedPair): ReturnType<typeof someStub> {
  const base = openBaseReader(path.join(pair.state, 'base.db'));
  try {
    return someStub(base);
  } finally {
    base.close();
  }
}
