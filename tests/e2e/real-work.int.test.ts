/** Real work in the folders while everything dies now and then: what counts is what both sides hold in the end. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Lab } from './support/lab.ts';
import { differences, filesUnder } from './support/trees.ts';
import { waitFor } from './support/wait-for.ts';

const FILES = 1_600;
let lab: Lab;
let repo: string;
beforeEach(() => {
  lab = new Lab('work');
  fs.writeFileSync(lab.r('stays'), 'stays');
  repo = path.join(lab.top, 'source');
  makeRepository(repo);
});
afterEach(async () => {
  await lab.close();
});

function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', ['-c', 'user.name=n', '-c', 'user.email=n@example.org', '-c', 'gc.auto=0', ...args], {
    cwd,
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

/** Two commits over many small files, executables and links; the second one edits, moves and deletes some. */
function makeRepository(at: string): void {
  fs.mkdirSync(at);
  git(at, 'init', '-q');
  for (let i = 0; i < FILES; i++) {
    const folder = path.join(at, `d${i % 40}`, `e${i % 7}`);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, `f${i}.txt`), `file ${i}\n`.repeat(1 + (i % 50)), {
      mode: i % 20 === 0 ? 0o755 : 0o644,
    });
    if (i % 100 === 0) fs.symlinkSync(`f${i}.txt`, path.join(folder, `link${i}`));
  }
  git(at, 'add', '-A');
  git(at, 'commit', '-qm', 'one');
  for (let i = 0; i < FILES; i += 5) fs.appendFileSync(path.join(at, `d${i % 40}`, `e${i % 7}`, `f${i}.txt`), 'more\n');
  fs.renameSync(path.join(at, 'd1'), path.join(at, 'moved'));
  fs.rmSync(path.join(at, 'd2'), { recursive: true });
  git(at, 'add', '-A');
  git(at, 'commit', '-qm', 'two');
}

function work(root: string): void {
  git(root, 'clone', '-q', repo, 'repo');
  const clone = path.join(root, 'repo');
  git(clone, 'checkout', '-q', 'HEAD~1');
  for (let i = 3; i < 20; i++) fs.rmSync(path.join(clone, `d${i}`), { recursive: true });
}

function atRest(): void {
  lab.wait(240);
  // ORDER: comparing reads every stub, which downloads it.
  expect(lab.status()).toMatchObject({ problems: 0, conflicts: 0, held: 0, queued: 0, transfers: 0 });
  expect(differences(lab.local, lab.remote)).toEqual([]);
  expect(() => git(lab.r('repo'), 'fsck', '--no-progress')).not.toThrow();
  lab.wait(240);
  expect(differences(lab.local, lab.remote)).toEqual([]);
  for (const root of [lab.local, lab.remote]) expect(filesUnder(path.join(root, '.lazysync/stage'))).toEqual([]);
}

/** kill -9, once the work has gone on since the last time. */
async function killAgainAndAgain(times: number, pick: (turn: number) => readonly string[]): Promise<void> {
  let seen = -1;
  for (let turn = 0; turn < times; turn++) {
    const pids = await waitFor('processes to kill, at work', 120_000, () => {
      const found = pick(turn).flatMap((app) => lab.pids(app));
      const { entries, state, queued } = lab.status();
      if (turn > 0 && state === 'idle' && queued === 0) return [];
      if (found.length < pick(turn).length || entries === seen) return null;
      seen = entries;
      return found;
    });
    // All is done already.
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has just ended
      }
    }
  }
}

test('git clone, checkout and rm -rf in local', { timeout: 300_000 }, async () => {
  await lab.up();
  work(lab.local);
  atRest();
});

test('the same done in remote', { timeout: 300_000 }, async () => {
  await lab.up();
  work(lab.remote);
  atRest();
});

test('kill -9 of the worker, the watcher and both, ten times during that', { timeout: 300_000 }, async () => {
  await lab.up();
  work(lab.local);
  const turns = [['sync-worker'], ['watcher'], ['sync-worker', 'watcher']] as const;
  await killAgainAndAgain(10, (turn) => turns[turn % 3] ?? []);
  atRest();
});
