/** Server-sent events: the pairs at a glance, or one pair, whenever something changes and somebody watches. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { API } from './guard.ts';
import { createLive, type Live, type LivePart } from './live.ts';
import type { Pairs } from './pairs.ts';
import { detailOf, summaryOf } from './views.ts';

/** A watcher that does not read what it is sent is let go at this many bytes. */
const TOO_SLOW = 4_000_000;
/** So many pages may be open at once. */
const MOST = 200;
const BEAT_MS = 15_000;
const LATEST = 30;

export interface EventsOptions {
  readonly pairs: Pairs;
  /** Pause between two looks at the pairs while somebody watches, ms. */
  readonly everyMs: number;
  readonly error: (error: unknown) => void;
}

export function registerEvents(server: FastifyInstance, options: EventsOptions): void {
  const { pairs } = options;
  const lives = new Map<string, Live>();
  const open = new Set<() => void>();
  const liveOf = (key: string, read: () => Promise<readonly LivePart[]>): Live => {
    const live = lives.get(key) ?? createLive({ ...options, read });
    lives.set(key, live);
    return live;
  };
  const follow = (live: Live, request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined => {
    if (open.size >= MOST) return reply.code(503).send({ error: 'Too many pages are open.' });
    stream(live, request, reply, open);
    return undefined;
  };
  server.addHook('preClose', async () => {
    for (const live of lives.values()) live.close();
    for (const end of [...open]) end();
  });
  server.get(`${API}/events`, { exposeHeadRoute: false }, (request, reply) =>
    follow(
      liveOf('', () => glance(pairs)),
      request,
      reply,
    ),
  );
  server.get<{ Params: { pair: string } }>(
    `${API}/pairs/:pair/events`,
    { exposeHeadRoute: false },
    (request, reply) => {
      const { pair } = request.params;
      if (!pairs.ids.includes(pair)) return reply.code(404).send({ error: 'There is no such pair.' });
      return follow(
        liveOf(pair, () => lookAtPair(pairs, pair)),
        request,
        reply,
      );
    },
  );
}

async function glance(pairs: Pairs): Promise<LivePart[]> {
  const reports = await pairs.reports();
  const order: LivePart = { key: '', event: 'order', data: JSON.stringify(pairs.ids) };
  const parts = reports.map(
    (report): LivePart => ({ key: report.status.id, event: 'pair', data: JSON.stringify(summaryOf(report)) }),
  );
  return [order, ...parts];
}

async function lookAtPair(pairs: Pairs, id: string): Promise<LivePart[]> {
  const report = await pairs.report(id);
  if (report === null) return [];
  const detail = detailOf(report, pairs.inspect(id, (reader) => reader.pins()) ?? []);
  const actions = await pairs.actions(id, 0, LATEST);
  const parts: LivePart[] = [
    { key: 'detail', event: 'detail', data: JSON.stringify(detail) },
    // The step at work is still filling: both are sent.
    { key: 'samples', event: 'samples', data: JSON.stringify(pairs.history(id).answer().samples.slice(-2)) },
  ];
  return actions === null ? parts : [...parts, { key: 'actions', event: 'actions', data: JSON.stringify(actions) }];
}

function stream(live: Live, request: FastifyRequest, reply: FastifyReply, open: Set<() => void>): void {
  reply.hijack();
  const { raw } = reply;
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
  raw.write('retry: 1000\n\n');
  const stop = live.subscribe((parts) => {
    if (raw.writableLength > TOO_SLOW) end();
    else raw.write(parts.map(({ event, data }) => `event: ${event}\ndata: ${data}\n\n`).join(''));
  });
  const beat = setInterval(() => raw.write(':\n\n'), BEAT_MS);
  const end = (): void => {
    stop();
    clearInterval(beat);
    open.delete(end);
    raw.destroy();
  };
  open.add(end);
  request.raw.on('close', end);
  raw.on('error', end);
}
