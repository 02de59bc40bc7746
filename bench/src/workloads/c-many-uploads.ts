/** c. Many new small files in local, until all are whole in the remote. */
import fs from 'node:fs';
import path from 'node:path';
import { floor } from '../floor.ts';
import type { Where } from '../options.ts';
import type { Place } from '../place.ts';
import { startProgram } from '../program.ts';
import type { Bench, Goal, Row } from '../row.ts';
import { runsOf } from '../row.ts';
import { msUntil } from '../until.ts';

const BYTES = 4096;
const LIMIT_MS = 1_800_000;

function arrived(root: string, prefix: string): number {
  let count = 0;
  for (const folder of fs.readdirSync(root).filter((name) => name.startsWith(prefix))) {
    for (const name of fs.readdirSync(path.join(root, folder))) {
      if (name.startsWith('.lazysync')) continue;
      if (fs.lstatSync(path.join(root, folder, name), { throwIfNoEntry: false })?.size === BYTES) count++;
    }
  }
  return count;
}

function write(place: Place, prefix: string, files: number, folders: number): void {
  for (let at = 0; at < folders; at++) fs.mkdirSync(path.join(place.local, `${prefix}${at}`));
  const content = Buffer.alloc(BYTES, prefix);
  for (let at = 0; at < files; at++)
    fs.writeFileSync(path.join(place.local, `${prefix}${at % folders}`, `f${at}`), content);
}

async function measure(bench: Bench, where: Where, folders: number, most: number): Promise<Row> {
  return await bench.at(where, async (place) => {
    const files = bench.size(1_000, 10);
    const floors = await runsOf(bench, `${where}: floor, ${folders} folders`, (run) => {
      const root = path.join(place.remote, `by-floor-${run}`);
      fs.mkdirSync(root);
      return floor('create', root, String(files), String(folders));
    });
    const program = await startProgram(place);
    try {
      await program.rest();
      const goal: Goal | null = where === 'slow' ? { kind: 'most', value: most } : null;
      let wire = place.wire();
      let was = wire;
      const ours = await runsOf(bench, `${where}: lazysync, ${folders} folders`, async (run) => {
        was = place.wire();
        const prefix = `r${run}-`;
        write(place, prefix, files, folders);
        const ms = await msUntil('all files', () => arrived(place.backing, prefix) === files, LIMIT_MS, 50);
        wire = place.wire();
        await program.rest();
        return ms / 1000;
      });
      return {
        workload: 'c',
        where,
        what: `${files.toLocaleString('en-US')} new files of 4 KiB, ${folders === 1 ? 'one folder' : `${folders} folders`}`,
        unit: 's',
        goal,
        floor: { what: '16 writers, staged and renamed', values: floors },
        peers: [],
        ours,
        processes: program.processes(),
        ...(where === 'slow' ? { wire: { up: wire.up - was.up, down: wire.down - was.down } } : {}),
      };
    } finally {
      await program.stop();
    }
  });
}

export async function manyUploads(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const where of ['slow', 'plain'] as const) {
    if (!bench.on(where)) continue;
    rows.push(await measure(bench, where, 16, 38));
    rows.push(await measure(bench, where, 1, 140));
  }
  return rows;
}
