/** What can be changed through the API. Trees only ever change through a job of the lane. */
import { parseRelPath, type RelPath, ROOT } from '@lazysync/event-model';
import type { Pairs, Wish } from '../pairs.ts';
import { noPair, noPath, nothingRuns, pairRoute, pathFrom, unreachable } from './common.ts';
import { type ApiAnswer, type ApiRequest, type ApiRoute, closed, ok, refusedWith, text } from './route.ts';
import * as schemas from './schemas.ts';

const DECIDE_MS = 10_000;
const SLOT = /^(local|remote):[A-Za-z0-9-]{1,80}$/;
const PATTERN_MAX = 1000;

const commandBody = closed(
  {
    command: text('', { enum: ['get', 'free', 'rescan', 'pin', 'unpin', 'restore'] }),
    path: text('Of get, free, rescan and restore', { maxLength: 16_384 }),
    pattern: text('Of pin and unpin: a gitignore pattern', { maxLength: PATTERN_MAX }),
    from: text('Of restore: `<side>:<slot>` as the trash lists it', { maxLength: 100 }),
  },
  ['command'],
);

export function changeRoutes(pairs: Pairs): readonly ApiRoute[] {
  const pausing = (name: 'pause' | 'resume'): ApiRoute => ({
    method: 'POST',
    path: `/pairs/{pair}/${name}`,
    summary: name === 'pause' ? 'Carry nothing out for now; what happens is queued' : 'Go on where it was paused',
    answer: schemas.said,
    handle: pairRoute(pairs, async (id) => {
      const reached = await pairs.setPaused(id, name === 'pause');
      if (reached.kind === 'unreachable') return unreachable();
      return ok({ message: name === 'pause' ? 'Paused: what happens is queued.' : 'Resumed.' });
    }),
  });
  return [
    {
      method: 'POST',
      path: '/pairs/{pair}/commands',
      summary: 'Ask for something that is carried out in the queue, in its turn',
      body: commandBody,
      status: 202,
      answer: schemas.commandAnswer,
      handle: pairRoute(pairs, (id, { body }) => command(pairs, id, body)),
    },
    {
      method: 'POST',
      path: '/pairs/{pair}/held',
      summary: 'Say yes or no to what is held',
      body: closed({ decision: text('', { enum: ['approve', 'reject'] }) }, ['decision']),
      answer: schemas.said,
      handle: pairRoute(pairs, async (id, { body }) => {
        if (!(await isWorked(pairs, id))) return nothingRuns();
        const answer = await pairs.ask(id, 'decide', body.decision, DECIDE_MS);
        return typeof answer === 'string'
          ? ok({ message: answer })
          : refusedWith(504, 'The worker did not answer in time.');
      }),
    },
    pausing('pause'),
    pausing('resume'),
  ];
}

async function isWorked(pairs: Pairs, id: string): Promise<boolean> {
  return ((await pairs.report(id))?.status.worker.length ?? 0) > 0;
}

async function command(pairs: Pairs, id: string, body: ApiRequest['body']): Promise<ApiAnswer> {
  const wish = wishOf(body);
  if ('status' in wish) return wish;
  const named = wish.command === 'get' || wish.command === 'free';
  if (named && wish.path !== ROOT && pairs.inspect(id, (reader) => reader.get(wish.path)) === null)
    return refusedWith(404, 'This pair knows no such path.');
  const report = await pairs.report(id);
  if (report === null) return noPair();
  if (report.status.redis === 'down') return unreachable();
  if (report.status.worker.length === 0) return nothingRuns();
  const reached = await pairs.command(id, wish);
  return reached.kind === 'unreachable' ? unreachable() : ok({ id: reached.value }, 202);
}

function wishOf({ command: name, path, pattern, from }: ApiRequest['body']): Wish | ApiAnswer {
  switch (name) {
    case 'get':
    case 'free':
    case 'rescan': {
      if (pattern !== undefined || from !== undefined)
        return refusedWith(400, `${name} takes a path, and nothing else.`);
      // Everything has to be asked for in so many words.
      if (path === undefined && name !== 'rescan') return refusedWith(400, `${name} takes a path.`);
      const at = pathFrom(path);
      return at === null ? noPath() : { command: name, path: at };
    }
    case 'pin':
    case 'unpin':
      if (path !== undefined || from !== undefined)
        return refusedWith(400, `${name} takes a pattern, and nothing else.`);
      if (pattern === undefined || !isPattern(pattern))
        return refusedWith(400, 'The pattern is empty, or not one line of text.');
      return { command: name, path: ROOT, arg: pattern };
    case 'restore': {
      const at = pathFrom(path);
      if (at === null || at === ROOT) return noPath();
      if (from === undefined || !SLOT.test(from)) return refusedWith(400, '"from" must name a slot of the trash.');
      return { command: 'restore', path: at satisfies RelPath, arg: from };
    }
    case undefined:
    default:
      return refusedWith(400, 'There is no such command.');
  }
}

/** One line, nothing that leaves the root, and not the own folder. */
function isPattern(pattern: string): boolean {
  if (pattern.trim() === '' || /[\0-\x1f\x7f]/.test(pattern) || !pattern.isWellFormed()) return false;
  const plain = pattern.replace(/^!?\/?|\/$/g, '');
  return plain === '' ? false : parseRelPath(plain) !== null && pathFrom(plain) !== null;
}
