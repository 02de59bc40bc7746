/** From options to a start that is known to be possible. Looks at everything, touches nothing. */
import { readFileSync } from 'node:fs';
import {
  defaultPairId,
  type FolderLook,
  isNetworkStorage,
  isPairId,
  type JudgedPair,
  judgeFolders,
  judgeState,
  lookAtAll,
  PAIR_ID_RULE,
  type PairSettings,
  type PairWish,
  pairStateDir,
  type RedisPlace,
  showPath,
  stateDir,
} from '@lazysync/config';
import { type LogLevel, type Mount, mountOf, parseMountinfo } from '@lazysync/ops';
import { type PairFile, readPairFile } from '@lazysync/replica/anchor';
import { type CliError, refused, usage } from './exit.ts';
import { absoluteFolder, parseRedis } from './option-texts.ts';
import { readPairRecord } from './pair-record.ts';
import { isUpLockHeld, localLockFile, pairLockFile } from './up-lock.ts';

export interface RunWish {
  readonly pairs: readonly PairWishText[];
  readonly state: string | undefined;
  /** As the user wrote it; undefined: embedded. */
  readonly redis: string | undefined;
  readonly logLevel: LogLevel;
}

export interface PairWishText {
  readonly remote: string;
  readonly local: string;
  readonly id: string | undefined;
  readonly settings?: PairSettings;
}

export interface PlannedPair {
  readonly id: string;
  /** Real paths; `local` may still have to be made. */
  readonly local: string;
  readonly remote: string;
  /** As the user wrote it, absolute. */
  readonly shownLocal: string;
  readonly makeLocal: boolean;
  readonly state: string;
  readonly settings: PairSettings;
}

export interface RunPlan {
  readonly pairs: readonly PlannedPair[];
  readonly state: string;
  readonly redis: RedisPlace | null;
  readonly logLevel: LogLevel;
  /** What a person should know; one sentence each. */
  readonly notices: readonly string[];
  /** Ids of pairs that were left out, because their folders can not be seen from here. */
  readonly unseen: readonly string[];
}

export interface PlanOptions {
  /** For one process, which waits for Redis itself and meets others there: they may see folders that it does not. */
  readonly alone?: boolean;
  /** Of a plan that is running: its pairs are not taken for those of another `up`. */
  readonly running?: readonly string[];
}

/** Throws CliError with one sentence. */
export async function planRun(wish: RunWish, { alone = false, running = [] }: PlanOptions = {}): Promise<RunPlan> {
  const state = stateDir(wish.state === undefined ? undefined : absoluteFolder('--state', wish.state));
  const asked = wish.pairs.map((pair) => ({
    ...pair,
    remote: absoluteFolder('--remote', pair.remote),
    local: absoluteFolder('--local', pair.local),
  }));
  for (const { id } of asked)
    if (id !== undefined && !isPairId(id))
      throw usage(`The id ${showPath(id)} is not usable: it must be ${PAIR_ID_RULE}.`);
  const redis = wish.redis === undefined ? null : await parseRedis(wish.redis);
  // Loads while another process looks at the folders; who needs it hears of its failure.
  if (redis === null) import('@lazysync/queue/embedded').catch(() => undefined);

  const [[stateLook, ...looks], { defaultSettings }] = await Promise.all([
    lookAtAll([state, ...asked.flatMap(({ remote, local }) => [remote, local])]),
    import('@lazysync/config/schema'),
  ]);
  if (stateLook === undefined) throw new Error('the state folder was not looked at');
  const mounts = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  const seen = asked.map((pair, index) => {
    const localLook = looks[2 * index + 1] as FolderLook;
    const knownRemote = localLook.kind === 'directory' ? (readPairFile(localLook.real)?.remote ?? null) : null;
    return { ...pair, remoteLook: looks[2 * index] as FolderLook, localLook, knownRemote };
  });
  const { visible, notices: hidden } = alone ? onlyVisible(seen, mounts) : { visible: seen, notices: [] };
  const judged = judgeFolders(visible, mounts);
  if (judged.kind === 'refused') throw (judged.why === 'folders' ? usage : refused)(judged.message);
  const badState = judgeState(state, stateLook, judged.pairs, mounts);
  if (badState !== null) throw usage(badState);

  const pairs = judged.pairs.map((pair, index): PlannedPair => {
    const { id: given, settings, local: shownLocal } = visible[index] as (typeof visible)[number];
    const id = choosePairId(given, pair, state);
    const { remote, local, makeLocal } = pair;
    return {
      id,
      local,
      remote,
      shownLocal,
      makeLocal,
      state: pairStateDir(state, id),
      settings: settings ?? defaultSettings(),
    };
  });
  const ids = new Set<string>();
  for (const pair of pairs) {
    if (ids.has(pair.id)) throw usage(`The id ${pair.id} is that of two pairs: give one of them another.`);
    ids.add(pair.id);
    if (!alone && !running.includes(pair.id)) checkNotRunning(pair);
  }
  const warnings = redis === null || alone ? [] : await checkRedis(redis);
  const notices = [...judged.pairs.flatMap((pair) => pair.notices), ...warnings, ...hidden];
  const unseen = seen
    .filter((pair) => !visible.includes(pair))
    .map(({ id, local, remote }) => id ?? defaultPairId(local, remote));
  return { pairs, state, redis, logLevel: wish.logLevel, notices, unseen };
}

type Seen = PairWish & PairWishText;

/** Pairs whose folders are not here are for others; if all are, something is wrong. */
function onlyVisible(
  seen: readonly Seen[],
  mounts: readonly Mount[],
): { readonly visible: readonly Seen[]; readonly notices: readonly string[] } {
  const notices: string[] = [];
  const visible = seen.filter((pair) => {
    if (pair.remoteLook.kind === 'directory' && pair.localLook.kind === 'directory') return true;
    const judged = judgeFolders([pair], mounts);
    if (judged.kind === 'good') return true;
    notices.push(
      `${judged.message.replace(/[.]$/, '')}; the pair ${pair.id ?? showPath(pair.local)} is left to others.`,
    );
    return false;
  });
  return visible.length === 0 ? { visible: seen, notices: [] } : { visible, notices };
}

const PING_MS = 3000;

async function checkRedis(redis: RedisPlace): Promise<readonly string[]> {
  const { ping } = await import('@lazysync/queue');
  const outcome = await ping(redis, PING_MS);
  if (outcome.kind === 'unreachable') throw refused(outcome.message);
  return outcome.warnings;
}

function choosePairId(given: string | undefined, pair: JudgedPair, state: string): string {
  const known = pair.makeLocal ? null : readPairFile(pair.local);
  if (known !== null && known.remote !== pair.remote && pair.remoteMarker !== known.id && given === undefined)
    throw otherRemote(pair, known);
  const id = given ?? (known !== null && isPairId(known.id) ? known.id : defaultPairId(pair.local, pair.remote));
  const record = readPairRecord(state, id);
  if (record !== null && record.local !== pair.local && stillThere(record)) {
    throw usage(`The id ${id} belongs to the pair of ${showPath(record.local)}: give this pair another with --id.`);
  }
  return id;
}

function otherRemote({ local, remote }: JudgedPair, known: PairFile): CliError {
  return usage(
    `The local folder ${showPath(local)} is paired with ${showPath(known.remote)}, not with ${showPath(remote)}: name that remote, choose another --local, or give --id NAME to begin a new pair here.`,
  );
}

/** The pair of that record still lives where the record says (LOCAL was neither moved nor removed). */
function stillThere(record: PairFile): boolean {
  const mount = mountOf(record.local);
  return mount !== null && !isNetworkStorage(mount) && readPairFile(record.local)?.id === record.id;
}

function checkNotRunning(pair: PlannedPair): void {
  if (isUpLockHeld(pairLockFile(pair.state))) throw alreadyRuns(pair.id);
  if (!pair.makeLocal && isUpLockHeld(localLockFile(pair.local))) throw alreadyRuns(pair.id, pair.local);
}

export function alreadyRuns(id: string, local?: string): CliError {
  const what = local === undefined ? `the pair ${id}` : `the local folder ${showPath(local)}`;
  return refused(`Another "lazysync up" already runs for ${what}: use it, or stop it first.`);
}
