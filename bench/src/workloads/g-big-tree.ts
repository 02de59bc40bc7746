/** g. A very big tree: the first mirror, a start without changes, one change, and what it takes up. */
import fs from 'node:fs';
import path from 'node:path';
import type { Place } from '../place.ts';
import { sum } from '../processes.ts';
import { type Program, startProgram } from '../program.ts';
import type { Bench, Row } from '../row.ts';
import { runsOf } from '../row.ts';
import { makeTree } from '../trees.ts';
import { msUntil } from '../until.ts';
import { linkTree } from './a-first-mirror.ts';

const COUNTED = new Set(['watcher', 'sync-worker', 'endpoint', 'redis']);

async function changes(program: Program, place: Place, count: number): Promise<number[]> {
  await program.rest();
  const all: number[] = [];
  for (let at = 1; at <= count; at++) {
    fs.writeFileSync(path.join(place.local, `change-${at}`), 'new');
    const there = path.join(place.remote, `change-${at}`);
    all.push((await msUntil('the change', () => fs.existsSync(there), 120_000)) / 1000);
  }
  for (let at = 1; at <= count; at++) fs.rmSync(path.join(place.local, `change-${at}`));
  await program.rest();
  return all;
}

function baseBytes(place: Place): number {
  const [pair] = fs.readdirSync(place.state).filter((name) => fs.existsSync(path.join(place.state, name, 'base.db')));
  if (pair === undefined) throw new Error('there is no base');
  return fs.statSync(path.join(place.state, pair, 'base.db')).size;
}

async function mirrored(bench: Bench, place: Place, files: number) {
  let processes: ReturnType<Program['processes']> = [];
  let latencies: readonly number[] = [];
  const starts = await runsOf(bench, `mirror of ${files.toLocaleString('en-US')} files`, async () => {
    place.reset();
    const program = await startProgram(place, { more: ['--no-dashboard'] });
    await program.stop();
    return program.readyMs / 1000;
  });
  const restarts = await runsOf(bench, 'start without changes', async (run) => {
    const program = await startProgram(place, { more: ['--no-dashboard'] });
    try {
      if (run === bench.options.runs) {
        latencies = await changes(program, place, 5);
        processes = program.processes();
      }
      return program.readyMs / 1000;
    } finally {
      await program.stop();
    }
  });
  return { starts, restarts, latencies, processes, bytes: baseBytes(place) / files };
}

export async function bigTree(bench: Bench): Promise<readonly Row[]> {
  if (!bench.on('plain')) return [];
  const small = bench.size(10_000, 40);
  const few = await bench.at('plain', async (place) => {
    makeTree(place.backing, { files: small, folders: bench.size(200, 2), bytes: 20 });
    return await mirrored(bench, place, small);
  });
  return await bench.at('plain', async (place) => {
    const files = bench.size(1_000_000, 400);
    const folders = bench.size(20_000, 8);
    bench.say(`makes ${files.toLocaleString('en-US')} files`);
    makeTree(place.backing, { files, folders, bytes: 20 });
    const links = await runsOf(bench, 'cp -rs', () => linkTree(place));
    const many = await mirrored(bench, place, files);
    const common = { workload: 'g', where: 'plain', floor: null, peers: [] } as const;
    const processes = many.processes.filter(({ name }) => COUNTED.has(name));
    const perFile = many.starts.map((one, at) => one / files / ((few.starts[at] ?? Number.NaN) / small));
    return [
      {
        ...common,
        what: `first mirror, ${files.toLocaleString('en-US')} files in ${folders.toLocaleString('en-US')} folders`,
        unit: 's',
        goal: { kind: 'times', value: 2.5 },
        floor: { what: 'cp -rs', values: links },
        ours: many.starts,
      },
      { ...common, what: 'start without changes', unit: 's', goal: { kind: 'most', value: 20 }, ours: many.restarts },
      {
        ...common,
        what: 'one new file, local -> remote',
        unit: 's',
        goal: { kind: 'most', value: 0.5 },
        ours: many.latencies,
      },
      {
        ...common,
        what: 'memory of watcher, worker and Redis',
        unit: 'MiB',
        goal: { kind: 'most', value: 700 },
        ours: [sum(processes, 'rss')],
        processes,
      },
      { ...common, what: 'base.db, per file', unit: 'bytes', goal: { kind: 'most', value: 300 }, ours: [many.bytes] },
      {
        ...common,
        what: `time per file, against ${small.toLocaleString('en-US')} files`,
        unit: '×',
        goal: { kind: 'most', value: 1.3 },
        ours: perFile,
      },
    ];
  });
}
