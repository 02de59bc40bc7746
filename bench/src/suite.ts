/** Runs the workloads that were asked for, one after the other; a failed one does not stop the others. */
import { spawnSync } from 'node:child_process';
import type { BenchOptions, WorkloadName } from './options.ts';
import { makePlace, type Place, whyNoMount } from './place.ts';
import type { Bench, Row, Workload } from './row.ts';
import { firstMirror } from './workloads/a-first-mirror.ts';
import { oneChange } from './workloads/b-one-change.ts';
import { manyUploads } from './workloads/c-many-uploads.ts';
import { reading } from './workloads/d-reading.ts';
import { atRest } from './workloads/e-at-rest.ts';
import { renamedFolder } from './workloads/f-renamed-folder.ts';
import { bigTree } from './workloads/g-big-tree.ts';
import { lane } from './workloads/h-lane.ts';

const SUITE: Readonly<Record<WorkloadName, Workload>> = {
  a: firstMirror,
  b: oneChange,
  c: manyUploads,
  d: reading,
  e: atRest,
  f: renamedFolder,
  g: bigTree,
  h: lane,
};

export interface SuiteResult {
  readonly rows: readonly Row[];
  /** Sentences on what was not measured, and why. */
  readonly skipped: readonly string[];
}

function installed(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}

export async function runSuite(
  options: BenchOptions,
  say: (text: string) => void,
  took: (rows: readonly Row[]) => void = () => undefined,
): Promise<SuiteResult> {
  const skipped: string[] = [];
  const noMount = options.where.includes('slow') ? whyNoMount() : null;
  if (noMount !== null) skipped.push(`Nothing on a slow mount: ${noMount}.`);
  const rows: Row[] = [];
  const places: Place[] = [];
  for (const name of options.workloads) {
    const bench: Bench = {
      options,
      size: (full, least = 1) => Math.max(least, Math.round(full * options.scale)),
      say: (text) => say(`${name}  ${text}`),
      on: (where) => options.where.includes(where) && (where === 'plain' || noMount === null),
      peer: (command) => options.peers && installed(command),
      async at(where, act) {
        const place = makePlace(where, options);
        places.push(place);
        try {
          return await act(place);
        } finally {
          place.unmount();
        }
      },
    };
    try {
      const got = await SUITE[name](bench);
      rows.push(...got);
      took(got);
    } catch (error) {
      skipped.push(
        `Workload ${name} broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }
  for (const place of places) place.remove();
  return { rows, skipped };
}
