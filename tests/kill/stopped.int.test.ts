/**
 * A worker that stands still (SIGSTOP) for longer than BullMQ keeps its job's lock, under load, while a second one is
 * started. The kernel's lock on the pair is what counts: the second does nothing before the first has let go of the pair or
 * is dead, and from then on the first never acts again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { programFile } from '@lazysync/programs';
import { afterEach, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { agree } from '../outage/support/agree.ts';
import { judgeTrace } from './support/lane-trace.ts';

const ALL = process.env.LAZYSYNC_KILL === 'all';
/** BullMQ keeps the lock of a job for 30 s. */
const STANDS_MS = ALL ? 60_000 : 5_000;
const WORKER = programFile('sync-worker');

let lab: Lab;
let second: ChildProcess | null = null;
afterEach(async () => {
  second?.kill('SIGKILL');
  second = null;
  await lab.close();
});

const linesOf = (text: string, pid: number, word: string): number =>
  text.split('\n').filter((line) => line.includes(`"pid":${pid},`) && line.includes(`"${word}"`)).length;

test(`a worker stands still for ${STANDS_MS / 1000} s, and a second one is started`, { timeout: 400_000 }, async () => {
  lab = new Lab('stopped');
  fs.writeFileSync(lab.r('stays'), 'stays');
  await lab.up('--log-level', 'debug');
  const files = ALL ? 600 : 100;
  for (let i = 0; i < files; i++) fs.writeFileSync(lab.l(`f${i}`), `file ${i}`);
  const [first = 0] = lab.pids('sync-worker');
  await waitFor('it is at work', 60_000, () => linesOf(lab.err, first, 'step done') > 20);
  process.kill(first, 'SIGSTOP');
  const stopped = Date.now();
  const effective = fs
    .readdirSync(lab.state)
    .map((name) => path.join(lab.state, name, 'effective.json'))
    .find((file) => fs.existsSync(file));
  const args = [
    '--disable-warning=ExperimentalWarning',
    WORKER,
    '--effective',
    effective ?? '',
    '--log-level',
    'debug',
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  second = child;
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  // It is asked to work the pair as soon as the first one's lease in Redis has run out.
  await waitFor('the second one says that the pair is taken', 120_000, () => /Another worker has the pair/.test(said));
  for (let i = 0; i < 20; i++) fs.writeFileSync(lab.l(`while-${i}`), `while it stood still ${i}`);
  await waitFor('the time of the lock', STANDS_MS + 60_000, () => Date.now() - stopped > STANDS_MS);
  expect(linesOf(said, child.pid ?? 0, 'step done')).toBe(0);
  process.kill(first, 'SIGCONT');
  await waitFor('what was done meanwhile', 200_000, () => fs.existsSync(lab.r('while-19')));
  await agree(lab, 200_000);
  const trace = judgeTrace(`${lab.err}\n${said}`);
  expect(trace.wrong).toEqual([]);
  process.stdout.write(
    `stood still for ${STANDS_MS / 1000} s: ${trace.jobs} jobs, ${trace.steps} steps, ${trace.again} jobs begun again, by ${trace.workers} workers, one after the other\n`,
  );
});

test('a worker that is killed at rest is at rest again', { timeout: 200_000 }, async () => {
  lab = new Lab('stopped');
  fs.writeFileSync(lab.r('stays'), 'stays');
  await lab.up();
  await agree(lab);
  const [first = 0] = lab.pids('sync-worker');
  process.kill(first, 'SIGKILL');
  await waitFor('another worker', 60_000, () => lab.pids('sync-worker').some((pid) => pid !== first));
  await agree(lab);
});
