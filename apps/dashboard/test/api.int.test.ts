/** The API: what it answers is what its OpenAPI document says, and what it changes arrives in the lane. */
import { relPath } from '@lazysync/event-model';
import { onAsk, openRedis } from '@lazysync/queue';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ActionsAnswer, HistoryAnswer, PairDetail, TreeAnswer } from '../src/shapes.ts';
import { copy, type Demo, directory, startDemo, stub } from './support/demo.ts';
import { until } from './support/until.ts';

interface Operation {
  readonly operationId: string;
  readonly responses: Record<string, { content?: Record<string, { schema: object }> }>;
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
}

let demo: Demo;
let document: Document;
const ajv = new Ajv2020({ strict: false });
const PAIR = '/pairs/projects';

beforeAll(async () => {
  demo = await startDemo();
  document = (await (await fetch(`${demo.url}/api/v1/openapi.json`)).json()) as Document;
});
afterAll(async () => {
  await demo?.close();
});

/** Asks, and holds the answer against the document. */
async function ask<T>(method: string, path: string, body?: unknown, status = 200): Promise<T> {
  const answer = await fetch(`${demo.url}/api/v1${path}`, {
    method,
    headers:
      method === 'GET'
        ? {}
        : { 'x-lazysync': '1', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const value: unknown = await answer.json();
  expect([method, path, answer.status, answer.status === status ? '' : value]).toEqual([method, path, status, '']);
  const plain = path.split('?')[0] ?? '';
  const [template] = Object.keys(document.paths).filter((one) =>
    new RegExp(`^${one.replace(/\{\w+\}/g, '[^/]+')}$`).test(plain),
  );
  const operation = document.paths[template ?? '']?.[method.toLowerCase()];
  const schema = operation?.responses[String(status)]?.content?.['application/json']?.schema;
  expect([path, schema === undefined ? 'not described' : '']).toEqual([path, '']);
  const valid = ajv.validate(schema ?? {}, value);
  expect([path, valid ? [] : ajv.errors]).toEqual([path, []]);
  return value as T;
}

test('every answer is as the document says', async () => {
  const { base } = demo;
  base.putTransfer({
    id: 't1',
    path: relPath('src/a.ts'),
    state: 'queued',
    remote: { size: 1200, mtimeNs: 0n, mode: 0o644 },
    bytes: 0,
    staged: null,
  });
  base.putProblem({ code: 'held', path: relPath(''), side: 'local', message: 'Many are gone.' }, 5);
  base.putProblem({ code: 'no-space', path: relPath('README.md'), side: null, message: 'The disk is full.' }, 6);
  base.putConflict({ path: relPath('a'), conflict: relPath('a (conflict)'), at: 7 });
  base.putPin('*.md');
  base.record([], [], [{ path: relPath('README.md'), act: 'upload in remote', why: 'local changed' }], Date.now());
  base.putCommand('done-1', 'looked at everything');
  await demo.publish([{ kind: 'modify', side: 'local', path: relPath('src/a.ts') }]);
  await until(
    'a job',
    () => ask<ActionsAnswer>('GET', `${PAIR}/actions`),
    ({ items }) => items.length > 0,
  );
  for (const path of [
    '/pairs',
    PAIR,
    `${PAIR}/actions?limit=1`,
    `${PAIR}/log?path=README.md`,
    `${PAIR}/history`,
    `${PAIR}/transfers`,
    `${PAIR}/problems?limit=1`,
    `${PAIR}/conflicts`,
    `${PAIR}/held`,
    `${PAIR}/tree`,
    `${PAIR}/tree?path=src`,
    `${PAIR}/commands/done-1`,
    '/session',
  ])
    await ask('GET', path);
  const detail = await ask<PairDetail>('GET', PAIR);
  expect(detail).toMatchObject({
    problems: 1,
    held: 1,
    transferList: { total: 1, items: [{ path: 'src/a.ts', state: 'queued', size: 1200 }] },
    problemList: { total: 1, items: [{ path: 'README.md', code: 'no-space' }] },
    heldList: { total: 1, items: [{ message: 'Many are gone.' }] },
    conflictList: { total: 1, items: [{ path: 'a', conflict: 'a (conflict)', at: 7 }] },
    pins: ['*.md'],
  });
  expect(await ask('GET', `${PAIR}/commands/done-1`)).toEqual({ done: true, result: 'looked at everything' });
});

test('every address has a document, a summary and a name of its own', () => {
  const all = Object.values(document.paths).flatMap((one) => Object.values(one));
  expect(all.length).toBeGreaterThanOrEqual(20);
  expect(new Set(all.map(({ operationId }) => operationId)).size).toBe(all.length);
});

test('the tree tells what is here, page by page', async () => {
  const { base } = demo;
  const rows = [
    directory('t'),
    directory('t/z'),
    stub('t/z/deep', 10),
    ...Array.from({ length: 7 }, (_, n) => (n % 2 === 0 ? stub : copy)(`t/f${n}`, 100)),
  ];
  base.record(
    rows.map((record) => ({ kind: 'put', record })),
    [],
  );
  base.putProblem({ code: 'special-file', path: relPath('t/pipe'), side: 'remote', message: 'A pipe.' }, 1);
  const names: string[] = [];
  let after: string | null = null;
  do {
    const page: TreeAnswer = await ask(
      'GET',
      `${PAIR}/tree?path=t&limit=3${after === null ? '' : `&after=${encodeURIComponent(after)}`}`,
    );
    names.push(...page.items.map(({ name, kind }) => `${name} ${kind}`));
    after = page.next;
  } while (after !== null);
  expect(names).toEqual([
    'z directory',
    'f0 stub',
    'f1 copy',
    'f2 stub',
    'f3 copy',
    'f4 stub',
    'f5 copy',
    'f6 stub',
    'pipe problem',
  ]);
  const root = await ask<TreeAnswer>('GET', `${PAIR}/tree`);
  expect(root.items.find(({ name }) => name === 't')).toMatchObject({
    kind: 'directory',
    files: 8,
    size: 710,
    here: 300,
  });
  expect(root.items.find(({ name }) => name === 'README.md')).toMatchObject({
    kind: 'copy',
    pinned: true,
    problem: 'The disk is full.',
  });
  expect(
    (await ask<TreeAnswer>('GET', `${PAIR}/tree?path=src`)).items.find(({ name }) => name === 'a.ts'),
  ).toMatchObject({ downloading: true, here: 0 });
  expect((await ask<TreeAnswer>('GET', `${PAIR}/tree?path=t&prefix=f1`)).items).toHaveLength(1);
});

test('a command becomes a job of the lane with its own id', async () => {
  const { id } = await ask<{ id: string }>('POST', `${PAIR}/commands`, { command: 'get', path: 'src/a.ts' }, 202);
  const job = await until(
    'the job',
    () => ask<ActionsAnswer>('GET', `${PAIR}/actions`),
    ({ items }) => items.some(({ what }) => what === 'command get src/a.ts'),
  );
  expect(job.items[0]?.id).toContain(`cli-${id}`);
  await ask('POST', `${PAIR}/commands`, { command: 'pin', pattern: '/src/*.ts' }, 202);
  await ask('POST', `${PAIR}/commands`, { command: 'rescan' }, 202);
  await ask('POST', `${PAIR}/commands`, { command: 'restore', path: 'x', from: 'local:20250101t000000-abc-1' }, 202);
});

test('what is held is decided by the worker that is asked', async () => {
  const link = openRedis(demo.redis.address);
  const heard: unknown[] = [];
  const listening = onAsk(
    link,
    'projects',
    'decide',
    async (asks) => {
      heard.push(...asks.map(({ body }) => body));
      return new Map(asks.map(({ id }) => [id, 'Approved.']));
    },
    () => undefined,
  );
  try {
    expect(await ask('POST', `${PAIR}/held`, { decision: 'approve' })).toEqual({ message: 'Approved.' });
    expect(heard).toEqual(['approve']);
  } finally {
    await listening.close();
    await link.close();
  }
});

test('a paused pair says so, and goes on when it is resumed', async () => {
  const state = async (): Promise<string> => (await ask<PairDetail>('GET', PAIR)).state;
  await ask('POST', `${PAIR}/pause`);
  await until('the pause', state, (now) => now === 'paused');
  await ask('POST', `${PAIR}/resume`);
  await until('the end of the pause', state, (now) => now === 'idle');
});

test('the last hour is there at once, and grows', async () => {
  const { samples, stepMs } = await until(
    'the upload',
    () => ask<HistoryAnswer>('GET', `${PAIR}/history`),
    (now) => now.samples.some((one) => one.actions > 0),
  );
  expect(samples.length * stepMs).toBe(3_600_000);
  expect(samples.reduce((sum, one) => sum + one.bytesUp, 0)).toBe(250_000_000);
  await until(
    'a look at the queue',
    () => ask<HistoryAnswer>('GET', `${PAIR}/history`),
    (now) => now.samples.some((one) => one.queued === 0),
  );
});

test('the metrics count what was done since the start', async () => {
  await until(
    'the counters',
    async () => (await fetch(`${demo.url}/metrics`)).text(),
    (text) => /lazysync_events_total\{pair="projects",kind="modify",outcome="\w+"\} [1-9]/.test(text),
  );
  demo.base.record([], [], [{ path: relPath('README.md'), act: 'hydrate in local', why: 'opened' }], Date.now());
  const text = await until(
    'the action',
    async () => (await fetch(`${demo.url}/metrics`)).text(),
    (all) => all.includes('lazysync_actions_total{pair="projects",kind="hydrate",side="local"} 1'),
  );
  expect(text).toContain('lazysync_bytes_total{pair="projects",direction="down"} 250000000');
  for (const line of [
    'lazysync_queued_jobs{pair="projects"} 0',
    'lazysync_lag_seconds{pair="projects"} 0',
    'lazysync_held{pair="projects"} 1',
    'lazysync_problems_by_code{pair="projects",code="no-space"} 1',
    'lazysync_process{pair="projects",role="worker",host="box",pid="4712"} 1',
  ])
    expect(text).toContain(line);
});

test('ready when every pair is served and Redis answers', async () => {
  expect(await (await fetch(`${demo.url}/readyz`)).json()).toEqual({ ready: true, redis: 'up', pairs: 1, notReady: 0 });
  demo.base.setMeta('state', 'halted');
  const answer = await fetch(`${demo.url}/readyz`);
  expect([answer.status, await answer.json()]).toEqual([503, { ready: false, redis: 'up', pairs: 1, notReady: 1 }]);
  demo.base.setMeta('state', 'idle');
});
