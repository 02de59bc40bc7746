/** Was the lane worked strictly in order? Judged by what the workers said at `--log-level debug`. */

interface Line {
  readonly time: number;
  readonly pid: number;
  readonly what: 'begins' | 'done' | 'step';
  readonly job: string;
}

const WORDS: Readonly<Record<string, Line['what']>> = {
  'job begins': 'begins',
  'job done': 'done',
  'step done': 'step',
};

function parse(text: string): Line | null {
  if (!text.startsWith('{')) return null;
  try {
    const { name, msg, time, pid, job } = JSON.parse(text) as Record<string, unknown>;
    const what = WORDS[String(msg)];
    if (name !== 'sync-worker' || what === undefined) return null;
    return { time: Number(time), pid: Number(pid), what, job: typeof job === 'string' ? job : '' };
  } catch {
    return null; // a line that a kill cut off
  }
}

export interface LaneTrace {
  readonly jobs: number;
  /** Jobs that were begun again: a kill or an outage came in between. */
  readonly again: number;
  readonly steps: number;
  readonly workers: number;
  /** What was out of order; [] when all was as it has to be. */
  readonly wrong: readonly string[];
}

/**
 * - a worker that another one has followed does nothing any more;
 * - a job that was begun and not finished is the next to begin, whoever begins it;
 * - the jobs of each producer begin in the order of their numbers, and none is left out.
 */
export function judgeTrace(text: string): LaneTrace {
  const lines = text
    .split('\n')
    .map(parse)
    .filter((line) => line !== null)
    .sort((a, b) => a.time - b.time);
  const wrong: string[] = [];
  const workers: number[] = [];
  const numbers = new Map<string, number>();
  let open: string | null = null;
  let last: string | null = null;
  let jobs = 0;
  let again = 0;
  let steps = 0;
  for (const line of lines) {
    if (workers.at(-1) !== line.pid) {
      if (workers.includes(line.pid)) wrong.push(`worker ${line.pid} went on after ${workers.at(-1)} had taken over`);
      workers.push(line.pid);
    }
    if (line.what === 'step') steps++;
    else if (line.what === 'done') {
      if (open !== line.job) wrong.push(`${line.job} was done while ${open ?? 'none'} was at work`);
      open = null;
      jobs++;
    } else {
      if (open !== null && open !== line.job) wrong.push(`${line.job} began before ${open} was done`);
      open = line.job;
      if (line.job === last) again++;
      else follow(line.job);
      last = line.job;
    }
  }

  function follow(job: string): void {
    const { run, number } = /^(?<run>.*)-b(?<number>\d+)$/.exec(job)?.groups ?? {};
    if (run === undefined) return;
    const before = numbers.get(run);
    if (before !== undefined && Number(number) !== before + 1)
      wrong.push(`${job} began after number ${before} of the same producer`);
    numbers.set(run, Number(number));
  }
  return { jobs, again, steps, workers: workers.length, wrong };
}
