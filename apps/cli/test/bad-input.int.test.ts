/** Bad input: one clear sentence, the documented exit code, and nothing touched. */
import { chmodSync, existsSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ended, type Home, makeHome, snapshot } from './support/cli.ts';

let home: Home;
beforeEach(() => {
  home = makeHome();
  home.folder('R/sub');
  home.folder('L');
  writeFileSync(home.path('file'), 'x');
});
afterEach(async () => {
  await home.remove();
});

/** Runs it and sees to it that nothing was touched and one sentence was said. */
async function refused(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended & { said: string }> {
  const before = snapshot(home.top);
  const ended = await home.run(args, { env });
  expect(snapshot(home.top)).toEqual(before);
  expect(ended.stdout).toBe('');
  expect(ended.stderr).toMatch(/^lazysync: [^\n]+[."]\n$/);
  return { ...ended, said: ended.stderr.replaceAll(home.top, '').trim() };
}

const up = (remote: string, local: string, ...more: string[]): string[] => [
  'up',
  '--remote',
  remote,
  '--local',
  local,
  ...more,
];

describe('folders that can not be a pair: exit code 2', () => {
  test.each([
    ['R is missing', 'nope', 'L', /remote folder \/nope does not exist/],
    ['R is a file', 'file', 'L', /remote folder \/file is a file/],
    ['R is empty text', '', 'L', /The folder after --remote is empty/],
    ['L is a file', 'R', 'file', /local folder \/file is a file/],
    ['the parent of L is missing', 'R', 'no/such', /\/no does not exist; make that first/],
    ['R = L', 'R', 'R', /are the same folder/],
    ['L inside R', 'R', 'R/sub', /local folder \/R\/sub lies inside the remote folder \/R/],
    ['L inside R, not made yet', 'R', 'R/new', /local folder \/R\/new lies inside the remote folder/],
    ['R inside L', 'R/sub', 'R', /remote folder \/R\/sub lies inside the local folder \/R/],
    ['L is a link into R', 'R', 'link', /lies inside the remote folder/],
  ])('%s', async (_what, remote, local, sentence) => {
    symlinkSync('R/sub', home.path('link'));
    const { code, said } = await refused(up(remote, local));
    expect(said).toMatch(sentence);
    expect(code).toBe(2);
  });

  test('a state folder that is a file, or inside a folder of the pair', async () => {
    expect(await refused(up('R', 'L', '--state', 'file'))).toMatchObject({
      code: 2,
      said: expect.stringMatching(/The state folder \/file is a file/),
    });
    expect((await refused(up('R', 'L', '--state', 'L/state'))).said).toMatch(/lies inside \/L/);
  });
});

describe('usage: exit code 2', () => {
  test.each([
    [['up', '--local', 'L'], /The option --remote DIR is missing/],
    [['up', '--remote', 'R'], /The option --local DIR is missing/],
    [up('R', 'L', '--what'), /Unknown option '--what'/],
    [up('R', 'L', 'more'), /Too many arguments/],
    [up('R', 'L', '--port', 'many'), /The port many is no number from 1 to 65535/],
    [up('R', 'L', '--log-level', 'loud'), /The log level loud is none of trace, /],
    [up('R', 'L', '--id', 'A B'), /The id A B is not usable: it must be up to 63 of/],
    [up('R', 'L', '--redis', 'http://x'), /Redis address is not usable/],
    [['frobnicate'], /no command "frobnicate"/],
    [['get', 'L'], /L lies in no pair/],
    [['get'], /Missing required argument 'PATH'/],
    [['status', 'nowhere/x'], /nowhere\/x lies in no pair/],
    [['status', '--local', 'R'], /R is not the local folder of a pair/],
    [['wait', '--timeout', 'long'], /The time long after --timeout is no duration/],
    [['ls', 'L'], /L lies in no pair/],
    [['status', '-c', 'file'], /file:1:1: The file must be settings/],
    [['work'], /No pair is named/],
    [['watch', '--remote', 'R', '--local', 'L'], /No Redis is named/],
  ])('%j', async (args, sentence) => {
    const { code, said } = await refused(args);
    expect(said).toMatch(sentence);
    expect(code).toBe(2);
  });

  test('no password of a Redis is ever shown', async () => {
    const { said, code } = await refused(up('R', 'L', '--redis', 'redis://me:hush@127.0.0.1:1/'));
    expect(said).not.toContain('hush');
    expect(code).toBe(1);
  });
});

describe('the situation: exit code 1', () => {
  test('Redis does not answer', async () => {
    const { code, said, ms } = await refused(up('R', 'new', '--redis', 'redis://127.0.0.1:1'));
    expect(said).toMatch(/Redis at redis:\/\/127\.0\.0\.1:1 is not reachable: nobody listens there\./);
    expect(code).toBe(1);
    expect(ms).toBeLessThan(10_000);
    expect((await refused(up('R', 'L'), { REDIS_URL: 'redis://127.0.0.1:1' })).code).toBe(1);
    expect((await refused(up('R', 'L', '--redis', '/nowhere/redis.sock'))).said).toContain('there is no such socket');
  });

  test('what answers is no Redis, or says nothing', async () => {
    const server = net.createServer((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    try {
      const { code, said } = await refused(up('R', 'L', '--redis', `redis://127.0.0.1:${port}`));
      expect(said).toContain('it does not answer within 3000 ms');
      expect(code).toBe(1);
    } finally {
      server.close();
    }
  });

  test('no redis-server is installed', async () => {
    const { code, stderr } = await home.run(up('R', 'new'), { env: { PATH: '/nowhere' } });
    expect(stderr).toMatch(/^lazysync: Redis can not be started: [^\n]+\.\n$/);
    expect(code).toBe(1);
    expect(existsSync(home.path('new'))).toBe(false);
    expect(existsSync(home.path('R/.lazysync'))).toBe(false);
  });

  test('nothing runs', async () => {
    expect(await refused(['wait'])).toMatchObject({ code: 1, said: expect.stringMatching(/Nothing runs/) });
  });
});

describe('rights, as an ordinary user', () => {
  let plain: Home;
  let canStart = false;
  beforeEach(async () => {
    plain = makeHome({ asNobody: true });
    plain.folder('R');
    plain.folder('L');
    // Somebody else may not be able to read this checkout.
    canStart = (await plain.run(['--version'])).code === 0;
  });
  afterEach(async () => {
    chmodSync(plain.path('R'), 0o700);
    chmodSync(plain.path('L'), 0o700);
    await plain.remove();
  });

  test.each([
    ['R', 0o500, /remote folder \/R can not be written by this user/],
    ['R', 0o000, /remote folder \/R can not be read by this user/],
    ['L', 0o500, /local folder \/L can not be written by this user/],
    ['L', 0o000, /local folder \/L can not be read by this user/],
  ])('no right in %s (mode %s)', async (name, mode, sentence) => {
    if (!canStart) return;
    chmodSync(plain.path(name), mode);
    const { code, stderr } = await plain.run(up('R', 'L'));
    expect(stderr.replaceAll(plain.top, '')).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
    expect(existsSync(plain.path('xdg'))).toBe(false);
  });

  test('no right to make L', async () => {
    if (!canStart) return;
    chmodSync(plain.path('L'), 0o500);
    const { code, stderr } = await plain.run(up('R', 'L/new'));
    expect(stderr).toMatch(/can not be made: this user may not write in .*\/L\.\n$/);
    expect(code).toBe(2);
  });
});

describe('help', () => {
  test.each([
    'up',
    'sync',
    'status',
    'wait',
    'ls',
    'get',
    'problems',
    'conflicts',
    'demo',
    'watch',
    'work',
    'dashboard',
  ])('%s --help shows an example', async (name) => {
    const { code, stdout, stderr } = await home.run([name, '--help']);
    expect(stdout).toContain(`Usage: lazysync ${name}`);
    expect(stdout).toContain(`Example:\n  lazysync ${name}`);
    expect([code, stderr]).toEqual([0, '']);
  });

  test('without a command, everything is listed', async () => {
    const { code, stdout } = await home.run([]);
    expect(stdout).toContain('Usage: lazysync');
    expect(code).toBe(0);
  });
});

test('status answers with nothing running, within a second', async () => {
  const { code, stdout } = await home.run(['status', '--json']);
  expect(JSON.parse(stdout)).toEqual({ version: 1, pairs: [] });
  expect(code).toBe(0);
  expect((await home.run(['status'])).stdout).toContain('No pair yet');
  expect(existsSync(realpathSync(home.top) + '/xdg')).toBe(false);
});
