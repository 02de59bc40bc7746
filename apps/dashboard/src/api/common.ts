/** What the routes have in common: ids and paths from the outside, and how they are refused. */
import { isOwn, parseRelPath, type RelPath } from '@lazysync/event-model';
import type { Pairs } from '../pairs.ts';
import { type ApiAnswer, type ApiRequest, refusedWith } from './route.ts';

/** null: nothing that may be asked about. */
export function pathFrom(text: string | undefined): RelPath | null {
  const path = parseRelPath(text ?? '');
  return path === null || isOwn(path) ? null : path;
}

export const noPair = (): ApiAnswer => refusedWith(404, 'There is no such pair.');
export const noPath = (): ApiAnswer =>
  refusedWith(400, 'The path must be relative to the root of the pair, without "." and "..", and not its .lazysync.');
export const unreachable = (): ApiAnswer => refusedWith(503, 'Redis does not answer: try again when it does.');

/** The id of a pair that exists, or the refusal. */
export function pairRoute(
  pairs: Pairs,
  handle: (id: string, request: ApiRequest) => Promise<ApiAnswer> | ApiAnswer,
): (request: ApiRequest) => Promise<ApiAnswer> | ApiAnswer {
  return (request) => {
    const id = request.params.pair ?? '';
    return pairs.ids.includes(id) ? handle(id, request) : noPair();
  };
}
export const nothingRuns = (): ApiAnswer => refusedWith(409, 'No worker runs for this pair.');
