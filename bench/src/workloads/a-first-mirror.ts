/** a. From an empty local folder to a stub for every file. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { floor } from '../floor.ts';
import type { Where } from '../options.ts';
import type { Place, Wire } from '../place.ts';
import type { ProcessUse } from '../processes.ts';
import { startProgram } from '../program.ts';
import type { Bench, Row } from '../row.ts';
import { runsOf } from '../row.ts';
import { countBelow, makeTree } from '../trees.ts';
import { secondsOf } from '../until.ts';

interface Mirrored {
  readonly whole: number;
  readonly first: number;
  readonly processes: readonly ProcessUse[];
  readonly wire: Wire;
}

export async function linkTree(place: Place): Promise<number> {
  place.renew();
  const links = path.join(place.top, 'links');
  const seconds = await secondsOf(() => {
    const ran = spawnSync('cp', ['-rs', place.remote, links], { encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(`cp -rs: ${ran.stderr}`);
  });
  place.discard(links);
  return seconds;
}

async function mirror(place: Place, entries: number): Promise<Mirrored> {
  place.reset();
  place.renew();
  const before = place.wire();
  let first = Number.NaN;
  const program = await startProgram(place, {
    meanwhile: (ms) => {
      if (Number.isNaN(first) && fs.readdirSync(place.local).some((name) => name !== '.lazysync')) first = ms / 1000;
    },
  });
  try {
    const { up, down } = place.wire();
    const processes = program.processes();
    const here = countBelow(place.local);
    if (here !== entries) throw new Error(`${here} entries are here, not ${entries}`);
    return { whole: program.readyMs / 1000, first, processes, wire: { up: up - before.up, down: down - before.down } };
  } finally {
    await program.stop();
  }
}

async function measure(bench: Bench, where: Where, files: number, folders: number): Promise<Row[]> {
  return await bench.at(where, async (place) => {
    const what = `first mirror, ${files.toLocaleString('en-US')} files in ${folders.toLocaleString('en-US')} folders`;
    bench.say(`makes the tree: ${what}, ${where}`);
    makeTree(place.backing, { files, folders, bytes: where === 'slow' ? 1000 : 20 });
    const entries = files + folders - 1;
    const walks = await runsOf(bench, `${where}: floor, a parallel walk`, () => {
      place.renew();
      return floor('walk', place.remote);
    });
    const links =
      where === 'plain' || bench.peer('cp') ? await runsOf(bench, `${where}: cp -rs`, () => linkTree(place)) : [];
    const all = await runsOf(bench, `${where}: lazysync`, () => mirror(place, entries));
    const last = all.at(-1) as Mirrored;
    const plain = where === 'plain';
    const common = { workload: 'a', where, unit: 's' } as const;
    return [
      {
        ...common,
        what: `${what}, from the command to ready`,
        goal: plain ? { kind: 'times', value: 2 } : { kind: 'most', value: 6 },
        floor: plain ? { what: 'cp -rs', values: links } : { what: 'parallel walk', values: walks },
        peers: plain || links.length === 0 ? [] : [{ what: 'cp -rs', values: links }],
        ours: all.map((one) => one.whole),
        processes: last.processes,
        ...(plain ? {} : { wire: last.wire }),
      },
      {
        ...common,
        what: 'first entries are there',
        goal: null,
        floor: null,
        peers: [],
        ours: all.map((one) => one.first),
      },
    ];
  });
}

export async function firstMirror(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = [];
  if (bench.on('slow')) rows.push(...(await measure(bench, 'slow', bench.size(10_000, 40), bench.size(500, 4))));
  if (bench.on('plain')) rows.push(...(await measure(bench, 'plain', bench.size(100_000, 40), bench.size(5_000, 4))));
  return rows;
}
