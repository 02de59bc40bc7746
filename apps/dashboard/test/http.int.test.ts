import type { PairStatus } from '@lazysync/status';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Demo, startDemo } from './support/demo.ts';
import { until } from './support/until.ts';

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo();
});
afterAll(async () => {
  await demo?.close();
});

const get = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${demo.url}${path}`, { redirect: 'manual', ...init });
const pairs = async (): Promise<PairStatus[]> =>
  ((await (await get('/api/v1/pairs')).json()) as { pairs: PairStatus[] }).pairs;

test('the API says of each pair what status --json says', async () => {
  const [seen] = await until('the worker', pairs, ([one]) => one?.worker.length === 1 && one.watchers.length === 1);
  expect(seen).toEqual({
    id: 'projects',
    local: '/home/me/projects',
    remote: '/mnt/nas/projects',
    state: 'idle',
    queued: 0,
    transfers: 0,
    entries: 4,
    directories: 1,
    stubs: 2,
    copies: 1,
    cachedBytes: 250_000_000,
    remoteBytes: 1_250_001_200,
    conflicts: 0,
    problems: 0,
    held: 0,
    openReplaces: 0,
    lastChange: '2025-01-02T03:04:05.000Z',
    redis: 'up',
    watchers: [{ pid: 4711, host: 'box' }],
    serverWatchers: [],
    remoteScan: null,
    warnings: [],
    worker: [{ pid: 4712, host: 'box' }],
    why: null,
    progress: null,
    lagMs: null,
  });
});

test('every answer forbids its page to ask another host, and the board names none', async () => {
  for (const path of ['/', '/queues', '/queues/', '/queues/queue/projects', '/api/v1/pairs', '/nowhere']) {
    const answer = await get(path);
    expect([path, answer.headers.get('content-security-policy')]).toEqual([
      path,
      expect.stringMatching(/^default-src '(?:self|none)';/),
    ]);
    expect(await answer.text()).not.toMatch(/(?:href|src)="?(?:https?:)?\/\//);
  }
  expect((await get('/queues')).status).toBe(200);
});

test('whatever is not a GET is refused, and changes nothing', async () => {
  const paths = [
    '/',
    '/queues',
    '/queues/api/queues/projects/pause',
    '/queues/api/queues/projects/obliterate',
    '/queues/api/queues/projects/add',
    '/queues/x',
  ];
  for (const path of paths) {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const answer = await get(path, {
        method,
        ...(method === 'OPTIONS' ? {} : { headers: { 'content-type': 'application/json' }, body: '{}' }),
      });
      expect([path, method, answer.status, answer.headers.get('allow')]).toEqual([path, method, 405, 'GET, HEAD']);
    }
  }
  const board = (await (await get('/queues/api/queues')).json()) as {
    queues: { readOnlyMode: boolean; isPaused: boolean }[];
  };
  expect(board.queues).toMatchObject([{ name: 'projects', readOnlyMode: true, isPaused: false }]);
});

test('a request that names another host is refused', async () => {
  const { request } = await import('node:http');
  const status = await new Promise<number | undefined>((done, failed) => {
    request(`${demo.url}/api/v1/pairs`, { headers: { host: 'evil.example' } }, (answer) =>
      done(answer.resume().statusCode),
    )
      .on('error', failed)
      .end();
  });
  expect(status).toBe(403);
});

test('metrics and health', async () => {
  const text = await (await get('/metrics')).text();
  expect(text).toContain('lazysync_stubs{pair="projects"} 2');
  expect(text).toContain('lazysync_state{pair="projects",state="idle"} 1');
  expect((await get('/healthz')).status).toBe(200);
});

test('a finished job reads as what happened and why', async () => {
  await demo.publish([{ kind: 'modify', side: 'local', path: 'src/a.ts' as never }]);
  const ask = async (): Promise<unknown> => {
    const answer = await get('/queues/api/queues?activeQueue=projects&status=completed&page=1&jobsPerPage=10');
    return ((await answer.json()) as { queues: { jobs: unknown[] }[] }).queues[0]?.jobs.at(0);
  };
  const job = await until('the job', ask, (one) => one !== undefined);
  expect(job).toMatchObject({
    name: 'local modify src/a.ts',
    data: {
      events: ['src/a.ts changed in local → uploaded 12 B: local changed, the remote did not'],
    },
  });
});

test('events come while something changes, and only then', async () => {
  const end = new AbortController();
  const answer = await get('/api/v1/events', { signal: end.signal });
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const more = async (): Promise<string> => {
    text += (await reader?.read())?.value ?? '';
    return text;
  };
  await until('the first event', more, (all) => all.includes('"state":"idle"'));
  demo.base.setMeta('state', 'paused');
  await until('the change', more, (all) => all.includes('"state":"paused"'));
  expect(text.match(/^event: order$/gm)).toHaveLength(1);
  expect(text.match(/^event: pair$/gm)).toHaveLength(2);
  demo.base.setMeta('state', 'idle');
  end.abort();
});

test('without Redis the pages still answer, and say so', async () => {
  await demo.redis.stop();
  const begun = performance.now();
  const [seen] = await pairs();
  expect(performance.now() - begun).toBeLessThan(1500);
  expect(seen).toMatchObject({ redis: 'down', state: 'stopped', stubs: 2 });
  expect(seen).toMatchObject({ why: 'Redis does not answer.' });
  expect((await get('/api/v1/pairs/projects/actions')).status).toBe(503);
  expect((await get('/healthz')).status).toBe(503);
});
