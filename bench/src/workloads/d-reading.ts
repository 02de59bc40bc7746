/** d. From the open of a stub to the copy; the copy's own speed; many small ones at once. */
import fs from 'node:fs';
import path from 'node:path';
import { floor } from '../floor.ts';
import type { Where } from '../options.ts';
import type { Place } from '../place.ts';
import { startProgram } from '../program.ts';
import type { Bench, Row } from '../row.ts';
import { runsOf } from '../row.ts';
import { startServerWatcher } from '../server-watcher.ts';
import { msUntil, secondsOf } from '../until.ts';

const MIB = 1 << 20;

function isCopy(file: string): boolean {
  return fs.lstatSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

/** The first byte only, as a reader that has just begun; by another thread, since the mount may be slow. */
async function open(file: string): Promise<void> {
  const handle = await fs.promises.open(file);
  await handle.read(Buffer.alloc(1), 0, 1, 0);
  await handle.close();
}

/** MiB per second, the best of some. */
function speed(file: string): number {
  const { size } = fs.statSync(file);
  let best = 0;
  for (let at = 0; at < 5; at++) {
    const begun = performance.now();
    fs.readFileSync(file);
    best = Math.max(best, size / MIB / ((performance.now() - begun) / 1000));
  }
  return best;
}

function prepare(place: Place, bench: Bench): { readonly bytes: number; readonly small: number } {
  const bytes = bench.size(64 * MIB, MIB);
  const small = bench.size(1_000, 10);
  for (let run = 0; run <= bench.options.runs; run++) {
    fs.writeFileSync(path.join(place.backing, `big-${run}`), Buffer.alloc(bytes, `big ${run}`));
    fs.mkdirSync(path.join(place.backing, `small-${run}`));
    for (let at = 0; at < small; at++)
      fs.writeFileSync(path.join(place.backing, `small-${run}`, `f${at}`), Buffer.alloc(4096, `small ${at}`));
  }
  return { bytes, small };
}

/** With somebody beside the disk. */
async function served(bench: Bench): Promise<Row[]> {
  return await bench.at('slow', async (place) => {
    bench.say('slow: makes the files');
    const { small } = prepare(place, bench);
    place.renew();
    const program = await startProgram(place);
    try {
      await program.rest();
      const server = await startServerWatcher(place, program);
      try {
        const values = await runsOf(bench, 'slow: get of many stubs, watcher on the server', async (run) => {
          const folder = path.join(place.local, `small-${run}`);
          return await secondsOf(() => program.run('get', folder));
        });
        return [
          {
            workload: 'd',
            where: 'slow',
            peers: [],
            what: `${small} small stubs, get, watcher on the server`,
            unit: 's',
            goal: { kind: 'most', value: 3 },
            floor: null,
            ours: values,
          },
        ];
      } finally {
        await server.stop();
      }
    } finally {
      await program.stop();
    }
  });
}

async function measure(bench: Bench, where: Where): Promise<Row[]> {
  return await bench.at(where, async (place) => {
    bench.say(`${where}: makes the files`);
    const { bytes, small } = prepare(place, bench);
    place.renew();
    const bigFloor = await runsOf(bench, `${where}: floor, 16 reads at once`, () => {
      place.renew();
      return floor('read', path.join(place.remote, 'big-0'));
    });
    const smallFloor = await runsOf(bench, `${where}: floor, 64 files at once`, () => {
      place.renew();
      return floor('readAll', path.join(place.remote, 'small-0'));
    });
    place.renew();
    const program = await startProgram(place);
    try {
      await program.rest();
      const big = await runsOf(bench, `${where}: a stub is opened`, async (run) => {
        const file = path.join(place.local, `big-${run}`);
        return await secondsOf(async () => {
          const opened = open(file);
          await msUntil('the copy', () => isCopy(file));
          await opened;
        });
      });
      const ratio = speed(path.join(place.local, 'big-1')) / speed(copyOf(place));
      const many = await runsOf(bench, `${where}: get of many stubs`, async (run) => {
        const folder = path.join(place.local, `small-${run}`);
        return await secondsOf(() => program.run('get', folder));
      });
      const slow = where === 'slow';
      const common = { workload: 'd', where, peers: [] } as const;
      const mib = bytes / MIB;
      return [
        {
          ...common,
          what: `stub of ${mib} MiB opened -> copy`,
          unit: 's',
          goal: slow ? { kind: 'most', value: 3.5 } : null,
          floor: { what: '16 reads of 128 KiB', values: bigFloor },
          ours: big,
          processes: program.processes(),
        },
        {
          ...common,
          what: 'warm reads of the copy, share of native',
          unit: '',
          goal: { kind: 'least', value: 0.95 },
          floor: null,
          ours: [ratio],
        },
        {
          ...common,
          what: `${small} small stubs, get`,
          unit: 's',
          goal: slow ? { kind: 'most', value: 13 } : null,
          floor: { what: '64 reads at once', values: smallFloor },
          ours: many,
        },
      ];
    } finally {
      await program.stop();
    }
  });
}

/** The same bytes in a file that the program never saw. */
function copyOf(place: Place): string {
  const file = path.join(place.top, 'native');
  fs.copyFileSync(path.join(place.local, 'big-1'), file);
  return file;
}

export async function reading(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const where of ['slow', 'plain'] as const) if (bench.on(where)) rows.push(...(await measure(bench, where)));
  if (bench.on('slow')) rows.push(...(await served(bench)));
  return rows;
}
