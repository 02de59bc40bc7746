/** The command line of the suite. */
import { parseArgs } from 'node:util';

export const WORKLOADS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;
export type WorkloadName = (typeof WORKLOADS)[number];
export const WHERES = ['plain', 'slow'] as const;
export type Where = (typeof WHERES)[number];

export interface BenchOptions {
  readonly workloads: readonly WorkloadName[];
  readonly where: readonly Where[];
  /** Measure the other tools that are installed, too. */
  readonly peers: boolean;
  /** How often each thing is measured; the table shows medians. */
  readonly runs: number;
  /** Share of the full sizes: 1 is what the goals speak of. */
  readonly scale: number;
  /** ms */
  readonly rtt: number;
  readonly mbit: number;
  /** Where the table is written to, or null. */
  readonly out: string | null;
}

export const USAGE = `npm run bench -- [WORKLOAD…] [--where plain,slow] [--runs 3] [--scale 1] [--peers] [--rtt 40] [--mbit 200] [--out DIR]

  a  first mirror             e  at rest
  b  one change               f  rename of a folder
  c  many small uploads       g  a million files (plain)
  d  reading                  h  through the lane (plain)

Without WORKLOAD all of them. The slow mount needs slow-remote (LAZYSYNC_LAB names its folder).`;

/** A sentence on what is wrong, or the options. */
export function readOptions(argv: readonly string[]): BenchOptions | string {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { values, positionals } = parsed;
  const wrong = positionals.find((one) => !(WORKLOADS as readonly string[]).includes(one));
  if (wrong !== undefined) return `There is no workload ${JSON.stringify(wrong)}.`;
  const where = values.where.split(',');
  if (!where.every((one) => (WHERES as readonly string[]).includes(one))) return '--where is plain, slow or both.';
  const [runs = 0, scale = 0, rtt = 0, mbit = 0] = [values.runs, values.scale, values.rtt, values.mbit].map(Number);
  if (!Number.isInteger(runs) || runs < 1) return '--runs is a whole number from 1 on.';
  if (!(scale > 0 && scale <= 1)) return '--scale lies between 0 and 1.';
  if (!(rtt >= 0) || !(mbit >= 0)) return '--rtt and --mbit are numbers from 0 on.';
  return {
    workloads: positionals.length === 0 ? WORKLOADS : WORKLOADS.filter((one) => positionals.includes(one)),
    where: WHERES.filter((one) => where.includes(one)),
    peers: values.peers,
    runs,
    scale,
    rtt,
    mbit,
    out: values.out ?? null,
  };
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      where: { type: 'string', default: 'plain,slow' },
      runs: { type: 'string', default: '3' },
      scale: { type: 'string', default: '1' },
      peers: { type: 'boolean', default: false },
      rtt: { type: 'string', default: '40' },
      mbit: { type: 'string', default: '200' },
      out: { type: 'string' },
    },
  });
}
