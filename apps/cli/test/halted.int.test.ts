/**
 * A process that ends with an error again and again: its pairs are halted, everybody says so and why, the rest goes on, and
 * the next `up` is as good as any. The error comes from what Node is told to load first into each process of this test.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Home, makeHome, type Running, until } from './support/cli.ts';

let home: Home;
beforeEach(() => {
  home = makeHome();
  home.folder('R/docs');
  writeFileSync(home.path('R/docs/b.txt'), 'b');
  writeFileSync(
    home.path('preload.mjs'),
    `import { existsSync, readFileSync } from 'node:fs';
     const fault = ${JSON.stringify(home.path('fault'))};
     const look = () => {
       if (!existsSync(fault)) return;
       const program = readFileSync(fault, 'utf8');
       if (program !== '' && process.argv[1]?.includes('/apps/' + program + '/')) throw new Error('the lamp is broken');
     };
     look();
     setInterval(look, 50).unref();`,
  );
});
afterEach(async () => {
  await home.remove();
});

const start = (...more: string[]): Running =>
  home.start(['up', '--remote', 'R', '--local', 'L', '--log-level', 'warn', ...more], {
    env: { NODE_OPTIONS: `--import ${home.path('preload.mjs')}` },
  });
const breaks = (program: 'sync-worker' | 'watcher'): void => writeFileSync(home.path('fault'), program);
const isMended = (): void => rmSync(home.path('fault'));

interface Shown {
  readonly state: string;
  readonly redis: string;
  readonly worker: readonly unknown[];
  readonly watchers: readonly unknown[];
}
async function shown(): Promise<Shown | null> {
  const { stdout } = await home.run(['status', '--json', '--local', 'L']);
  // Not a pair yet.
  if (stdout === '') return null;
  return (JSON.parse(stdout) as { pairs: Shown[] }).pairs[0] ?? null;
}
const isHalted = async (): Promise<Shown | null> => {
  const now = await shown();
  return now?.state === 'halted' ? now : null;
};

/** What a person reads. */
const why = (program: string): string =>
  `The ${program} ended with exit code 1 again and again (the lamp is broken): mend that, then stop "lazysync up" and start it again.`;

test('a worker that fails again and again halts its pairs; all else goes on, and the next start goes on', {
  timeout: 180_000,
}, async () => {
  const up = start();
  await up.ready();
  const url = await until('the dashboard', () => /http:\/\/\S+(?=\/queues)/.exec(up.stdout())?.[0]);
  breaks('sync-worker');
  const halted = await until('halted', isHalted, 90_000);
  expect(halted).toMatchObject({ redis: 'up', worker: [], watchers: [expect.anything()] });
  const said = /^state +(.*)$/m.exec((await home.run(['status', '--local', 'L'])).stdout)?.[1];
  expect(said).toBe(`halted: ${why('sync-worker')}`);
  // Nobody waits in vain.
  const told = { code: 3, stdout: '', stderr: expect.stringContaining(why('sync-worker')) };
  expect(await home.run(['wait', '--local', 'L', '--timeout', '10m'])).toMatchObject(told);
  expect(await home.run(['get', 'L/docs'])).toMatchObject(told);
  expect(await home.run(['free', 'L/docs'])).toMatchObject(told);
  expect(await home.run(['sync', '--remote', 'R', '--local', 'L'])).toMatchObject(told);
  const page = await until('the page', async () => await fetch(`${url}/api/v1/pairs`).catch(() => null));
  expect(JSON.stringify(await page.json())).toContain(JSON.stringify(why('sync-worker')).slice(1, -1));
  expect(readFileSync(home.path('L/docs/b.txt'), 'utf8')).toBe('b');
  writeFileSync(home.path('L/meanwhile.txt'), 'written while it was halted');
  expect(up.process.exitCode).toBeNull();
  expect(up.stderr()).toContain(JSON.stringify(why('sync-worker')).slice(1, -1));

  isMended();
  expect(await up.stop()).toMatchObject({ code: 0 });
  expect(await shown()).toMatchObject({ state: 'stopped' });
  await start('--no-dashboard').ready();
  expect(await home.run(['wait', '--local', 'L', '--timeout', '60s'])).toMatchObject({ code: 0 });
  expect(await shown()).toMatchObject({ state: 'idle' });
  expect(readFileSync(home.path('R/meanwhile.txt'), 'utf8')).toBe('written while it was halted');
});

test('a watcher that never gets ready halts its pairs before there is anything to be ready for', {
  timeout: 120_000,
}, async () => {
  breaks('watcher');
  const up = start('--no-dashboard');
  await until('halted', isHalted, 90_000);
  await until('what the person sees', () => /^halted {2}(.*)$/m.exec(up.stdout())?.[1]).then((line) =>
    expect(line).toBe(why('watcher')),
  );
  expect(up.stdout()).not.toMatch(/^ready/m);
  expect(await shown()).toMatchObject({ worker: [expect.anything()], watchers: [] });
  expect(await home.run(['wait', '--local', 'L'])).toMatchObject({ code: 3 });

  // Killed, it says nothing any more.
  up.process.kill('SIGKILL');
  await until('stopped', async () => ((await shown())?.state === 'stopped' ? true : null), 60_000);
  isMended();
  await start('--no-dashboard').ready();
  expect(await shown()).not.toMatchObject({ state: 'halted' });
});

test('sync ends when it can not be done', { timeout: 120_000 }, async () => {
  breaks('sync-worker');
  const ended = await home.run(['sync', '--remote', 'R', '--local', 'L'], {
    env: { NODE_OPTIONS: `--import ${home.path('preload.mjs')}` },
  });
  expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining(why('sync-worker')) });
});
