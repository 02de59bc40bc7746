/**
 * A storm: far more changes in local than anybody can carry out meanwhile. What waits is bounded, no process grows without
 * end, and in the end both sides hold the same. `npm run test:storm` makes 300,000 files; the normal run fewer.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { differences, filesUnder, pathsOf } from '../e2e/support/trees.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { type MemoryWatch, watchMemory } from './support/watch-memory.ts';

const ALL = process.env.LAZYSYNC_STORM === 'all';
const FILES = Number(process.env.LAZYSYNC_STORM_FILES ?? (ALL ? 300_000 : 3_000));
const FOLDERS = ALL ? 100 : 10;
const REST_MS = ALL ? 3_000_000 : 120_000;
const APPS = ['watcher', 'sync-worker', 'endpoint'] as const;
/** MB */
const PROCESS_MOST = 700;
const PROCESS_LATER = 400;
const REDIS_MOST = 300;

const MAKER = path.join(import.meta.dirname, 'support/make-storm.ts');

let lab: Lab;
let memory: MemoryWatch;
afterEach(async () => {
  memory.stop();
  await lab.close();
}, 600_000);

function redisPid(): number[] {
  try {
    return [Number(fs.readFileSync(path.join(lab.state, 'redis/redis.pid'), 'utf8'))];
  } catch {
    return []; // it is being started again
  }
}

const shown = (figures: ReadonlyMap<string, number>): string =>
  [...figures].map(([name, mb]) => `${name} ${mb} MB`).join(', ');

/** LAZYSYNC_STORM_LOG names a file that can be followed. */
function say(line: string): void {
  if (process.env.LAZYSYNC_STORM_LOG !== undefined) fs.appendFileSync(process.env.LAZYSYNC_STORM_LOG, `${line}\n`);
}

test(`${FILES} files are made, renamed, and partly removed`, { timeout: REST_MS + 900_000 }, async () => {
  lab = new Lab('storm');
  fs.writeFileSync(lab.r('stays'), 'stays');
  await lab.up();
  memory = watchMemory(
    () =>
      new Map<string, readonly number[]>([...APPS.map((app) => [app, lab.pids(app)] as const), ['redis', redisPid()]]),
  );
  const begun = performance.now();
  const maker = spawn(process.execPath, [MAKER, lab.local, String(FILES), String(FOLDERS)], { stdio: 'inherit' });
  const telling = setInterval(() => say(`in the storm: ${shown(memory.now())}`), 2_000);
  const code = await new Promise((resolve) => maker.once('exit', resolve));
  clearInterval(telling);
  const stormMs = performance.now() - begun;
  expect(code).toBe(0);
  const survivors = pathsOf(lab.local).length - FOLDERS - 1;
  expect(survivors).toBe(Math.ceil(FILES * 0.7));
  say(
    `${survivors} files are left of the storm after ${Math.round(stormMs / 1000)} s, at most ${shown(memory.most())}`,
  );
  await waitFor('rest', REST_MS, async () => {
    const status = lab.status();
    say(
      `${Math.round((performance.now() - begun) / 1000)} s: ${status.state}, ${status.entries} entries, ${status.queued} jobs, ${shown(memory.now())}`,
    );
    await new Promise((resolve) => setTimeout(resolve, ALL ? 5_000 : 250));
    return status.entries >= survivors + FOLDERS + 1 && status.state === 'idle' && status.queued === 0;
  });
  const restMs = performance.now() - begun;
  lab.wait(300);
  const later = await waitFor('less memory again', 60_000, () => {
    const now = memory.now();
    return [...now.values()].every((mb) => mb < PROCESS_LATER) ? now : null;
  });
  process.stdout.write(
    `storm: ${FILES} files in ${Math.round(stormMs / 1000)} s, ${survivors} survive, rest after ${Math.round(restMs / 1000)} s; at most ${shown(memory.most())}; then ${shown(later)}\n`,
  );
  const { redis = 0, ...processes } = Object.fromEntries(memory.most());
  expect(redis).toBeLessThan(REDIS_MOST);
  for (const [name, mb] of Object.entries(processes))
    expect([name, mb < PROCESS_MOST ? 'bounded' : mb]).toEqual([name, 'bounded']);
  expect(lab.status()).toMatchObject({ problems: 0, conflicts: 0, held: 0, transfers: 0 });
  // ORDER: comparing reads every stub, which downloads it by way of the stage.
  for (const root of [lab.local, lab.remote]) expect(filesUnder(path.join(root, '.lazysync/stage'))).toEqual([]);
  expect(differences(lab.local, lab.remote)).toEqual([]);
});
