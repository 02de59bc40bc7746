/** h. What goes through the lane: many changes at once, and a single one when all is quiet. */
import fs from 'node:fs';
import path from 'node:path';
import { quantile } from '../numbers.ts';
import { startProgram } from '../program.ts';
import type { Bench, Row } from '../row.ts';
import { runsOf } from '../row.ts';
import { countBelow } from '../trees.ts';
import { msUntil } from '../until.ts';

/** Of the default configuration, s. */
const SETTLE = 0.2;

export async function lane(bench: Bench): Promise<readonly Row[]> {
  if (!bench.on('plain')) return [];
  return await bench.at('plain', async (place) => {
    const files = bench.size(20_000, 100);
    const folders = 20;
    const program = await startProgram(place);
    try {
      await program.rest();
      const rates = await runsOf(bench, 'changes of another process in the remote', async (run) => {
        const top = path.join(place.remote, `run-${run}`);
        for (let at = 0; at < folders; at++) fs.mkdirSync(path.join(top, `d${at}`), { recursive: true });
        await program.rest();
        for (let at = 0; at < files; at++) fs.writeFileSync(path.join(top, `d${at % folders}`, `f${at}`), '');
        const here = path.join(place.local, `run-${run}`);
        // Listing all of it again and again would be a load of its own: what was made last is looked for.
        const last = Array.from({ length: folders }, (_one, n) => files - folders + n)
          .filter((at) => at >= 0)
          .map((at) => path.join(here, `d${at % folders}`, `f${at}`));
        const all = (): boolean =>
          last.every((at) => fs.lstatSync(at, { throwIfNoEntry: false }) !== undefined) &&
          countBelow(here) === files + folders;
        const ms = await msUntil('all stubs', all, 600_000, 20);
        await program.rest();
        return files / (ms / 1000);
      });
      const count = bench.size(30, 3);
      const quiet: number[] = [];
      for (let at = 0; at < count; at++) {
        bench.say(`one change when all is quiet, ${at + 1} of ${count}`);
        await program.rest();
        const file = path.join(place.local, `one-${at}`);
        const there = path.join(place.remote, `one-${at}`);
        fs.writeFileSync(file, '');
        quiet.push((await msUntil('the change', () => fs.existsSync(there), 60_000, 1)) / 1000 - SETTLE);
      }
      const common = { workload: 'h', where: 'plain', floor: null, peers: [] } as const;
      return [
        {
          ...common,
          what: `${files.toLocaleString('en-US')} new files in the remote, until each is a stub`,
          unit: 'changes/s',
          goal: { kind: 'least', value: 10_000 },
          ours: rates,
          processes: program.processes(),
        },
        {
          ...common,
          what: 'one change when all is quiet, beyond the settle time, p50',
          unit: 's',
          goal: { kind: 'most', value: 0.02 },
          ours: [quantile(quiet, 0.5)],
        },
      ];
    } finally {
      await program.stop();
    }
  });
}
