/**
 * The dashboard is started by its first visitor. What Node is told to load first into each process of this test holds a
 * dashboard back while it loads, or breaks it.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Home, makeHome, type Running, until } from './support/cli.ts';

let home: Home;
beforeEach(() => {
  home = makeHome();
  home.folder('R');
  writeFileSync(home.path('R/a.txt'), 'hello\n');
  writeFileSync(
    home.path('preload.mjs'),
    `import { existsSync, readFileSync } from 'node:fs';
     const mood = () => (existsSync(${JSON.stringify(home.path('mood'))}) ? readFileSync(${JSON.stringify(home.path('mood'))}, 'utf8') : '');
     if (process.argv[1]?.includes('/apps/dashboard/')) {
       if (mood() === 'broken') throw new Error('the lamp is broken');
       while (mood() === 'slow') await new Promise((resolve) => setTimeout(resolve, 20));
     }`,
  );
});
afterEach(async () => {
  await home.remove();
});

const mood = (now: 'slow' | 'broken'): void => writeFileSync(home.path('mood'), now);
const isWell = (): void => rmSync(home.path('mood'));

async function start(): Promise<{ up: Running; url: string }> {
  const up = home.start(['up', '--remote', 'R', '--local', 'L', '--log-level', 'info'], {
    env: { NODE_OPTIONS: `--import ${home.path('preload.mjs')}` },
  });
  await up.ready();
  const [, url = ''] = await until('the address', () => /queue {2}(http:\S+)\/queues/.exec(up.stdout()));
  return { up, url };
}

/** Processes of the dashboard that run now. */
const dashboards = (): readonly number[] =>
  home.processes().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/apps/dashboard/');
    } catch {
      return false; // ended
    }
  });

test('nobody looks: there is none; the first visitors start it, and all get whole pages', async () => {
  const { up, url } = await start();
  expect(await home.run(['wait', '--local', 'L'])).toMatchObject({ code: 0 });
  expect(dashboards()).toEqual([]);
  expect(up.stderr()).not.toContain(`dashboard ${url}/`);

  const paths = ['/', '/queues', '/api/v1/pairs', '/healthz', '/nowhere', '/', '/api/v1/pairs', '/metrics'];
  const answers = await Promise.all(paths.map((path) => fetch(`${url}${path}`)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 404, 200, 200, 200]);
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  for (const at of [0, 1, 5]) expect(texts[at]).toMatch(/<html[\s\S]*<\/html>\s*$/);
  expect(JSON.parse(texts[2] ?? '')).toMatchObject({ pairs: [expect.objectContaining({ state: 'idle' })] });
  expect(dashboards()).toHaveLength(1);
  expect(up.stderr()).toContain(`dashboard ${url}/`);

  // Somebody who stays and looks on does not hold the end up.
  const watching = await fetch(`${url}/api/v1/events`);
  expect(watching.status).toBe(200);
  const since = performance.now();
  expect(await up.stop()).toMatchObject({ code: 0 });
  expect(performance.now() - since).toBeLessThan(5000);
  await watching.body?.cancel().catch(() => undefined);
  expect(home.processes()).toEqual([]);
});

test('only this machine is let in', async () => {
  const { url } = await start();
  const { request } = await import('node:http');
  const status = await new Promise((resolve, reject) => {
    request(`${url}/`, { headers: { host: 'somewhere.example' } }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(403);
});

test('one that is killed is replaced at the next visit', async () => {
  const { up, url } = await start();
  expect((await fetch(`${url}/`)).status).toBe(200);
  const [first = 0] = dashboards();
  process.kill(first, 'SIGKILL');
  await until('its end', () => up.stderr().includes('dashboard was ended by SIGKILL'));
  expect(up.stderr()).toContain('it is started again at the next visit');
  expect(dashboards()).toEqual([]);
  expect((await fetch(`${url}/`)).status).toBe(200);
  const [second = 0] = dashboards();
  process.kill(second, 'SIGKILL');
  // Nobody has noticed yet.
  expect((await fetch(`${url}/`)).status).toBe(200);
  expect(dashboards()).toHaveLength(1);
  expect(dashboards()).not.toContain(second);
});

test('who waits for one that is killed while it loads is answered by the next', async () => {
  const { url } = await start();
  mood('slow');
  const visits = Promise.all([1, 2, 3].map(() => fetch(`${url}/api/v1/pairs`)));
  const [first = 0] = await until('its start', () => (dashboards().length > 0 ? dashboards() : null));
  isWell();
  process.kill(first, 'SIGKILL');
  expect((await visits).map(({ status }) => status)).toEqual([200, 200, 200]);
});

test('a stop while it loads is as quick as any, and who waits is sent away', async () => {
  const { up, url } = await start();
  mood('slow');
  const visit = fetch(`${url}/`).then(
    () => 'answered',
    () => 'sent away',
  );
  await until('its start', () => dashboards().length > 0);
  const since = performance.now();
  expect(await up.stop()).toMatchObject({ code: 0 });
  expect(performance.now() - since).toBeLessThan(5000);
  expect(await visit).toBe('sent away');
  expect(home.processes()).toEqual([]);
});

test('a killed command takes it along, also while somebody watches', async () => {
  const { up, url } = await start();
  const watching = await fetch(`${url}/api/v1/events`);
  expect(watching.status).toBe(200);
  expect(dashboards()).toHaveLength(1);
  up.process.kill('SIGKILL');
  await up.ended;
  await until('its end', () => dashboards().length === 0);
  await watching.body?.cancel().catch(() => undefined);
});

test('one that can not start is given up, and who waits is sent away; all else goes on', async () => {
  const { up, url } = await start();
  mood('broken');
  await expect(fetch(`${url}/`)).rejects.toThrow();
  await until('what is said', () => up.stderr().includes('it is not started any more'));
  expect(up.stderr()).toContain('The dashboard ended with exit code 1 again and again (the lamp is broken)');
  await expect(fetch(`${url}/`)).rejects.toThrow();
  writeFileSync(home.path('L/b.txt'), 'from here');
  expect(await home.run(['wait', '--local', 'L'])).toMatchObject({ code: 0 });
  expect(readFileSync(home.path('R/b.txt'), 'utf8')).toBe('from here');
  expect(await up.stop()).toMatchObject({ code: 0 });
});
