/** Finished jobs of a lane, as people read them. */
import { withDeadline } from '@lazysync/ops';
import type { LaneQueue } from './board.ts';
import { outcomesOf } from './readable-job.ts';
import type { ActionShape } from './shapes.ts';

/** Of a job with hundreds of events this many outcomes are shown. */
const OUTCOMES = 20;

type Jobs = Awaited<ReturnType<LaneQueue['getJobs']>>;

/** The newest first; null when Redis does not answer in time. */
export async function finishedJobs(
  queue: LaneQueue,
  offset: number,
  limit: number,
  deadlineMs: number,
): Promise<Jobs | null> {
  const asked = queue.getJobs(['completed'], offset, offset + limit - 1);
  // Silence is an answer here: the page does without.
  return await withDeadline(asked, deadlineMs, 'the lane').catch(() => null);
}

export function actionsOf(jobs: Jobs): readonly ActionShape[] {
  return jobs.map((job): ActionShape => {
    const outcomes = outcomesOf(job.returnvalue);
    return {
      id: job.id ?? '',
      at: job.finishedOn ?? job.timestamp,
      what: job.name,
      outcomes: outcomes.slice(0, OUTCOMES).map(({ path, outcome }) => ({ path, outcome })),
      outcomeCount: outcomes.length,
    };
  });
}
