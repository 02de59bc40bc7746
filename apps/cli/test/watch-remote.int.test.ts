import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Home, makeHome } from './support/cli.ts';

let home: Home;
beforeAll(() => {
  home = makeHome();
  home.folder('disk/.lazysync');
  home.folder('bare');
  writeFileSync(home.path('disk/.lazysync/root.json'), JSON.stringify({ v: 1, uuid: 'u-1', pair: 'p', madeAt: '' }));
});
afterAll(async () => {
  await home?.remove();
});

const REDIS = ['--redis', '/nowhere/redis.sock'];

test.each([
  [['--side', 'up', '--root', 'disk', ...REDIS], /--side is remote or local, not "up"/],
  [['--root', 'disk'], /--root and --remote-id go with --side remote/],
  [['--side', 'remote', ...REDIS], /Which folder\? Give --root DIR/],
  [['--side', 'remote', '--root', 'disk'], /No Redis is named: give --redis URL/],
  [['--side', 'remote', '--root', 'disk', '--redis', 'nonsense'], /no URL of Redis/],
  [['--side', 'remote', '--root', 'none', ...REDIS], /none" is no folder|none is no folder/],
  [['--side', 'remote', '--root', 'bare', ...REDIS], /carries no marker yet: start a pair on it first/],
  [['--side', 'remote', '--root', 'disk', '--remote-id', 'u-2', ...REDIS], /carries the marker u-1, not u-2/],
  [['--side', 'remote', '--root', 'disk', '--local', 'bare', ...REDIS], /only the folder itself is named/],
])('watch %j: one sentence, exit code 2', async (args, sentence) => {
  const { code, stderr } = await home.run(['watch', ...args]);
  expect(stderr).toMatch(sentence);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(code).toBe(2);
});
