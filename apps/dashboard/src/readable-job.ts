/** A job of the lane as people read it: what was seen where, and what became of it. */
import { type Changeset, decodeChangeset, type SyncEvent } from '@lazysync/event-model';

/** How Bull Board gets a job, as far as it is changed here. */
export interface JobJson {
  readonly name: string;
  readonly data: unknown;
  readonly returnvalue: unknown;
}

export interface ReadableJob {
  /** ISO: when the settle window was closed. */
  readonly seen: string;
  /** `what was seen → what became of it`, in order. */
  readonly events: readonly string[];
}

export function describeEvent(event: SyncEvent): string {
  const path = event.path === '' ? '(the whole folder)' : event.path;
  switch (event.kind) {
    case 'create':
      return `${path} appeared in ${event.side}${inferred(event.seen)}`;
    case 'modify':
      return `${path} changed in ${event.side}${inferred(event.seen)}`;
    case 'delete':
      return `${path} went away in ${event.side}${inferred(event.seen)}`;
    case 'access':
      return `${path} was opened in local`;
    case 'staged':
      return `${path} is downloaded and waits to be put in its place`;
    case 'rescan':
      return `look at everything in ${event.side}: ${path}${event.why === '' ? '' : ` (${event.why})`}`;
    case 'command':
      return `somebody asked: ${event.command} ${path}`;
  }
}

const inferred = (seen: boolean | undefined): string => (seen === false ? ' (found by a scan)' : '');

/** The data of a job with the outcome beside each event; what is no changeset is shown as it is, with the reason. */
export function readableData(pair: string, data: unknown, returned: unknown): unknown {
  const decoded = decodeChangeset(data, pair);
  if (decoded.kind === 'refused') return { refused: decoded.reason, data };
  return readableChangeset(decoded.changeset, outcomesOf(returned));
}

function readableChangeset(changeset: Changeset, outcomes: readonly Outcome[]): ReadableJob {
  // A path may occur several times: outcomes are given out in order.
  const left = new Map<string, string[]>();
  for (const { path, outcome } of outcomes) left.set(path, [...(left.get(path) ?? []), outcome]);
  const events = changeset.events.map((event) => {
    const of = left.get(event.path);
    return withOutcome(describeEvent(event), of !== undefined && of.length > 1 ? of.shift() : of?.[0]);
  });
  const paths = new Set<string>(changeset.events.map((event) => event.path));
  const also = outcomes
    .filter(({ path }) => !paths.has(path))
    .map(({ path, outcome }) => withOutcome(`${path === '' ? '(the whole folder)' : path} was looked at too`, outcome));
  return { seen: new Date(changeset.at).toISOString(), events: [...events, ...also] };
}

const withOutcome = (event: string, outcome: string | undefined): string =>
  outcome === undefined ? event : `${event} → ${outcome}`;

export interface Outcome {
  readonly path: string;
  readonly outcome: string;
}

/** What the worker returned for a job; anything else is no outcome. */
export function outcomesOf(returned: unknown): readonly Outcome[] {
  if (!Array.isArray(returned)) return [];
  return (returned as unknown[]).filter((one): one is Outcome => {
    if (typeof one !== 'object' || one === null) return false;
    const { path, outcome } = one as Record<string, unknown>;
    return typeof path === 'string' && typeof outcome === 'string';
  });
}
