/**
 * The wall clock is set by hours, forward and back, in the middle of work: nothing waits for it, nothing is lost. The clock
 * of the program's processes, Redis too, is set by a library that is preloaded; the machine's stays as it is.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { differences, filesUnder } from '../e2e/support/trees.ts';
import { waitFor } from '../e2e/support/wait-for.ts';

const LIMIT = 240_000;
const HOUR = 3_600;
const without = spawnSync('gcc', ['--version']).status === 0 ? null : 'there is no gcc';

let library: string;
let clock: string;
let lab: Lab;

beforeAll(() => {
  const folder = fs.mkdtempSync('/tmp/lazysync-clock-');
  library = path.join(folder, 'clock.so');
  clock = path.join(folder, 'clock');
  if (without !== null) return;
  const source = path.join(import.meta.dirname, 'support/clock.c');
  const made = spawnSync('gcc', ['-shared', '-fPIC', '-O1', '-w', '-o', library, source, '-ldl'], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
});
afterAll(() => fs.rmSync(path.dirname(library), { recursive: true }));
afterEach(async () => {
  await lab.close();
});

/** Put in its place as a whole: it is read all the time. */
function setClock(hours: number): void {
  fs.writeFileSync(`${clock}.new`, String(hours * HOUR));
  fs.renameSync(`${clock}.new`, clock);
}

async function upWithClock(): Promise<void> {
  process.env.LD_PRELOAD = library;
  process.env.LAZYSYNC_CLOCK = clock;
  try {
    await lab.up('--log-level', 'debug');
  } finally {
    delete process.env.LD_PRELOAD;
    delete process.env.LAZYSYNC_CLOCK;
  }
}

const isFile = (full: string): boolean => fs.lstatSync(full, { throwIfNoEntry: false })?.isFile() ?? false;
const isThere = (full: string): boolean => fs.lstatSync(full, { throwIfNoEntry: false }) !== undefined;

test.skipIf(without !== null)(
  `the clock is set while a pair is at work, and while it is held${without === null ? '' : ` (skipped: ${without})`}`,
  { timeout: LIMIT },
  async () => {
    lab = new Lab('clock');
    setClock(0);
    for (let i = 0; i < 6; i++) fs.writeFileSync(lab.r(`f${i}`), `file ${i}`);
    await upWithClock();
    const said = (): number => {
      const last = lab.err.trimEnd().split('\n').at(-1) ?? '{}';
      return (Number((JSON.parse(last) as { time?: unknown }).time) - Date.now()) / 1000 / HOUR;
    };
    const works = async (turn: number): Promise<void> => {
      fs.writeFileSync(lab.l(`here-${turn}`), `made here ${turn}`);
      fs.writeFileSync(lab.r(`there-${turn}`), `made there ${turn}`);
      fs.writeFileSync(lab.l('edited'), `edited ${turn}`);
      fs.readFileSync(lab.l(`f${turn}`));
      await waitFor(
        `turn ${turn}`,
        45_000,
        () =>
          isFile(lab.r(`here-${turn}`)) &&
          isThere(lab.l(`there-${turn}`)) &&
          isFile(lab.l(`f${turn}`)) &&
          fs.readFileSync(lab.r('edited'), 'utf8') === `edited ${turn}`,
      );
    };
    await works(0);
    setClock(6);
    await works(1);
    expect(Math.round(said())).toBe(6);
    setClock(-6);
    await works(2);
    expect(Math.round(said())).toBe(-6);

    // Held until the marker is there again, however late the clock says it is.
    const marker = lab.r('.lazysync/root.json');
    fs.renameSync(marker, `${marker}.away`);
    fs.writeFileSync(lab.l('while-held'), 'made while it was held');
    await waitFor('held', 60_000, () => lab.status().state === 'held');
    setClock(-30);
    const until = performance.now() + 1_500;
    await waitFor('it has been looked at since', 5_000, () => performance.now() > until);
    fs.renameSync(`${marker}.away`, marker);
    await waitFor('it goes on by itself', 45_000, () => isFile(lab.r('while-held')));
    await works(3);
    lab.wait();
    expect(lab.status()).toMatchObject({ state: 'idle', problems: 0, held: 0, conflicts: 0 });
    expect(differences(lab.local, lab.remote)).toEqual([]);
    // ORDER: comparing reads every stub, which downloads it by way of the stage.
    lab.wait();
    for (const root of [lab.local, lab.remote]) expect(filesUnder(path.join(root, '.lazysync/stage'))).toEqual([]);
  },
);
