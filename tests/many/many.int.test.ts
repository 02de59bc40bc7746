/**
 * Many pairs of empty folders in one file. LAZYSYNC_MANY=1000 is `npm run test:many`, which also asks how long the start
 * takes and what it costs at rest; the normal run has fewer pairs, and counts what grows with them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { programFile } from '@lazysync/programs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';

const MANY = Number(process.env.LAZYSYNC_MANY ?? 40);
const ALL = process.env.LAZYSYNC_MANY !== undefined;
const START_MS = ALL ? 60_000 : 55_000;
const REST_S = ALL ? 60 : 10;
const MAIN = programFile('cli');

let top: string;
let up: ChildProcess;
let out = '';
let readyMs = 0;

async function until(what: string, holds: () => boolean, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}\n${out.slice(-3000)}`);
    await pause(50);
  }
}

beforeAll(async () => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'lazysync-many-')));
  const pairs = Array.from({ length: MANY }, (_, at) => `p${at + 1}`);
  for (const id of pairs) for (const side of ['r', 'l']) mkdirSync(join(top, side, id), { recursive: true });
  const lines = pairs.map((id) => `  - { id: ${id}, remote: ${top}/r/${id}, local: ${top}/l/${id} }\n`);
  writeFileSync(join(top, 'lazysync.yaml'), `pairs:\n${lines.join('')}`);
  const args = ['up', '-c', join(top, 'lazysync.yaml'), '--state', join(top, 'state'), '--log-level', 'warn'];
  const since = performance.now();
  up = spawn(process.execPath, [MAIN, ...args, '--port', '7588'], { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [up.stdout, up.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (out += text));
  await until('ready', () => /^ready /m.test(out), 300_000);
  readyMs = performance.now() - since;
}, 320_000);

afterAll(async () => {
  const ended = new Promise((resolve) => up.once('exit', resolve));
  up.kill('SIGINT');
  await ended;
  rmSync(top, { recursive: true, force: true, maxRetries: 5 });
}, 60_000);

interface Seen {
  readonly pid: number;
  readonly name: string;
}

/** The command, and what it started. */
function processes(): Seen[] {
  const found: Seen[] = [];
  const walk = (pid: number): void => {
    const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    const name = /apps\/([a-z-]+)\//.exec(line)?.[1] ?? (line.includes('redis-server') ? 'redis' : 'other');
    found.push({ pid, name });
    for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' '))
      if (child !== '') walk(Number(child));
  };
  walk(up.pid ?? 0);
  return found;
}

const cpuSeconds = ({ pid }: Seen): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const memoryMb = ({ pid }: Seen): number =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024);
const inotifies = ({ pid }: Seen): number =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === 'anon_inode:inotify';
    } catch {
      return false; // closed meanwhile
    }
  }).length;

test(`${MANY} pairs are ready, in as many processes as one pair has`, async () => {
  expect(/^ready .*$/m.exec(out)?.[0]).toMatch(new RegExp(`^ready {2}${MANY.toLocaleString('en')} pairs; 0 stubs`));
  const names = (): string[] => processes().map(({ name }) => name);
  expect(names().sort()).toEqual(['cli', 'endpoint', 'endpoint', 'redis', 'sync-worker', 'watcher']);
  // Its first visitor starts it. All that follows is asked with it, too.
  expect((await fetch('http://127.0.0.1:7588/')).status).toBe(200);
  expect(names().sort()).toEqual(['cli', 'dashboard', 'endpoint', 'endpoint', 'redis', 'sync-worker', 'watcher']);
  // A user may have 128 by default, in all programs.
  for (const one of processes()) expect(inotifies(one)).toBeLessThanOrEqual(18);
  process.stderr.write(`${MANY} pairs were ready after ${(readyMs / 1000).toFixed(1)} s\n`);
  if (ALL) expect(readyMs).toBeLessThanOrEqual(START_MS);
});

test('at rest they cost little', async () => {
  const raw = new Redis(join(top, 'state', 'redis', 'redis.sock'));
  const commands = async (): Promise<number> =>
    Number(/total_commands_processed:(\d+)/.exec(await raw.info('stats'))?.[1] ?? 0);
  try {
    await pause(ALL ? 20_000 : 5_000);
    const all = processes();
    const [asked, used] = [await commands(), all.map(cpuSeconds)];
    await pause(REST_S * 1_000);
    const perSecond = ((await commands()) - asked) / REST_S;
    const percent = all.map((one, at) => ((cpuSeconds(one) - (used[at] ?? 0)) / REST_S) * 100);
    const lines = all.map((one, at) => `  ${one.name} ${percent[at]?.toFixed(2)} % ${memoryMb(one)} MB`);
    const sum = percent.reduce((a, b) => a + b, 0);
    process.stderr.write(
      `at rest ${sum.toFixed(2)} % of a core, ${Math.round(perSecond)} commands a second\n${lines.join('\n')}\n`,
    );
    // Counted, not timed: each lane asks once a second while there are few, and less often where there are many.
    expect(perSecond).toBeLessThan(ALL ? 1_000 : 20 * MANY);
    if (ALL) expect(sum).toBeLessThanOrEqual(10);
  } finally {
    raw.disconnect();
  }
}, 120_000);

test('a change in any of them is carried out at once, however seldom idle lanes ask', async () => {
  const begun = performance.now();
  writeFileSync(join(top, 'l', `p${MANY}`, 'new'), 'of a test');
  await until('the file in the remote', () => existsSync(join(top, 'r', `p${MANY}`, 'new')), 60_000);
  process.stderr.write(`a new file was there after ${(performance.now() - begun).toFixed(0)} ms\n`);
}, 80_000);
