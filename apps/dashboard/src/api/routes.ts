/** What the API can be asked for. Paths and ids from the outside are checked here, before anything looks at them. */
import type { Pairs } from '../pairs.ts';
import { type SessionDesk, sessionRoutes } from '../session.ts';
import { readTree } from '../tree.ts';
import { conflictsOf, detailOf, part, problemOf, summaryOf, transfersOf } from '../views.ts';
import { changeRoutes } from './changes.ts';
import { noPair, noPath, nothingRuns, pairRoute, pathFrom, unreachable } from './common.ts';
import { type ApiAnswer, type ApiRequest, type ApiRoute, ok, refusedWith, type Schema, text } from './route.ts';
import * as schemas from './schemas.ts';

const limit = (most: number, usual: number): Schema => ({ type: 'integer', minimum: 1, maximum: most, default: usual });
const offset: Schema = { type: 'integer', minimum: 0, maximum: 1_000_000, default: 0 };
const ASK_MS = 10_000;

type Query = ApiRequest['query'];
const numberOf = (query: Query, name: string): number => Number(query[name] ?? 0);
const textOf = (query: Query, name: string): string => String(query[name] ?? '');

export function apiRoutes(pairs: Pairs, session: SessionDesk): readonly ApiRoute[] {
  return [...readRoutes(pairs), ...askRoutes(pairs), ...changeRoutes(pairs), ...sessionRoutes(session)];
}

function readRoutes(pairs: Pairs): readonly ApiRoute[] {
  const ofPair = (handle: Parameters<typeof pairRoute>[1]): ApiRoute['handle'] => pairRoute(pairs, handle);
  const list = (of: (report: NonNullable<Awaited<ReturnType<Pairs['report']>>>) => readonly unknown[]) =>
    ofPair(async (id, { query }) => {
      const report = await pairs.report(id);
      return report === null ? noPair() : ok(part(of(report), numberOf(query, 'offset'), numberOf(query, 'limit')));
    });
  const paged = { offset, limit: limit(1000, 100) };
  const get = 'GET' as const;
  return [
    {
      method: get,
      path: '/pairs',
      summary: 'All pairs at a glance',
      answer: schemas.pairsAnswer,
      handle: async () => ok({ version: 1, pairs: (await pairs.reports()).map(summaryOf) }),
    },
    {
      method: get,
      path: '/pairs/{pair}',
      summary: 'One pair, with the beginnings of its lists',
      answer: schemas.detail,
      handle: ofPair(async (id) => {
        const report = await pairs.report(id);
        return report === null ? noPair() : ok(detailOf(report, pairs.inspect(id, (reader) => reader.pins()) ?? []));
      }),
    },
    {
      method: get,
      path: '/pairs/{pair}/actions',
      summary: 'Finished jobs of the queue with what came of them, the newest first',
      query: { offset, limit: limit(200, 50) },
      answer: schemas.actionsAnswer,
      handle: ofPair(async (id, { query }) => {
        const items = await pairs.actions(id, numberOf(query, 'offset'), numberOf(query, 'limit'));
        return items === null ? unreachable() : ok({ items });
      }),
    },
    {
      method: get,
      path: '/pairs/{pair}/log',
      summary: 'What was done to which path, and why, the oldest first',
      query: {
        path: text('Only of this path'),
        after: { type: 'integer', minimum: 0, default: 0, description: 'Only with ids above' },
        limit: limit(1000, 100),
      },
      answer: schemas.logAnswer,
      handle: ofPair((id, { query }) => {
        const path = query.path === undefined ? undefined : pathFrom(textOf(query, 'path'));
        if (path === null) return noPath();
        const wish = { after: numberOf(query, 'after'), limit: numberOf(query, 'limit') };
        const items = pairs.inspect(id, (reader) => reader.acts(path === undefined ? wish : { ...wish, path }));
        return ok({ items: items ?? [] });
      }),
    },
    {
      method: get,
      path: '/pairs/{pair}/history',
      summary: 'The last hour in steps: the queue, and what was moved',
      answer: schemas.historyAnswer,
      handle: ofPair((id) => ok(pairs.history(id).answer())),
    },
    {
      method: get,
      path: '/pairs/{pair}/transfers',
      summary: 'Downloads that wait, run or are staged',
      query: paged,
      answer: schemas.transferPart,
      handle: list(transfersOf),
    },
    {
      method: get,
      path: '/pairs/{pair}/problems',
      summary: 'What could not be done',
      query: paged,
      answer: schemas.problemPart,
      handle: list(({ problems }) => problems.map(problemOf)),
    },
    {
      method: get,
      path: '/pairs/{pair}/conflicts',
      summary: 'What both sides changed, the newest first',
      query: paged,
      answer: schemas.conflictPart,
      handle: list(conflictsOf),
    },
    {
      method: get,
      path: '/pairs/{pair}/held',
      summary: 'What waits for a yes or no',
      query: paged,
      answer: schemas.problemPart,
      handle: list(({ held }) => held.map(problemOf)),
    },
    {
      method: get,
      path: '/pairs/{pair}/tree',
      summary: 'A folder, page by page: folders first, then by name',
      query: {
        path: text('The folder; left out: the root'),
        after: text('What `next` of the page before says', { maxLength: 1024 }),
        prefix: text('Only names that begin with it', { maxLength: 255 }),
        limit: limit(500, 200),
      },
      answer: schemas.treeAnswer,
      handle: ofPair((id, { query }) => {
        const path = pathFrom(textOf(query, 'path'));
        if (path === null) return noPath();
        const wish = { path, after: textOf(query, 'after'), prefix: textOf(query, 'prefix') };
        const found = pairs.inspect(id, (reader) => ({
          tree: readTree(reader, { ...wish, limit: numberOf(query, 'limit') }),
        }));
        if (found === null) return path === '' ? ok({ path, items: [], next: null }) : noFolder();
        return found.tree === null ? noFolder() : ok(found.tree);
      }),
    },
    {
      method: get,
      path: '/pairs/{pair}/commands/{command}',
      summary: 'What came of a command',
      answer: schemas.commandResult,
      handle: ofPair((id, { params }) => {
        const result = pairs.inspect(id, (reader) => reader.commandResult(params.command ?? ''));
        return ok({ done: result !== null, result });
      }),
    },
    { method: get, path: '/events', summary: 'The pairs, whenever they change', answer: null, handle: null },
    { method: get, path: '/pairs/{pair}/events', summary: 'One pair, whenever it changes', answer: null, handle: null },
  ];
}

const noFolder = (): ApiAnswer => refusedWith(404, 'There is no such folder.');

/** What only the pair's worker knows. */
function askRoutes(pairs: Pairs): readonly ApiRoute[] {
  const asked = async (id: string, topic: string, body: unknown): Promise<Record<string, unknown> | ApiAnswer> => {
    const report = await pairs.report(id);
    if (report === null || report.status.worker.length === 0) return nothingRuns();
    const answer = await pairs.ask(id, topic, body, ASK_MS);
    if (typeof answer !== 'object' || answer === null) return refusedWith(504, 'The worker did not answer in time.');
    return 'problem' in answer ? refusedWith(503, String(answer.problem)) : (answer as Record<string, unknown>);
  };
  const isAnswer = (one: object): one is ApiAnswer => 'status' in one && 'body' in one;
  return [
    {
      method: 'GET',
      path: '/pairs/{pair}/why',
      summary: 'What is known of a path, what was done to it, and what would be done next',
      query: { path: text() },
      answer: schemas.whyAnswer,
      handle: pairRoute(pairs, async (id, { query }) => {
        const path = pathFrom(textOf(query, 'path'));
        if (path === null || path === '') return noPath();
        const found = await asked(id, 'why', { path });
        return isAnswer(found) ? found : ok({ ...(found.planned as object), acts: found.acts });
      }),
    },
    {
      method: 'GET',
      path: '/pairs/{pair}/trash',
      summary: 'What was deleted or overwritten on both sides, the newest first',
      query: { limit: limit(1000, 200) },
      answer: schemas.trashAnswer,
      handle: pairRoute(pairs, async (id, { query }) => {
        const found = await asked(id, 'trash', {});
        return isAnswer(found)
          ? found
          : ok({ items: (found.items as readonly unknown[]).slice(0, numberOf(query, 'limit')) });
      }),
    },
  ];
}
