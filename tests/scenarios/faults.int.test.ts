/**
 * A remote that fails (EIO) or refuses (EACCES), as a whole or in one folder: nothing is removed anywhere, it is said, and
 * it goes on by itself when that is over. The calls of the program's processes fail by a library that is preloaded.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { differences, filesUnder, pathsOf } from '../e2e/support/trees.ts';
import { waitFor } from '../e2e/support/wait-for.ts';

const LIMIT = 240_000;
const FILES = ['a', 'b', 'd/e', 'd/f', 'd/g/h', 'stays/i'];
const without = spawnSync('gcc', ['--version']).status === 0 ? null : 'there is no gcc';

let library: string;
let fault: string;
let lab: Lab;

beforeAll(() => {
  const folder = fs.mkdtempSync('/tmp/lazysync-fault-');
  library = path.join(folder, 'fault.so');
  fault = path.join(folder, 'fault');
  const source = path.join(import.meta.dirname, 'support/fault.c');
  if (without !== null) return;
  const made = spawnSync('gcc', ['-shared', '-fPIC', '-O1', '-w', '-o', library, source, '-ldl'], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
});
afterAll(() => fs.rmSync(path.dirname(library), { recursive: true }));

beforeEach(() => {
  lab = new Lab('faults');
  for (const name of FILES) {
    fs.mkdirSync(path.dirname(lab.r(name)), { recursive: true });
    fs.writeFileSync(lab.r(name), `text of ${name}`);
  }
});
afterEach(async () => {
  fs.rmSync(fault, { force: true });
  await lab.close();
});

async function upWithFaults(): Promise<void> {
  process.env.LD_PRELOAD = library;
  process.env.LAZYSYNC_FAULT = fault;
  try {
    await lab.up();
  } finally {
    delete process.env.LD_PRELOAD;
    delete process.env.LAZYSYNC_FAULT;
  }
  for (const name of ['a', 'd/e']) fs.readFileSync(lab.l(name));
  await waitFor('copies', 60_000, () => ['a', 'd/e'].every((name) => fs.lstatSync(lab.l(name)).isFile()));
  lab.wait();
}

const fails = (code: 'EIO' | 'EACCES', root: string): void =>
  fs.writeFileSync(fault, `${constants.errno[code]} ${root}`);
/** Nothing that takes up space is done there any more. */
const usedUp = (root: string): void => fs.writeFileSync(fault, `${constants.errno.EDQUOT}w ${root}`);
const trashes = (): string[] => [...filesUnder(lab.l('.lazysync/trash')), ...filesUnder(lab.r('.lazysync/trash'))];

/** In the normal run one of each kind. */
const leftOut = (here: boolean): boolean => without !== null || (process.env.LAZYSYNC_SCENARIOS !== 'all' && !here);

describe.each(['EIO', 'EACCES'] as const)(`%s${without === null ? '' : ` (skipped: ${without})`}`, (code) => {
  test.skipIf(leftOut(code === 'EIO'))('the whole remote', { timeout: LIMIT }, async () => {
    await upWithFaults();
    const before = pathsOf(lab.local);
    fails(code, lab.remote);
    fs.writeFileSync(lab.l('new'), 'made meanwhile');
    fs.appendFileSync(lab.l('a'), ', edited');
    fs.rmSync(lab.l('b'));
    await waitFor('a state that says so', 60_000, () =>
      ['remote-offline', 'held', 'halted'].includes(lab.status().state),
    );
    expect(pathsOf(lab.remote)).toEqual(before);
    expect(pathsOf(lab.local)).toEqual([...before.filter((name) => name !== 'b'), 'new'].sort());
    expect(trashes()).toEqual([]);
    fs.rmSync(fault);
    await waitFor('it goes on by itself', 90_000, () => fs.existsSync(lab.r('new')));
    lab.wait();
    expect(fs.readFileSync(lab.r('a'), 'utf8')).toBe('text of a, edited');
    expect(fs.existsSync(lab.r('b'))).toBe(false);
    // ORDER: comparing reads every stub, which downloads it.
    expect(lab.status()).toMatchObject({ state: 'idle', problems: 0, held: 0, conflicts: 0 });
    expect(differences(lab.local, lab.remote)).toEqual([]);
  });

  test.skipIf(leftOut(code === 'EACCES'))('one folder of it', { timeout: LIMIT }, async () => {
    await upWithFaults();
    const before = pathsOf(lab.local);
    fails(code, lab.r('d'));
    fs.writeFileSync(lab.l('d/new'), 'made meanwhile');
    fs.rmSync(lab.l('d/f'));
    fs.writeFileSync(lab.l('new'), 'elsewhere');
    await waitFor('the rest goes on', 60_000, () => fs.existsSync(lab.r('new')));
    lab.run(['rescan', '--local', lab.local]);
    await waitFor('a problem that says so', 60_000, () => lab.status().problems > 0);
    expect(pathsOf(lab.remote)).toEqual([...before, 'new'].sort());
    expect(pathsOf(lab.local)).toEqual([...before.filter((name) => name !== 'd/f'), 'd/new', 'new'].sort());
    expect(trashes()).toEqual([]);
    fs.rmSync(fault);
    await waitFor('it goes on by itself', 120_000, () => fs.existsSync(lab.r('d/new')) && !fs.existsSync(lab.r('d/f')));
    await waitFor('no problem is left', 120_000, () => lab.status().problems === 0);
    lab.wait();
    // ORDER: comparing reads every stub, which downloads it.
    expect(lab.status()).toMatchObject({ state: 'idle', problems: 0, held: 0, conflicts: 0 });
    expect(differences(lab.local, lab.remote)).toEqual([]);
  });
});

describe(`a quota that is used up${without === null ? '' : ` (skipped: ${without})`}`, () => {
  test.skipIf(without !== null)('of the remote', { timeout: LIMIT }, async () => {
    await upWithFaults();
    usedUp(lab.remote);
    fs.writeFileSync(lab.l('new'), 'made meanwhile');
    fs.mkdirSync(lab.l('folder'));
    fs.appendFileSync(lab.l('a'), ', edited');
    // The trash takes up space, too: nothing is deleted without it.
    fs.rmSync(lab.l('b'));
    await waitFor('a problem at each', 60_000, () => lab.status().problems >= 4);
    expect(lab.run(['problems', '--local', lab.local]).out).toMatch(/^.*\bnew\b.*quota is used up/m);
    // What takes no space there goes on.
    fs.readFileSync(lab.l('d/f'));
    await waitFor('a download', 60_000, () => fs.lstatSync(lab.l('d/f')).isFile());
    expect(fs.readFileSync(lab.r('a'), 'utf8')).toBe('text of a');
    expect(fs.readFileSync(lab.r('b'), 'utf8')).toBe('text of b');
    expect(pathsOf(lab.remote)).not.toContain('new');
    expect(filesUnder(lab.r('.lazysync/stage'))).toEqual([]);
    fs.rmSync(fault);
    await waitFor('it goes on by itself', 120_000, () => lab.status().problems === 0 && fs.existsSync(lab.r('folder')));
    lab.wait();
    expect(fs.existsSync(lab.r('b'))).toBe(false);
    expect(fs.readFileSync(lab.r('a'), 'utf8')).toBe('text of a, edited');
    expect(differences(lab.local, lab.remote)).toEqual([]);
  });

  test.skipIf(leftOut(false))('of local', { timeout: LIMIT }, async () => {
    await upWithFaults();
    usedUp(lab.local);
    const open = (): void => void fs.readFileSync(lab.l('d/f'));
    open();
    await waitFor('a problem', 60_000, () => lab.status().problems > 0);
    fs.writeFileSync(lab.r('elsewhere'), 'made there meanwhile');
    fs.rmSync(lab.r('b'));
    // A stub takes up space, too; a delete does not.
    await waitFor('the delete', 90_000, () => fs.lstatSync(lab.l('b'), { throwIfNoEntry: false }) === undefined);
    expect(fs.lstatSync(lab.l('d/f')).isSymbolicLink()).toBe(true);
    expect(filesUnder(lab.l('.lazysync/stage'))).toEqual([]);
    fs.appendFileSync(lab.l('a'), ', edited');
    await waitFor('an upload', 60_000, () => fs.readFileSync(lab.r('a'), 'utf8') === 'text of a, edited');
    fs.rmSync(fault);
    await waitFor(
      'it goes on by itself',
      120_000,
      () => fs.existsSync(lab.l('elsewhere')) && lab.status().problems === 0,
    );
    lab.wait();
    expect(differences(lab.local, lab.remote)).toEqual([]);
  });
});
