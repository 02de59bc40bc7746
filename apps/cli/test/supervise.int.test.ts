/** Real processes, really killed. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Supervisor, supervise } from '../src/supervise.ts';
import { until } from './support/cli.ts';

let folder = '';
let supervisor: Supervisor | null = null;
let lines: string[] = [];
let restarts: string[] = [];
let halted: { name: string; why: string; lines: readonly string[] }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lazysync-supervise-'));
  lines = [];
  restarts = [];
  halted = [];
});
afterEach(async () => {
  await supervisor?.stop(100);
  supervisor = null;
  rmSync(folder, { recursive: true, force: true });
});

function start(source: string, times = {}): Supervisor {
  const file = join(folder, 'child.mjs');
  writeFileSync(file, source);
  supervisor = supervise(
    [{ name: 'child', command: async () => [file], env: { HELLO: 'you' } }],
    {
      line: (_name, line) => lines.push(line),
      restarting: (_name, why) => restarts.push(why),
      halted: (name, why, last) => halted.push({ name, why, lines: last }),
    },
    { backoff: [10], ...times },
  );
  return supervisor;
}

const STAYS = `process.on('disconnect', () => process.exit(0)); console.error('up ' + process.env.HELLO);`;
const ups = (): number => lines.filter((line) => line === 'up you').length;
const gone = (pid: number): boolean =>
  !readdirSync('/proc').includes(String(pid)) || /^State:\sZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

test('who is killed is started again, for ever', async () => {
  const started = start(STAYS);
  for (let round = 1; round <= 7; round++) {
    await until(`start ${round}`, () => ups() === round);
    process.kill(started.pid('child') ?? 0, 'SIGKILL');
  }
  await until('the last start', () => ups() === 8);
  expect(restarts).toEqual(Array.from({ length: 7 }, () => 'was ended by SIGKILL'));
  expect(halted).toEqual([]);
});

test('five failures of its own are enough, and its last words are kept', async () => {
  start(`console.error('no such thing'); process.exit(7);`);
  await until('giving up', () => halted.length > 0);
  expect(halted).toEqual([{ name: 'child', why: 'ended with exit code 7', lines: ['no such thing'] }]);
  expect(restarts).toHaveLength(4);
});

test('who got somewhere each time may fail as often as it likes', async () => {
  start(`console.error('up you'); process.send({ kind: 'achieved' }, () => process.exit(1));`);
  await until('the eighth start', () => ups() === 8);
  expect(halted).toEqual([]);
});

test('to live long is not to get somewhere, and what was achieved once does not count for ever', async () => {
  const once = join(folder, 'once');
  start(
    `import fs from 'node:fs';
     console.error('up you');
     const end = () => setTimeout(() => process.exit(1), 60);
     if (fs.existsSync(${JSON.stringify(once)})) end();
     else { fs.writeFileSync(${JSON.stringify(once)}, ''); process.send({ kind: 'achieved' }, end); }`,
    { restedAfter: 50 },
  );
  await until('giving up', () => halted.length > 0);
  expect(halted.map(({ why }) => why)).toEqual(['ended with exit code 1']);
  expect(ups()).toBe(5);
});

test('what can not even be started is given up, too', async () => {
  supervisor = supervise(
    [
      {
        name: 'child',
        command: async () => await Promise.reject(new Error('EMFILE: too many open files')),
        env: {},
      },
    ],
    {
      line: (_name, line) => lines.push(line),
      restarting: (_name, why) => restarts.push(why),
      halted: (name, why, last) => halted.push({ name, why, lines: last }),
    },
    { backoff: [10] },
  );
  await until('giving up', () => halted.length > 0);
  expect(halted[0]?.why).toBe('could not be started: EMFILE: too many open files');
});

test('each has a process group of its own, and what it started ends with it', async () => {
  const started = start(`
    import { spawn } from 'node:child_process';
    const grandchild = spawn('sleep', ['1000'], { stdio: 'ignore' });
    console.error('has ' + grandchild.pid);
    ${STAYS}`);
  const pid = await until('start', () => (ups() === 1 ? started.pid('child') : null));
  const group = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2];
  expect(Number(group)).toBe(pid);
  const grandchild = Number(lines.find((line) => line.startsWith('has '))?.slice(4));
  process.kill(pid, 'SIGKILL');
  await until('the end of the grandchild', () => gone(grandchild));
});

test('a stop is orderly, or after its time a kill', async () => {
  const started = start(`process.on('SIGTERM', () => { console.error('bye'); process.exit(0); }); ${STAYS}`);
  await until('start', () => ups() === 1);
  await started.stop(5000);
  expect(lines).toContain('bye');
  expect(restarts).toEqual([]);

  lines = [];
  const stubborn = start(`process.on('SIGTERM', () => console.error('no')); setInterval(() => {}, 1000); ${STAYS}`);
  const pid = await until('start', () => (ups() === 1 ? stubborn.pid('child') : null));
  const since = performance.now();
  await stubborn.stop(300);
  expect(performance.now() - since).toBeLessThan(1500);
  expect(lines).toContain('no');
  await until('its end', () => gone(pid));
});

test('who has to be wanted is started then, each time anew; a stop does not wait for that', async () => {
  const file = join(folder, 'child.mjs');
  writeFileSync(file, STAYS);
  const wants: (() => void)[] = [];
  const pids: (number | undefined)[] = [];
  supervisor = supervise(
    [
      {
        name: 'child',
        command: async () => [file],
        env: { HELLO: 'you' },
        wanted: (stop) =>
          new Promise((resolve) => {
            wants.push(resolve);
            stop.addEventListener('abort', () => resolve());
          }),
        started: ({ pid }) => pids.push(pid),
      },
    ],
    {
      line: (_name, line) => lines.push(line),
      restarting: (_name, why) => restarts.push(why),
      halted: () => undefined,
    },
    { backoff: [10] },
  );
  for (let round = 1; round <= 2; round++) {
    await until('waiting to be wanted', () => wants.length === round);
    expect([supervisor.pid('child'), supervisor.uptime('child')]).toEqual([null, 0]);
    expect(pids).toHaveLength(round - 1);
    wants.at(-1)?.();
    await until('its start', () => ups() === round);
    expect(supervisor.pid('child')).toBe(pids.at(-1));
    process.kill(pids.at(-1) ?? 0, 'SIGKILL');
  }
  await until('waiting once more', () => wants.length === 3);
  const since = performance.now();
  await supervisor.stop(60_000);
  expect(performance.now() - since).toBeLessThan(10_000);
  expect(ups()).toBe(2);
  expect(restarts).toEqual(['was ended by SIGKILL', 'was ended by SIGKILL']);
});

test('whose wish fails is given up like one that can not be started', async () => {
  supervisor = supervise(
    [{ name: 'child', command: async () => [], env: {}, wanted: () => Promise.reject(new Error('no door')) }],
    {
      line: (_name, line) => lines.push(line),
      restarting: (_name, why) => restarts.push(why),
      halted: (name, why, last) => halted.push({ name, why, lines: last }),
    },
    { backoff: [10] },
  );
  await until('giving up', () => halted.length > 0);
  expect(halted[0]?.why).toBe('could not be started: no door');
});
