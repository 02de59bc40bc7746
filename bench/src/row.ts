/** One line of the table. */
import type { BenchOptions, Where, WorkloadName } from './options.ts';
import type { Place, Wire } from './place.ts';
import type { ProcessUse } from './processes.ts';

export interface Measured {
  readonly what: string;
  /** One for each run. */
  readonly values: readonly number[];
}

/** `most`: no more than; `least`: no less than; `times`: no more than so many times the floor. */
export type Goal = { readonly kind: 'most' | 'least' | 'times'; readonly value: number };

export interface Row {
  readonly workload: WorkloadName;
  readonly where: Where;
  readonly what: string;
  readonly unit: string;
  readonly goal: Goal | null;
  /** The least that has to be done, by plain calls, in the same run. */
  readonly floor: Measured | null;
  readonly peers: readonly Measured[];
  readonly ours: readonly number[];
  /** What each process used meanwhile, in the last run. */
  readonly processes?: readonly ProcessUse[];
  /** Bytes on the link meanwhile, in the last run. */
  readonly wire?: Wire;
}

export interface Bench {
  readonly options: BenchOptions;
  /** Of a full size, what `--scale` leaves. */
  size(full: number, least?: number): number;
  /** Says what is done now. */
  say(text: string): void;
  /** Folders of its own for one part of a workload; removed at the end, whatever happens. */
  at<T>(where: Where, act: (place: Place) => Promise<T>): Promise<T>;
  /** Is it asked for, and possible? */
  on(where: Where): boolean;
  /** Of the peers, those that are installed and asked for. */
  peer(command: string): boolean;
}

export type Workload = (bench: Bench) => Promise<readonly Row[]>;

/** Does it once for each run, with its number from 1 on. */
export async function runsOf<T>(bench: Bench, what: string, act: (run: number) => Promise<T> | T): Promise<T[]> {
  const all: T[] = [];
  for (let run = 1; run <= bench.options.runs; run++) {
    bench.say(`${what}, run ${run} of ${bench.options.runs}`);
    all.push(await act(run));
  }
  return all;
}
