/** `lazysync watch --side remote`: the watcher on the file server. Needs no pair, no base and no mount; only the same Redis. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { showPath } from '@lazysync/config';
import { OWN_FOLDER } from '@lazysync/event-model';
import { errnoOf } from '@lazysync/ops';
import { usage } from '../exit.ts';
import { parseLogLevel, parseRedis } from '../option-texts.ts';
import { redisText } from '../places.ts';
import { become } from './one-process.ts';

export interface WatchRemoteOptions {
  readonly side?: string;
  readonly root?: string;
  readonly remoteId?: string;
  readonly redis?: string;
  readonly logLevel?: string;
  /** Of a pair: no use here. */
  readonly remote?: string;
  readonly local?: string;
  readonly config?: string;
}

const PROGRAM = fileURLToPath(new URL('../../../watcher/src/server-main.ts', import.meta.url));

export async function watchRemote(options: WatchRemoteOptions): Promise<void> {
  const { side, root, redis = process.env.REDIS_URL } = options;
  if (side !== 'remote') throw usage(`--side is remote or local, not ${JSON.stringify(side)}.`);
  if (options.remote !== undefined || options.local !== undefined || options.config !== undefined)
    throw usage('On the file server only the folder itself is named: --root DIR, and the Redis of its pairs.');
  if (root === undefined) throw usage('Which folder? Give --root DIR, the folder that is mounted elsewhere.');
  if (redis === undefined || redis === '')
    throw usage('No Redis is named: give --redis URL (or REDIS_URL), the one that the pairs of this remote use.');
  const real = folderAt(root);
  const uuid = markerOf(real, root);
  if (options.remoteId !== undefined && options.remoteId !== uuid)
    throw usage(`${showPath(root)} carries the marker ${uuid}, not ${options.remoteId}: is it the right folder?`);
  const args = ['--root', real, '--remote-id', uuid, '--log-level', parseLogLevel(options.logLevel ?? 'info')];
  become(PROGRAM, args, { ...process.env, REDIS_URL: redisText(await parseRedis(redis)) });
}

function folderAt(root: string): string {
  try {
    const real = fs.realpathSync(path.resolve(root));
    if (fs.statSync(real).isDirectory()) return real;
  } catch (error) {
    if (errnoOf(error) === null) throw error;
  }
  throw usage(`${showPath(root)} is no folder that can be read.`);
}

function markerOf(real: string, shown: string): string {
  let raw: unknown = null;
  try {
    raw = JSON.parse(fs.readFileSync(path.join(real, OWN_FOLDER, 'root.json'), 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError) && errnoOf(error) === null) throw error;
  }
  if (typeof raw === 'object' && raw !== null && 'uuid' in raw && typeof raw.uuid === 'string') return raw.uuid;
  throw usage(`${showPath(shown)} carries no marker yet: start a pair on it first, through its mount ("lazysync up").`);
}
