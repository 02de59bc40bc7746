/** b. How long one change takes to the other side, settle time included. */
import fs from 'node:fs';
import path from 'node:path';
import { quantile } from '../numbers.ts';
import type { Where } from '../options.ts';
import type { Place } from '../place.ts';
import { startProgram } from '../program.ts';
import type { Bench, Goal, Row } from '../row.ts';
import { startServerWatcher } from '../server-watcher.ts';
import { makeTree } from '../trees.ts';
import { msUntil } from '../until.ts';

const LIMIT_MS = 120_000;
const EVERY_MS = 2;

function sizeOf(file: string): number {
  return fs.lstatSync(file, { throwIfNoEntry: false })?.size ?? -1;
}

/** Seconds from a write at `here` until a file of that size is at `there`. */
async function arrives(here: string, there: string, content: string): Promise<number> {
  fs.writeFileSync(here, content);
  return (await msUntil(there, () => sizeOf(there) === content.length, LIMIT_MS, EVERY_MS)) / 1000;
}

async function local(bench: Bench, place: Place, count: number) {
  const creates: number[] = [];
  const edits: number[] = [];
  for (let at = 1; at <= count; at++) {
    bench.say(`${place.where}: local -> remote, ${at} of ${count}`);
    const [here, there] = [path.join(place.local, `new-${at}.txt`), path.join(place.backing, `new-${at}.txt`)];
    creates.push(await arrives(here, there, 'new here'));
    edits.push(await arrives(here, there, 'changed, and longer'));
  }
  return { creates, edits };
}

async function remote(bench: Bench, place: Place, count: number, how: string): Promise<number[]> {
  const all: number[] = [];
  for (let at = 1; at <= count; at++) {
    bench.say(`${place.where}: remote -> local, ${how}, ${at} of ${count}`);
    const name = `far-${how.slice(0, 2)}-${at}.txt`;
    fs.writeFileSync(path.join(place.backing, name), 'new there');
    const here = path.join(place.local, name);
    const there = (): boolean => fs.lstatSync(here, { throwIfNoEntry: false }) !== undefined;
    all.push((await msUntil(here, there, LIMIT_MS, EVERY_MS)) / 1000);
  }
  return all;
}

/** The least there is: the file written through the mount, until it is behind it. */
async function least(place: Place, count: number): Promise<number[]> {
  const all: number[] = [];
  for (let at = 1; at <= count; at++) {
    const begun = performance.now();
    await fs.promises.writeFile(path.join(place.remote, `floor-${at}.txt`), 'new here');
    all.push((performance.now() - begun) / 1000);
  }
  return all;
}

const most = (value: number): Goal => ({ kind: 'most', value });

async function measure(bench: Bench, where: Where): Promise<Row[]> {
  return await bench.at(where, async (place) => {
    const slow = where === 'slow';
    makeTree(place.backing, { files: bench.size(1_000, 20), folders: bench.size(50, 2), bytes: 1000 });
    if (slow) place.renew('dcache_timeout=1');
    const count = bench.size(20, 2);
    const floors = await least(place, count);
    const program = await startProgram(place);
    try {
      await program.rest();
      const { creates, edits } = await local(bench, place, count);
      const far = await remote(bench, place, count, slow ? 'by polling' : 'seen by the kernel');
      let pushed: number[] = [];
      if (slow) {
        const server = await startServerWatcher(place, program);
        try {
          pushed = await remote(bench, place, count, 'with a watcher on the server');
        } finally {
          await server.stop();
        }
      }
      const common = { workload: 'b', where, unit: 's', peers: [] } as const;
      const of = (what: string, values: number[], share: number, goal: Goal | null): Row => ({
        ...common,
        what: `${what}, p${share * 100}`,
        goal: slow ? goal : null,
        floor: what.startsWith('new') ? { what: 'write through', values: [quantile(floors, share)] } : null,
        ours: [quantile(values, share)],
      });
      return [
        of('new file, local -> remote', creates, 0.5, most(0.6)),
        of('new file, local -> remote', creates, 0.95, most(1.3)),
        of('edit, local -> remote', edits, 0.5, most(0.9)),
        of(`remote -> local, ${slow ? 'polling, dcache_timeout=1' : 'one host'}`, far, 0.5, null),
        of(`remote -> local, ${slow ? 'polling, dcache_timeout=1' : 'one host'}`, far, 0.95, most(4)),
        ...(slow
          ? [
              of('remote -> local, watcher on the server', pushed, 0.5, most(0.3)),
              of('remote -> local, watcher on the server', pushed, 0.95, null),
            ]
          : []),
      ];
    } finally {
      await program.stop();
    }
  });
}

export async function oneChange(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const where of ['slow', 'plain'] as const) if (bench.on(where)) rows.push(...(await measure(bench, where)));
  return rows;
}
