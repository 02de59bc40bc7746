/** Redis dies, forgets, or finds its file damaged, while changes go on: none of them is lost. */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { judgeTrace } from '../kill/support/lane-trace.ts';
import { agree } from './support/agree.ts';

const ALL = process.env.LAZYSYNC_OUTAGE === 'all';
const LIMIT = 600_000;
const TURNS = ALL ? 20 : 2;
const BURSTS = ALL ? 20 : 3;
/** The connection is dropped so often, 200 times in a minute. */
const DROPS = ALL ? 200 : 12;
const DROP_MS = 300;

let lab: Lab;
beforeEach(() => {
  lab = new Lab('redis');
  fs.writeFileSync(lab.r('stays'), 'stays');
});
afterEach(async () => {
  await lab.close();
});

const redisFolder = (): string => path.join(lab.state, 'redis');
const redisPid = (): number | null => {
  try {
    return Number(fs.readFileSync(path.join(redisFolder(), 'redis.pid'), 'utf8'));
  } catch {
    return null;
  }
};

const flushAll = (): Promise<void> => tell('FLUSHALL');
/** Of everybody else: those for commands, those that block, and those for messages. */
const dropAll = async (): Promise<void> => {
  await tell('CLIENT KILL TYPE normal SKIPME yes');
  await tell('CLIENT KILL TYPE pubsub');
};

async function tell(command: string): Promise<void> {
  const { redis } = JSON.parse(fs.readFileSync(lab.l('.lazysync/pair.json'), 'utf8')) as { redis: string };
  const socket = net.connect(redis);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('data', () => resolve());
    socket.write(`${command}\r\n`);
  });
  socket.destroy();
}

/** Changes of all kinds on both sides, so many that they wait in the lane. */
function load(turn: number): void {
  for (let i = 0; i < 60; i++) {
    fs.mkdirSync(lab.l(`d${i % 6}`), { recursive: true });
    fs.writeFileSync(lab.l(`d${i % 6}`, `here-${turn}-${i}`), `here ${turn} ${i}`);
    fs.mkdirSync(lab.r(`e${i % 6}`), { recursive: true });
    fs.writeFileSync(lab.r(`e${i % 6}`, `there-${turn}-${i}`), `there ${turn} ${i}`);
  }
  if (turn === 0) return;
  for (let i = 0; i < 20; i++) fs.rmSync(lab.l(`d${i % 6}`, `here-${turn - 1}-${i}`));
  fs.renameSync(lab.l('d5', `here-${turn - 1}-59`), lab.l(`moved-${turn}`));
}

const expected = (turns: number): number => turns * 120 - (turns - 1) * 20;

function files(): number {
  return fs
    .readdirSync(lab.remote, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('.lazysync') && entry.name !== 'stays').length;
}

async function during(harm: () => void | Promise<void>): Promise<void> {
  await lab.up();
  for (let turn = 0; turn < TURNS; turn++) {
    load(turn);
    await waitFor('some of it is under way', 20_000, () => fs.existsSync(lab.r('d0', `here-${turn}-0`)));
    await harm();
    // What was made in this turn must be known before the next one takes some of it away again.
    await waitFor('the other side has it', 60_000, () => files() === expected(turn + 1));
  }
  await agree(lab);
  expect(files()).toBe(expected(TURNS));
}

test('kill -9 of redis-server under load', { timeout: LIMIT }, async () => {
  await during(async () => {
    const pid = await waitFor('a running Redis', 20_000, redisPid);
    process.kill(pid, 'SIGKILL');
    await waitFor('another Redis', 20_000, () => {
      const now = redisPid();
      return now !== null && now !== pid && lab.status().redis === 'up';
    });
  });
});

test('FLUSHALL under load', { timeout: LIMIT }, async () => {
  await during(flushAll);
});

test(`the connection is dropped ${DROPS} times under load: in order, and nothing twice`, {
  timeout: LIMIT,
}, async () => {
  await lab.up('--log-level', 'debug');
  const begun = performance.now();
  for (let drop = 0; drop < DROPS; drop++) {
    fs.mkdirSync(lab.l(`d${drop % 6}`), { recursive: true });
    for (let i = 0; i < 4; i++) fs.writeFileSync(lab.l(`d${drop % 6}`, `here-${drop}-${i}`), `here ${drop} ${i}`);
    fs.writeFileSync(lab.r(`there-${drop}`), `there ${drop}`);
    if (drop > 0) fs.renameSync(lab.l(`d${(drop - 1) % 6}`, `here-${drop - 1}-3`), lab.l(`moved-${drop}`));
    await dropAll();
    await waitFor('the next drop', 5_000, () => performance.now() - begun > drop * DROP_MS);
  }
  const seconds = (performance.now() - begun) / 1000;
  await waitFor('the other side has it', 120_000, () => files() === 5 * DROPS);
  await agree(lab, 120_000);
  const trace = judgeTrace(lab.err);
  process.stdout.write(
    `${DROPS} drops in ${seconds.toFixed(1)} s: ${trace.jobs} jobs, ${trace.steps} steps, ${trace.again} jobs begun again\n`,
  );
  expect(trace.wrong).toEqual([]);
  expect(trace.jobs).toBeGreaterThan(10);
});

test('a damaged file of Redis is said, and both sides are looked at', { timeout: LIMIT }, async () => {
  await lab.up();
  load(0);
  await waitFor('all of it', 60_000, () => files() === expected(1));
  await lab.down();
  const folder = path.join(redisFolder(), 'appendonlydir');
  const broken = fs.readdirSync(folder).filter((name) => name.endsWith('.aof'));
  expect(broken.length).toBeGreaterThan(0);
  for (const name of broken) {
    const file = path.join(folder, name);
    const bytes = fs.readFileSync(file);
    for (let at = 0; at < bytes.length; at += 97) bytes[at] = 0x7f;
    fs.writeFileSync(file, bytes);
  }
  load(1);
  await lab.up();
  await waitFor('what was done meanwhile', 60_000, () => files() === expected(2));
  expect(lab.err).toMatch(/damaged/i);
  await agree(lab);
});

test('kill -9 of everything in bursts', { timeout: LIMIT }, async () => {
  await lab.up();
  for (let turn = 0; turn < (ALL ? 5 : 1); turn++) {
    load(turn);
    for (let burst = 0; burst < BURSTS; burst++) {
      const pids = await waitFor('processes', 20_000, () => {
        const found = [...lab.pids('sync-worker'), ...lab.pids('watcher'), ...lab.pids('endpoint')];
        return found.length >= 2 ? found : null;
      });
      const redis = burst % 2 === 0 ? redisPid() : null;
      for (const pid of redis === null ? pids : [...pids, redis]) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          continue; // ended meanwhile
        }
      }
    }
    await waitFor('the other side has it', 90_000, () => files() === expected(turn + 1));
  }
  await agree(lab);
});
