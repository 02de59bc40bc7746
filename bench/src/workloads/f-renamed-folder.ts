/** f. A folder with many files is renamed in local. */
import fs from 'node:fs';
import path from 'node:path';
import { floor } from '../floor.ts';
import type { Where } from '../options.ts';
import type { Wire } from '../place.ts';
import { startProgram } from '../program.ts';
import type { Bench, Row } from '../row.ts';
import { runsOf } from '../row.ts';
import { msUntil } from '../until.ts';

interface Renamed {
  readonly seconds: number;
  readonly wire: Wire;
}

async function measure(bench: Bench, where: Where): Promise<Row[]> {
  return await bench.at(where, async (place) => {
    const files = bench.size(1_000, 10);
    const bytes = 64 * 1024;
    const folder = path.join(place.backing, 'folder-0');
    fs.mkdirSync(folder);
    fs.mkdirSync(path.join(place.backing, 'other-0'));
    for (let at = 0; at < files; at++) fs.writeFileSync(path.join(folder, `f${at}`), Buffer.alloc(bytes, `${at} `));
    place.renew();
    const floors = await runsOf(bench, `${where}: floor`, (run) =>
      floor('rename', path.join(place.remote, `other-${run - 1}`), path.join(place.remote, `other-${run}`)),
    );
    const program = await startProgram(place);
    try {
      await program.rest();
      const ours = await runsOf(bench, `${where}: lazysync`, async (run): Promise<Renamed> => {
        const before = place.wire();
        fs.renameSync(path.join(place.local, `folder-${run - 1}`), path.join(place.local, `folder-${run}`));
        const there = path.join(place.backing, `folder-${run}`);
        const ms = await msUntil('the folder', () => fs.existsSync(there), 120_000);
        await program.rest();
        const after = place.wire();
        return { seconds: ms / 1000, wire: { up: after.up - before.up, down: after.down - before.down } };
      });
      const slow = where === 'slow';
      const common = { workload: 'f', where, peers: [] } as const;
      const time: Row = {
        ...common,
        what: `a folder of ${files} files renamed`,
        unit: 's',
        goal: slow ? { kind: 'most', value: 0.7 } : null,
        floor: { what: 'rename', values: floors },
        ours: ours.map((one) => one.seconds),
      };
      const sent: Row = {
        ...common,
        what: 'sent meanwhile',
        unit: 'KiB',
        goal: { kind: 'most', value: 64 },
        floor: null,
        ours: ours.map((one) => one.wire.up / 1024),
      };
      return slow ? [time, sent] : [time];
    } finally {
      await program.stop();
    }
  });
}

export async function renamedFolder(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const where of ['slow', 'plain'] as const) if (bench.on(where)) rows.push(...(await measure(bench, where)));
  return rows;
}
