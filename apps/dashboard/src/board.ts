/**
 * Bull Board at /queues: one lane per pair, to be looked at only. A retry, a promote or a job added by hand would break
 * the order that everything rests on, so the adapters refuse every change (the server refuses other methods than GET).
 */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyInstance } from 'fastify';
import { type JobJson, readableData } from './readable-job.ts';

export type LaneQueue = ConstructorParameters<typeof BullMQAdapter>[0];

export interface Lane {
  readonly pair: string;
  readonly queue: LaneQueue;
}

export const BOARD_PATH = '/queues';

class LaneAdapter extends BullMQAdapter {
  readonly #pair: string;

  constructor({ pair, queue }: Lane) {
    super(queue, {
      readOnlyMode: true,
      allowRetries: false,
      displayName: pair,
      description: 'Jobs are carried out one after the other, oldest first.',
    });
    this.#pair = pair;
  }

  override getName(): string {
    return this.#pair;
  }

  override async getJob(id: string): ReturnType<BullMQAdapter['getJob']> {
    const job = await super.getJob(id);
    return job === undefined ? job : this.#readable(job);
  }

  override async getJobs(...range: Parameters<BullMQAdapter['getJobs']>): ReturnType<BullMQAdapter['getJobs']> {
    return (await super.getJobs(...range)).map((job) => this.#readable(job));
  }

  #readable<T extends { toJSON(): JobJson }>(job: T): T {
    const original = job.toJSON();
    // The outcomes stand beside their events: no need to say them twice.
    const shown = {
      ...original,
      data: readableData(this.#pair, original.data, original.returnvalue),
      returnvalue: Array.isArray(original.returnvalue) ? 'done' : original.returnvalue,
    };
    job.toJSON = () => shown;
    return job;
  }
}

export function lanePath(pair: string): string {
  return `${BOARD_PATH}/queue/${encodeURIComponent(pair)}`;
}

const SANS = 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const MONO = 'ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace';

/** The answer shows other lanes from now on. */
export async function registerBoard(
  server: FastifyInstance,
  lanes: readonly Lane[],
): Promise<(lanes: readonly Lane[]) => void> {
  const adapter = new FastifyAdapter();
  const fonts = { 'font-sans': SANS, 'font-mono': MONO };
  const board = createBullBoard({
    queues: lanes.map((lane) => new LaneAdapter(lane)),
    serverAdapter: adapter,
    options: {
      uiConfig: {
        boardTitle: 'LazySync queues',
        boardLogo: { path: '/assets/icon.svg', width: 24, height: 24 },
        favIcon: { default: '/assets/icon.svg', alternative: '/assets/icon.svg' },
        hideDocsLink: true,
        miscLinks: [{ text: 'Overview', url: '/' }],
        theme: { light: fonts, dark: fonts },
        pollingInterval: { forceInterval: 2 },
      },
    },
  });
  adapter.setBasePath(BOARD_PATH);
  await server.register(async (scope) => {
    scope.addHook('onSend', async (_request, reply, payload) => {
      const type = reply.getHeader('content-type');
      if (typeof payload !== 'string' || typeof type !== 'string' || !type.startsWith('text/html')) return payload;
      return withoutOtherHosts(payload);
    });
    await scope.register(adapter.registerPlugin(), { prefix: BOARD_PATH });
  });
  return (others) => board.replaceQueues(others.map((lane) => new LaneAdapter(lane)));
}

/** The board's page asks another host for its fonts; here no page asks another host for anything. */
export function withoutOtherHosts(page: string): string {
  return page
    .replace(/<link\b[^>]*\shref\s*=\s*["']?(?:https?:)?\/\/[^>]*>/gi, '')
    .replace(/<script\b[^>]*\ssrc\s*=\s*["']?(?:https?:)?\/\/[^>]*>\s*<\/script>/gi, '');
}
