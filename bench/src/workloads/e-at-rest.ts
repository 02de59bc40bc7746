/** e. What it costs when nothing happens. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Where } from '../options.ts';
import { sum, usedBetween } from '../processes.ts';
import { startProgram } from '../program.ts';
import type { Bench, Row } from '../row.ts';
import { runsOf } from '../row.ts';
import { type ServerWatcher, startServerWatcher } from '../server-watcher.ts';
import { makeTree } from '../trees.ts';

const MINUTE = 60_000;
/** Caches and heaps come to rest, too. */
const CALM_MS = 30_000;

async function measure(bench: Bench, where: Where, served: boolean): Promise<Row[]> {
  return await bench.at(where, async (place) => {
    const files = bench.size(10_000, 40);
    makeTree(place.backing, { files, folders: bench.size(500, 4), bytes: 1000 });
    place.renew();
    const program = await startProgram(place);
    let server: ServerWatcher | null = null;
    const minute = MINUTE * Math.min(1, bench.options.scale * 10);
    try {
      await program.rest();
      if (served) server = await startServerWatcher(place, program);
      await pause(CALM_MS * Math.min(1, bench.options.scale * 10));
      const all = await runsOf(bench, `${where}: at rest`, async () => {
        const before = { use: program.processes(), wire: place.wire() };
        await pause(minute);
        const after = { use: program.processes(), wire: place.wire() };
        const up = after.wire.up - before.wire.up;
        const down = after.wire.down - before.wire.down;
        return { use: usedBetween(before.use, after.use), wire: { up, down } };
      });
      const last = all.at(-1);
      const per = MINUTE / minute;
      const how = where === 'plain' ? '' : served ? ', watcher on the server' : ', polling';
      const common = { workload: 'e', where, floor: null, peers: [] } as const;
      const cpu: Row = {
        ...common,
        what: `${files.toLocaleString('en-US')} files at rest, all processes${how}`,
        unit: 'CPU s/min',
        goal: { kind: 'most', value: 0.9 },
        ours: all.map(({ use }) => sum(use, 'cpu') * per),
        ...(last === undefined ? {} : { processes: last.use }),
      };
      const rss: Row = {
        ...common,
        what: `memory of all processes${how}`,
        unit: 'MiB',
        goal: { kind: 'most', value: 350 },
        ours: all.map(({ use }) => sum(use, 'rss')),
      };
      const pss: Row = {
        ...rss,
        what: `${rss.what}, shared pages once`,
        goal: null,
        ours: all.map(({ use }) => sum(use, 'pss')),
      };
      const wire: Row = {
        ...common,
        what: `on the wire${how}`,
        unit: 'KiB/min',
        goal: served ? { kind: 'most', value: 100 } : null,
        ours: all.map((one) => ((one.wire.up + one.wire.down) / 1024) * per),
      };
      return where === 'slow' ? [cpu, rss, pss, wire] : [cpu, rss, pss];
    } finally {
      await server?.stop();
      await program.stop();
    }
  });
}

export async function atRest(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = [];
  if (bench.on('slow')) rows.push(...(await measure(bench, 'slow', true)), ...(await measure(bench, 'slow', false)));
  if (bench.on('plain')) rows.push(...(await measure(bench, 'plain', false)));
  return rows;
}
