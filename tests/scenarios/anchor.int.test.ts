/** LOCAL gets another name while nothing runs: its stubs work again after the next start, and nothing went up as a link. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { filesUnder, pathsOf } from '../e2e/support/trees.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { localPathsIn } from './support/seen.ts';

const FILES = ['a', 'd/b', 'd/e/c'];
const labs: Lab[] = [];
afterEach(async () => {
  for (const lab of labs.splice(0)) await lab.close();
});

test('LOCAL is renamed while nothing runs', { timeout: 300_000 }, async () => {
  const lab = new Lab('anchor');
  labs.push(lab);
  for (const name of FILES) {
    fs.mkdirSync(path.dirname(lab.r(name)), { recursive: true });
    fs.writeFileSync(lab.r(name), `text of ${name}`);
  }
  await lab.up();
  fs.readFileSync(lab.l('d/b'));
  await waitFor('a copy', 60_000, () => fs.lstatSync(lab.l('d/b')).isFile());
  lab.wait();
  await lab.down();
  const renamed = path.join(lab.top, 'renamed');
  fs.renameSync(lab.local, renamed);
  // What is done to stubs that lead nowhere is done to them all the same.
  fs.renameSync(path.join(renamed, 'a'), path.join(renamed, 'd/a'));
  fs.writeFileSync(path.join(renamed, 'new'), 'made meanwhile');
  const after = new Lab('anchor', lab.remote, renamed);
  labs.unshift(after);
  await after.up('--state', lab.state);
  after.wait();
  await after.down();
  const wanted = ['d', 'd/a', 'd/b', 'd/e', 'd/e/c', 'new'];
  expect(pathsOf(after.local)).toEqual(wanted);
  expect(pathsOf(lab.remote)).toEqual(wanted);
  for (const [name, text] of [
    ['d/a', 'text of a'],
    ['d/b', 'text of d/b'],
    ['d/e/c', 'text of d/e/c'],
    ['new', 'made meanwhile'],
  ] as const) {
    expect(fs.readFileSync(after.l(name), 'utf8'), name).toBe(text);
    expect(fs.lstatSync(after.r(name)).isFile(), name).toBe(true);
  }
  for (const name of ['d/a', 'd/e/c']) {
    expect(fs.readlinkSync(after.l(name))).toBe(path.join(after.local, '.lazysync/remote', name));
  }
  expect(localPathsIn(lab.remote, lab.top)).toEqual([]);
  expect(filesUnder(lab.r('.lazysync/trash'))).toEqual([]);
});
