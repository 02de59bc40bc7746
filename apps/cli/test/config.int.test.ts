import { existsSync, lstatSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Home, makeHome, until } from './support/cli.ts';

let home: Home;
beforeEach(() => {
  home = makeHome();
});
afterEach(async () => {
  await home.remove();
});

const isStub = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

test('a file of pairs is followed: added, changed and removed without a restart, and a fault changes nothing', async () => {
  const file = home.path('lazysync.yaml');
  const pair = (name: string, more = ''): string => {
    const remote = home.folder('remote', name);
    if (!existsSync(`${remote}/f.txt`)) writeFileSync(`${remote}/f.txt`, name);
    return `  - { id: ${name}, remote: ${remote}, local: ${home.folder('local', name)}${more} }\n`;
  };
  const replace = (text: string): void => {
    // As editors do it.
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  writeFileSync(file, `pairs:\n${pair('a')}${pair('b')}`);
  const run = home.start(['up', '-c', file, '--port', '7533']);
  expect(await run.ready()).toBe('ready  2 pairs; 2 stubs, 0 folders, 0 B downloaded (2 B remote)');
  const pids = home.processes().slice().sort();

  replace(`pairs:\n${pair('a')}${pair('b', ', hydrate: { on: never }')}${pair('c')}`);
  await until('the new pair is mirrored', () => isStub(home.path('local', 'c', 'f.txt')));
  await until('it is said', () => run.stdout().includes('pairs  +c ~b'));

  writeFileSync(file, `pairs:\n${pair('a')}  - { id: b, remoet: x }\n`);
  await until('the fault is said', () =>
    run.stderr().includes(`${file}:3:14: pairs[1]: \\"remoet\\" is not a known setting.`),
  );
  await until('it is said what that means', () => run.stderr().includes('The old configuration is kept.'));
  writeFileSync(home.path('local', 'b', 'still.txt'), 'works');
  await until('all pairs go on', () => existsSync(home.path('remote', 'b', 'still.txt')));

  replace(`pairs:\n${pair('a')}${pair('c')}`);
  await until('it is removed', () => run.stdout().includes('pairs  -b'));
  // Nobody has it any more: another may.
  const other = home.start([
    'up',
    '--remote',
    home.path('remote', 'b'),
    '--local',
    home.path('local', 'b'),
    '--no-dashboard',
    '--state',
    home.path('other'),
  ]);
  expect(await other.ready()).toMatch(/^ready /);
  await other.stop();
  writeFileSync(home.path('local', 'a', 'new.txt'), 'a');
  await until('the others go on', () => existsSync(home.path('remote', 'a', 'new.txt')));
  expect(readFileSync(home.path('remote', 'a', 'new.txt'), 'utf8')).toBe('a');
  // Nothing was restarted for it.
  expect(home.processes().slice().sort()).toEqual(pids);
  const ended = await run.stop();
  expect(ended.code).toBe(0);
});

test('--pairs takes some of a file, and says which there are', async () => {
  const file = home.path('lazysync.yaml');
  const pair = (name: string): string =>
    `  - { id: ${name}, remote: ${home.folder('remote', name)}, local: ${home.path('local', name)} }\n`;
  home.folder('local');
  writeFileSync(file, `pairs:\n${pair('a')}${pair('b')}`);
  const wrong = await home.run(['up', '-c', file, '--pairs', 'a,x']);
  expect([wrong.code, wrong.stderr]).toEqual([2, 'lazysync: There is no pair x here: there is a, b.\n']);
  const both = await home.run(['up', '-c', file, '--remote', home.path('remote', 'a')]);
  expect([both.code, both.stderr]).toEqual([
    2,
    'lazysync: The pairs are named in the file after -c: leave --remote, --local and --id out.\n',
  ]);
  const none = await home.run(['up']);
  expect(none.code).toBe(2);
  const run = home.start(['up', '-c', file, '--pairs', 'b', '--no-dashboard']);
  expect(await run.ready()).toMatch(/^ready {2}1 pair; /);
  expect([existsSync(home.path('local', 'a')), existsSync(home.path('local', 'b'))]).toEqual([false, true]);
  await run.stop();
});
