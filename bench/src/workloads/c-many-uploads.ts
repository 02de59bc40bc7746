/** c. Many new small files in local, until all are whole in the remote. */
import fs from 'node:fs';
import path from 'node:path';
import { floor } from '../floor.ts';
import type { Where } from '../options.ts';
import type { Place, Wire } from '../place.ts';
import { startProgram } from '../program.ts';
import type { Bench, Goal, Row } from '../row.ts';
import { runsOf } from '../row.ts';
import { type ServerWatcher, startServerWatcher } from '../server-watcher.ts';
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

interface Uploads {
  readonly where: Where;
  readonly folders: number;
  /** A watcher runs beside the remote's disk. */
  readonly served: boolean;
  readonly goal: Goal | null;
}

async function measure(bench: Bench, { where, folders, served, goal }: Uploads): Promise<Row[]> {
  return await bench.at(where, async (place) => {
    const files = bench.size(1_000, 10);
    const how = `${folders === 1 ? 'one folder' : `${folders} folders`}${served ? ', watcher on the server' : ''}`;
    const floors = await runsOf(bench, `${where}: floor, ${how}`, (run) => {
      const root = path.join(place.remote, `by-floor-${run}`);
      fs.mkdirSync(root);
      return floor('create', root, String(files), String(folders));
    });
    const program = await startProgram(place);
    let server: ServerWatcher | null = null;
    let jobs = Number.NaN;
    try {
      await program.rest();
      if (served) server = await startServerWatcher(place, program);
      let wire: Wire = { up: 0, down: 0 };
      const ours = await runsOf(bench, `${where}: lazysync, ${how}`, async (run) => {
        const before = place.wire();
        const prefix = `r${run}-`;
        write(place, prefix, files, folders);
        const ms = await msUntil('all files', () => arrived(place.backing, prefix) === files, LIMIT_MS, 50);
        const after = place.wire();
        wire = { up: after.up - before.up, down: after.down - before.down };
        await program.rest();
        return ms / 1000;
      });
      const processes = program.processes();
      if (server !== null) jobs = await server.stop();
      server = null;
      const common = { workload: 'c', where, peers: [] } as const;
      const time: Row = {
        ...common,
        what: `${files.toLocaleString('en-US')} new files of 4 KiB, ${how}`,
        unit: 's',
        goal,
        floor: { what: '16 writers, staged and renamed', values: floors },
        ours,
        processes,
        ...(where === 'slow' ? { wire } : {}),
      };
      const own: Row = {
        ...common,
        what: `jobs that ${files.toLocaleString('en-US')} own uploads add, ${how}`,
        unit: 'jobs',
        goal: null,
        floor: null,
        ours: [jobs / bench.options.runs],
      };
      return served ? [time, own] : [time];
    } finally {
      await server?.stop();
      await program.stop();
    }
  });
}

export async function manyUploads(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const most = (value: number): Goal => ({ kind: 'most', value });
  if (bench.on('slow')) {
    rows.push(...(await measure(bench, { where: 'slow', folders: 16, served: false, goal: most(38) })));
    rows.push(...(await measure(bench, { where: 'slow', folders: 16, served: true, goal: most(3) })));
    rows.push(...(await measure(bench, { where: 'slow', folders: 1, served: false, goal: most(140) })));
  }
  if (bench.on('plain')) {
    for (const folders of [16, 1])
      rows.push(...(await measure(bench, { where: 'plain', folders, served: false, goal: null })));
  }
  return rows;
}
