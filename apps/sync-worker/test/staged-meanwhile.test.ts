/** The content of a new file is staged while its name is looked at in the remote. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TwoFolders, twoFolders } from './support/two-folders.ts';

let pair: TwoFolders;
let remote: string;

const inRemote = (name: string): string => path.join(remote, name);

beforeEach(async () => {
  remote = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-meanwhile-')));
  pair = await twoFolders({ remote });
});

afterEach(async () => {
  const staged = fs.readdirSync(inRemote('.lazysync/stage'), { recursive: true, encoding: 'utf8' });
  expect(staged.filter((name) => !/^\d+$/.test(name))).toEqual([]);
  expect(pair.ports.base.intents()).toEqual([]);
  expect(Object.keys(pair.tree('remote'))).toEqual(Object.keys(pair.tree('local')));
  await pair.close();
  fs.rmSync(remote, { recursive: true, force: true });
});

/** Looks at `new` in the remote are answered when its content is staged, and not before. */
function answersOnceStaged(): string[] {
  const order: string[] = [];
  const there = pair.ports.remote;
  const { look, stage } = there;
  const staged = Promise.withResolvers<void>();
  Object.assign(there, {
    look: async (...args: Parameters<typeof look>) => {
      const entries = await look(...args);
      if (args[0].includes('new' as never)) {
        await staged.promise;
        order.push('looked');
      }
      return entries;
    },
    stage: async (...args: Parameters<typeof stage>) => {
      const outcome = await stage(...args);
      order.push('staged');
      staged.resolve();
      return outcome;
    },
  });
  return order;
}

test('a free name', async () => {
  const order = answersOnceStaged();
  fs.writeFileSync(path.join(pair.local, 'new'), 'of here');
  await pair.change('local', 'create', 'new');
  expect(order).toEqual(['staged', 'looked']);
  expect(fs.readFileSync(inRemote('new'), 'utf8')).toBe('of here');
});

test('a name that is taken: both stay', async () => {
  fs.writeFileSync(inRemote('new'), 'of another host');
  answersOnceStaged();
  fs.writeFileSync(path.join(pair.local, 'new'), 'of here');
  await pair.change('local', 'create', 'new');
  await pair.change('local', 'create', ...fs.readdirSync(pair.local).filter((name) => name.startsWith('new')));
  const contents = fs
    .readdirSync(remote)
    .filter((name) => name.startsWith('new'))
    .map((name) => fs.readFileSync(inRemote(name), 'utf8'));
  expect(contents.sort()).toEqual(['of another host', 'of here']);
});

test('the same content on both sides is one file', async () => {
  fs.writeFileSync(inRemote('new'), 'the same');
  answersOnceStaged();
  fs.writeFileSync(path.join(pair.local, 'new'), 'the same');
  await pair.change('local', 'create', 'new');
  expect(fs.readdirSync(remote).filter((name) => name.startsWith('new'))).toEqual(['new']);
});
