/**
 * Random work in local and behind the mount, and kill -9 of the worker, the watcher, Redis, or all of them, again and
 * again: every version that was ever written can be found, both sides agree, and the lane was worked in order.
 * `npm run test:kill`: 200 kills within 10 minutes. LAZYSYNC_SEED for a certain run.
 */
import fs from 'node:fs';
import path from 'node:path';
import { laneCounts, openRedis } from '@lazysync/queue';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { filesUnder } from '../e2e/support/trees.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { noMounts, SlowRemote } from '../outage/support/slow-remote.ts';
import { Census } from '../scenarios/support/census.ts';
import { Place } from '../scenarios/support/place.ts';
import { localPathsIn, treeOf } from '../scenarios/support/seen.ts';
import { randomOf, User } from '../scenarios/support/user.ts';
import { judgeTrace } from './support/lane-trace.ts';

const ALL = process.env.LAZYSYNC_KILL === 'all';
const KILLS = ALL ? 200 : 6;
const SECONDS = ALL ? 600 : 15;
/** A kill at the latest so long after the one before, ms. */
const PATIENCE_MS = 20_000;
const SEED = Number(process.env.LAZYSYNC_SEED ?? Date.now() % 1_000_000);

type Victim = 'sync-worker' | 'watcher' | 'redis' | 'all';
const VICTIMS: readonly Victim[] = ['sync-worker', 'watcher', 'redis', 'all'];

let slow: SlowRemote;
let lab: Lab;

function redisPid(): number[] {
  try {
    return [Number(fs.readFileSync(path.join(lab.state, 'redis/redis.pid'), 'utf8'))];
  } catch {
    return []; // it is being started again
  }
}

function pidsOf(victim: Victim): number[] {
  if (victim === 'redis') return redisPid();
  if (victim !== 'all') return lab.pids(victim);
  return [...lab.pids('sync-worker'), ...lab.pids('watcher'), ...lab.pids('endpoint'), ...redisPid()];
}

function kill(victim: Victim): boolean {
  let killed = false;
  for (const pid of pidsOf(victim)) {
    try {
      process.kill(pid, 'SIGKILL');
      killed = true;
    } catch {
      continue; // ended meanwhile
    }
  }
  return killed;
}

describe.skipIf(noMounts !== null)(`kill -9${noMounts === null ? '' : ` (skipped: ${noMounts})`}`, () => {
  beforeEach(() => {
    slow = new SlowRemote('--rtt', '20ms', '--opts', 'dcache_timeout=1');
    lab = new Lab('kill', slow.remote);
    // By `rename` two round trips of each replace stay open to a save of another host; in ten minutes this work may meet them.
    if (ALL) lab.settings = { replace: 'capture' };
  }, 120_000);
  afterEach(async () => {
    await lab.close();
    slow.down();
  }, 120_000);

  test(`${KILLS} times at random while work goes on`, { timeout: (SECONDS * 3 + 600) * 1000 }, async () => {
    for (const name of ['stays', 'stays too']) fs.writeFileSync(slow.b(name), 'stays');
    await lab.up('--log-level', 'debug');
    const random = randomOf(SEED);
    const census = new Census();
    const users = [
      new User('here', lab.local, census, random, { throughStubs: false }),
      new User('there', slow.backing, census, random),
    ];
    const killed: Record<Victim, number> = { 'sync-worker': 0, watcher: 0, redis: 0, all: 0 };
    let kills = 0;
    let said = 0;
    const begun = Date.now();
    let last = begun;
    while (kills < KILLS || Date.now() - begun < SECONDS * 1000) {
      users[random() < 0.6 ? 0 : 1]?.act();
      const isDue = kills < KILLS && Date.now() - begun >= (kills * SECONDS * 1000) / KILLS;
      // A busy machine takes longer to start them again: whoever has not begun to work yet is not worth killing.
      const works = lab.err.indexOf('job begins', said) >= 0 || Date.now() - last > PATIENCE_MS;
      if (isDue && works) {
        const victim = VICTIMS[Math.floor(random() * VICTIMS.length)] ?? 'all';
        if (kill(victim)) {
          kills++;
          last = Date.now();
          said = lab.err.length;
          killed[victim]++;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 20 + 130 * random()));
    }
    const seconds = Math.round((Date.now() - begun) / 1000);
    await waitFor(
      'both processes run again',
      60_000,
      () => pidsOf('sync-worker').length > 0 && pidsOf('watcher').length > 0,
    );
    for (let round = 0, seen = ''; round < 8; round++) {
      lab.wait(300);
      const now = String(lab.status().lastChange);
      if (now === seen) break;
      seen = now;
    }
    // What could not be done in the middle of a kill is tried again, at times of its own.
    await waitFor('no problem is left', 120_000, () => {
      if (lab.status().problems === 0) return true;
      throw new Error(lab.run(['problems', '--json', '--local', lab.local]).out);
    });
    lab.wait(300);
    const status = lab.status();
    const redis = openRedis({ kind: 'socket', path: path.join(lab.state, 'redis/redis.sock') });
    const lane = await laneCounts(redis, status.id, 10_000);
    await redis.close();
    const listed = lab.run(['problems', '--json', '--local', lab.local]).out;
    // ORDER: looking at stubs and their files is taken for opens: nothing runs any more when that is done.
    await lab.down();
    const trace = judgeTrace(lab.err);
    const figures = [
      `seed ${SEED}: ${kills} kills in ${seconds} s (${Object.entries(killed)
        .map(([name, n]) => `${name} ${n}`)
        .join(', ')})`,
      `${census.versions} versions, ${census.overwritten} replaced by who had read them, ${status.conflicts} conflicts`,
      `${trace.jobs} jobs by ${trace.workers} workers, ${trace.again} begun again, ${trace.steps} steps`,
    ];
    process.stdout.write(`kill: ${figures.join('; ')}\n`);
    if (process.env.LAZYSYNC_KILL_LOG !== undefined)
      fs.writeFileSync(process.env.LAZYSYNC_KILL_LOG, `${census.diary.join('\n')}\n${lab.err}`);
    const place = new Place('', '', { local: lab.local, remote: slow.remote, far: slow.backing, run: () => '' });
    const missing = census.missing(lab.local, slow.backing);
    expect(missing, `seed ${SEED}`).toEqual([]);
    expect(trace.wrong, `seed ${SEED}`).toEqual([]);
    expect(trace.jobs).toBeGreaterThan(0);
    expect(lane, `seed ${SEED}`).toMatchObject({ waiting: 0, active: 0, failed: 0, delayed: 0 });
    expect([status, JSON.parse(listed)], `seed ${SEED}`).toMatchObject([
      { state: 'idle', queued: 0, held: 0, problems: 0, transfers: 0 },
      {},
    ]);
    expect(treeOf(place, 'local'), `seed ${SEED}`).toEqual(treeOf(place, 'far'));
    expect(localPathsIn(slow.backing, lab.top)).toEqual([]);
    for (const root of [lab.local, slow.backing]) expect(filesUnder(path.join(root, '.lazysync/stage'))).toEqual([]);
  });
});
