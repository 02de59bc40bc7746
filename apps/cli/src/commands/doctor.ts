/** `lazysync doctor`: looks at this machine and at each pair, and says what to do about what is wrong. Changes nothing. */
import fs from 'node:fs';
import path from 'node:path';
import { lookWithin } from '@lazysync/config';
import { errnoOf } from '@lazysync/ops';
import { mountFacts } from '@lazysync/replica';
import { type Finding, judgeMachine, judgePair, type MachineSeen, type PairSeen } from '../diagnosis.ts';
import { CliError, EXIT } from '../exit.ts';
import { baseFile, findPairs, type KnownPair, type PairChoice } from '../find-pairs.ts';
import { readReports } from '../pair-reports.ts';
import { safe, shortPath, table } from '../words.ts';
import { openIfThere } from './ls.ts';

interface Report {
  readonly id: string;
  readonly local: string;
  readonly remote: string;
  readonly findings: readonly Finding[];
}

/** ms for a look at a mount that may be dead. */
const LOOK_MS = 3_000;

export async function doctor(options: PairChoice & { readonly json?: boolean }): Promise<void> {
  const pairs = await findPairs(options);
  const seen = await seePairs(pairs);
  const directories = seen.reduce((sum, pair) => sum + pair.directories, 0);
  const machine = judgeMachine(seeMachine(), directories);
  const reports = pairs.map(({ id, local, remote }, at): Report => {
    const one = seen[at];
    return { id, local, remote, findings: one === undefined ? [] : judgePair(one) };
  });
  if (options.json === true)
    process.stdout.write(`${JSON.stringify({ version: 1, machine, pairs: reports }, null, 2)}\n`);
  else process.stdout.write(`${shown(machine, reports)}\n`);
  const all = [...machine, ...reports.flatMap((report) => report.findings)];
  if (all.some(({ level }) => level === 'bad')) throw new CliError(EXIT.refused, '');
}

const MARKS = { ok: 'ok', warn: '!', bad: 'X' } as const;

function shown(machine: readonly Finding[], reports: readonly Report[]): string {
  const lines = (findings: readonly Finding[]): string =>
    table(
      findings.map(({ level, about, says, mend }) => [
        MARKS[level],
        about,
        `${safe(says)}${mend === null ? '' : `   ->  ${mend}`}`,
      ]),
    );
  const pairs = reports.map(
    ({ id, local, remote, findings }) => `${id}   ${shortPath(local)}  <->  ${shortPath(remote)}\n${lines(findings)}`,
  );
  return [lines(machine), ...pairs].join('\n\n');
}

// ------------------------------------------------------------------------------------------------------ what is seen

function seeMachine(): MachineSeen {
  const dirs = [...(process.env.PATH ?? '').split(':'), '/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'];
  return {
    node: process.versions.node,
    redisServer: dirs.some((dir) => dir !== '' && fs.existsSync(path.join(dir, 'redis-server'))),
    watches: seeWatches(),
  };
}

function seeWatches(): MachineSeen['watches'] {
  const number = (name: string): number => Number(fs.readFileSync(`/proc/sys/fs/inotify/${name}`, 'utf8'));
  try {
    return { limit: number('max_user_watches'), used: usedWatches(), instances: number('max_user_instances') };
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return null;
  }
}

/** Of this user's processes, as far as they can be looked at. */
function usedWatches(): number {
  const mine = process.getuid?.() ?? 0;
  let used = 0;
  for (const pid of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (fs.statSync(`/proc/${pid}`).uid !== mine) continue;
      for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
        if (fs.readlinkSync(`/proc/${pid}/fd/${fd}`) !== 'anon_inode:inotify') continue;
        used += fs.readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8').split('\ninotify ').length - 1;
      }
    } catch (error) {
      // Ended meanwhile, or hidden from us.
      if (errnoOf(error) === null) throw error;
    }
  }
  return used;
}

async function seePairs(pairs: readonly KnownPair[]): Promise<readonly PairSeen[]> {
  const reports = await readReports(pairs);
  return await Promise.all(
    pairs.map(async (pair): Promise<PairSeen> => {
      const status = reports.find((report) => report.status.id === pair.id)?.status;
      const [local, remote] = await Promise.all([lookWithin(pair.local, LOOK_MS), seeRemote(pair)]);
      return {
        id: pair.id,
        directories: status?.directories ?? 0,
        runs: (status?.worker.length ?? 0) > 0 && (status?.watchers.length ?? 0) > 0,
        local: {
          free: freeIn(pair.local),
          writable: local.kind === 'directory' && local.canWrite,
          linkAtime: probed(pair, 'local').linkAtime ?? null,
        },
        remote,
        problems: status?.problems ?? 0,
        held: status?.held ?? 0,
      };
    }),
  );
}

/** LOCAL lies on a disk of this machine. */
function freeIn(folder: string): number | null {
  try {
    const { bavail, bsize } = fs.statfsSync(folder);
    return bavail * bsize;
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return null;
  }
}

async function seeRemote(pair: KnownPair): Promise<PairSeen['remote']> {
  const facts = mountFacts(pair.remote);
  const probe = probed(pair, 'remote');
  const known = {
    fsType: facts.fsType,
    listingCacheMs: facts.listingCacheMs,
    hardLinks: probe.hardLinks ?? null,
    clockAheadMs: probe.clockAheadMs ?? null,
    readOnly: false,
    writable: false,
  };
  const look = await lookWithin(pair.remote, LOOK_MS);
  switch (look.kind) {
    case 'directory':
      return { ...known, answers: 'yes', why: null, readOnly: look.readOnly, writable: look.canWrite };
    case 'silent':
      return { ...known, answers: 'silent', why: `does not answer within ${Math.round(look.ms / 1000)} s` };
    case 'absent':
      return { ...known, answers: 'absent', why: 'does not exist: is it mounted?' };
    case 'not-a-directory':
      return { ...known, answers: 'broken', why: 'is a file' };
    case 'error':
      return { ...known, answers: 'broken', why: `can not be looked at (${look.code})` };
  }
}

interface Probed {
  readonly linkAtime?: boolean;
  readonly hardLinks?: boolean;
  readonly clockAheadMs?: number | null;
}

/** What was found out at the last start. */
function probed(pair: KnownPair, side: 'local' | 'remote'): Probed {
  const base = openIfThere(baseFile(pair));
  if (base === null) return {};
  try {
    return JSON.parse(base.meta(`probe-${side}`) ?? '{}') as Probed;
  } finally {
    base.close();
  }
}
