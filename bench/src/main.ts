/** `npm run bench`: measures the program beside the floor and beside what else is installed. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readOptions, USAGE } from './options.ts';
import { runSuite } from './suite.ts';
import { markdownOf, processTable, summaryOf } from './table.ts';

const options = readOptions(process.argv.slice(2));
if (typeof options === 'string') {
  process.stderr.write(`bench: ${options}\n\n${USAGE}\n`);
  process.exit(2);
}
const begun = performance.now();
const say = (text: string): void => {
  const seconds = ((performance.now() - begun) / 1000).toFixed(0).padStart(5);
  process.stderr.write(`${seconds} s  ${text}\n`);
};
const machine = {
  cpus: os.cpus().length,
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  kernel: os.release(),
  node: process.version,
  loadBefore: os.loadavg()[0],
};
const { rows, skipped } = await runSuite(options, say, (got) => process.stderr.write(`${markdownOf(got)}\n`));
const { out, ...how } = options;
const link = options.where.includes('slow') ? `, ${how.rtt} ms and ${how.mbit} Mbit/s where slow` : '';
const intro = `${machine.cpus} CPUs, load ${machine.loadBefore?.toFixed(1)} before, Node ${machine.node}, Linux ${machine.kernel}; ${how.runs} runs, medians${link}${how.scale === 1 ? '' : `, scale ${how.scale}`}.`;
const page = [intro, markdownOf(rows), processTable(rows), skipped.map((one) => `- ${one}`).join('\n')]
  .filter((part) => part !== '')
  .join('\n\n');
process.stdout.write(`${page}\n`);
if (out !== null) {
  fs.mkdirSync(out, { recursive: true });
  fs.writeFileSync(path.join(out, 'bench.md'), `${page}\n`);
  fs.writeFileSync(
    path.join(out, 'bench.json'),
    `${JSON.stringify({ machine, how, rows: rows.map(summaryOf), skipped }, null, 2)}\n`,
  );
}
if (skipped.some((one) => one.startsWith('Workload'))) process.exitCode = 1;
